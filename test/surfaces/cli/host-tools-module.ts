import { join } from 'node:path'

/** The module of host tools that the tests hand to `--tools`. It lies in the checkout, where the package can be imported by its name. */
export const toolsModule = join(import.meta.dirname, 'fixtures', 'host-tools.ts')
