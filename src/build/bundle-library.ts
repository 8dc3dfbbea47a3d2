import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/** The entries of the package and of its command, by the name of the file that they become. */
const ENTRIES = {
  index: 'index.ts',
  policy: 'policy.ts',
  admin: 'admin.ts',
  report: 'surfaces/cli/report.ts',
  main: 'surfaces/cli/main.ts',
}
/** Half of its files are error texts in fifty languages, so what is used of it is taken into the bundle. */
const TAKEN_IN = 'zod'

/**
 * Bundles the library and its command into dist/lib, with all that they share in chunks: a process that uses Tollgate loads ten
 * files instead of three hundred. Other packages stay outside. Types are those that the compiler wrote under dist/src.
 */
export const bundleLibrary = async (checkout: string): Promise<void> => {
  const { dependencies } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const folder = join(checkout, 'dist', 'lib')
  rmSync(folder, { recursive: true, force: true })
  const { metafile } = await build({
    entryPoints: Object.fromEntries(
      Object.entries(ENTRIES).map(([name, path]) => [name, join(checkout, 'src', path)]),
    ),
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    charset: 'utf8',
    sourcemap: true,
    external: Object.keys(dependencies).filter((name) => name !== TAKEN_IN),
    logLevel: 'silent',
    metafile: true,
  })
  const taken = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
  if (taken.some((path) => /\/locales\/(?!en)/.test(path)))
    throw new Error(
      `Write import * as z from '${TAKEN_IN}': any other form takes its texts in fifty languages along.`,
    )
  copyFileSync(join(checkout, 'node_modules', TAKEN_IN, 'LICENSE'), join(folder, `${TAKEN_IN}.LICENSE`))
}
