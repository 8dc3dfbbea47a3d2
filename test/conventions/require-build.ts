import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const cageEntry = join(root, 'dist', 'cage', 'main.js')
const bundled = ['runtime', 'src/cage']

const newestMs = (folder: string): number =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .reduce((newest, name) => Math.max(newest, statSync(join(root, folder, name)).mtimeMs), 0)

const problem = (): string | undefined => {
  const built = statSync(cageEntry, { throwIfNoEntry: false })
  if (built === undefined) return 'dist/cage/main.js does not exist'
  if (bundled.some((folder) => newestMs(folder) > built.mtimeMs))
    return 'dist/cage/main.js is older than its sources'
  return undefined
}

/**
 * Tests start the built cage, so a stale build would test yesterday's code. `npm test` builds first; whoever calls vitest by
 * hand is warned, and in CI the run stops.
 */
export function setup(): void {
  const found = problem()
  if (found === undefined) return
  const advice = `${found}: run \`npm run build\` first`
  if (process.env['CI'] !== undefined) throw new Error(advice)
  process.stderr.write(`\n  ${advice}\n\n`)
}
