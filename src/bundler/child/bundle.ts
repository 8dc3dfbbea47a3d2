import { realpathSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { build, stop, type BuildFailure, type BuildResult } from 'esbuild'
import type { BundleFault, BundleParts, BundleQuestion } from '../wire.ts'
import { firstFault, SIZE_FAULT } from './faults.ts'
import { fence } from './fence.ts'
import { packPositions } from './pack-positions.ts'
import { Reach } from './reach.ts'

const isFailure = (error: unknown): error is BuildFailure => Array.isArray((error as BuildFailure).errors)

/**
 * The bundler calls the function around a CommonJS module by its path, which the guest can read. In its place comes the name of
 * the file, filled up to the same length, so that the positions hold.
 */
const withoutPaths = (module: string, nameOf: (path: string) => string | undefined): string =>
  module.replaceAll(/"((?:\(disabled\):)?)([^"\n]+)"\(/g, (whole, mark: string, path: string) => {
    const name = nameOf(path)
    return name === undefined
      ? whole
      : `"${(mark + name).padEnd(mark.length + path.length).slice(0, mark.length + path.length)}"(`
  })

/** Bundles a tool with its own files and the packages that it imports. Nothing of it is run, and no configuration of it is read. */
export async function bundleTool(
  { file, text, isScript }: BundleQuestion,
  openReach = (folder: string): Reach => new Reach(folder),
): Promise<BundleParts | BundleFault> {
  const real = realpathSync(file)
  const reach = openReach(dirname(real))
  // The bundler names files from its working folder, the root.
  const nameOf = (path: string): string | undefined => reach.nameOf(join(sep, path))
  let result: BuildResult<{ write: false }>
  try {
    result = await build({
      entryPoints: [real],
      outfile: 'tool.js',
      absWorkingDir: sep,
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      // Pure packages are written for the web: what else they bring is for Node.
      mainFields: ['browser', 'module', 'main'],
      conditions: ['browser', 'module'],
      resolveExtensions: ['.ts', '.mts', '.js', '.mjs', '.cjs', '.json'],
      define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
      tsconfigRaw: {},
      target: 'es2024',
      charset: 'utf8',
      legalComments: 'none',
      minifyWhitespace: true,
      sourcemap: 'external',
      sourcesContent: false,
      logLevel: 'silent',
      plugins: [fence(reach, { path: real, text, isScript })],
    })
  } catch (error) {
    if (reach.isSpent) return SIZE_FAULT
    const fault = isFailure(error) ? firstFault(error, nameOf) : undefined
    if (fault !== undefined) return fault
    throw error
  } finally {
    await stop()
  }
  const fault = firstFault(result, nameOf)
  if (fault !== undefined) return fault
  const [map, module] = ['.map', '.js'].map((end) =>
    result.outputFiles.find(({ path }) => path.endsWith(end)),
  )
  return { module: withoutPaths(module?.text ?? '', nameOf), ...packPositions(map?.text ?? '', nameOf) }
}
