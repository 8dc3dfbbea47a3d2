import { dirname, resolve } from 'node:path'
import { build, stop, type BuildFailure, type BuildResult } from 'esbuild'
import type { BundleFault, BundleParts, BundleQuestion } from '../wire.ts'
import { COMPUTED_FAULT, firstFault, SIZE_FAULT } from './faults.ts'
import { fence } from './fence.ts'
import { packPositions } from './pack-positions.ts'
import { Reach } from './reach.ts'

const isFailure = (error: unknown): error is BuildFailure => Array.isArray((error as BuildFailure).errors)

/**
 * The bundler calls the function around a CommonJS module by its path, which the guest can read. In its place comes the name of
 * the file, filled up to the same length, so that the positions hold.
 */
const withoutPaths = (module: string, nameOf: (path: string) => string | undefined): string =>
  module.replaceAll(WRAPPED, (whole, quote: string, mark: string, written: string) => {
    const name = nameOf(unquoted(written))
    if (name === undefined) return whole
    const size = mark.length + written.length
    const plain = (mark + name).replaceAll(NOT_IN_A_LITERAL, '?')
    return quote + plain.padEnd(size).slice(0, size) + quote
  })

/** The one property of an object that an opening call is given: in quotes of either kind, and what a path holds may be escaped. */
const WRAPPED = /(?<=\(\{)(["'])((?:\(disabled\):)?)((?:\\.|(?!\1)[^\\\n])+)\1(?=\()/g
const NOT_IN_A_LITERAL = /["'\\\p{C}\p{Zl}\p{Zp}]/gu
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  v: '\v',
  0: '\0',
}

const unquoted = (written: string): string =>
  written.replaceAll(
    /\\(?:u([\da-f]{4})|x([\da-f]{2})|(.))/gi,
    (_, long: string | undefined, short: string | undefined, one: string) => {
      const code = long ?? short
      return code === undefined ? (ESCAPES[one] ?? one) : String.fromCharCode(Number.parseInt(code, 16))
    },
  )

/** What the bundler adds where a computed path is imported, with every file that may be meant. */
const CHOOSES_A_FILE = 'var __glob=map=>path=>{'

/** Bundles a tool with its own files and the packages that it imports. Nothing of it is run, and no configuration of it is read. */
export async function bundleTool(
  { file, text, isScript }: BundleQuestion,
  openReach = (folder: string): Reach => new Reach(folder),
): Promise<BundleParts | BundleFault> {
  const reach = openReach(dirname(file))
  // The bundler names files from its working folder; so the same tool is the same bundle, wherever its folder stands.
  const nameOf = (path: string): string | undefined => reach.nameOf(resolve(reach.folder, path))
  let result: BuildResult<{ write: false }>
  try {
    result = await build({
      entryPoints: [file],
      outfile: 'tool.js',
      absWorkingDir: reach.folder,
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
      plugins: [fence(reach, { path: file, text, isScript })],
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
  if (module?.text.includes(CHOOSES_A_FILE) === true) return COMPUTED_FAULT
  return { module: withoutPaths(module?.text ?? '', nameOf), ...packPositions(map?.text ?? '', nameOf) }
}
