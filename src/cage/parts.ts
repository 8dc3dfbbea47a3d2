import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { TollgateError } from '../errors/tollgate-error.ts'
import { asNobody, type CageParts } from './boxes.ts'

/** The first release of isolated-vm without a known escape (GHSA-864f-rcv7-6rh4). */
const ENGINE_VERSION_MIN = [7, 0, 1] as const

const failure = (message: string, cause?: unknown): TollgateError =>
  new TollgateError('INTERNAL_CAGE_START', message, { gate: 'cage', cause })

/** Whether a release is at least the one that is needed; a pre-release of it is not. */
export function isEngineSafe(version: string): boolean {
  const [release = '', ...rest] = version.split('-')
  const parts = release.split('.').map(Number)
  for (const [at, least] of ENGINE_VERSION_MIN.entries()) {
    const part = parts[at] ?? 0
    if (Number.isNaN(part) || part < least) return false
    if (part > least) return true
  }
  return rest.length === 0
}

/** The addon, found where the library itself looks for it, so that the cage needs none of the library's JavaScript. */
function findAddon(): string {
  const require = createRequire(import.meta.url)
  const manifest = require.resolve('isolated-vm/package.json')
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  if (!isEngineSafe(version)) {
    const needed = ENGINE_VERSION_MIN.join('.')
    throw new TollgateError(
      'CONFIG_ENGINE_UNSAFE',
      `isolated-vm ${version} has a known escape; ${needed} or newer is needed.`,
      { gate: 'cage' },
    )
  }
  const finder = createRequire(manifest)('node-gyp-build') as { path(folder: string): string }
  return realpathSync(finder.path(dirname(manifest)))
}

/** Where the loader looks for each library of this process, and the file behind it; read from Node's own report. */
function findLibraries(): CageParts['libraries'] {
  // The types do not know this switch: without it the report asks the network for names.
  const report = process.report as typeof process.report & { excludeNetwork: boolean }
  const { excludeNetwork } = report
  report.excludeNetwork = true
  const { sharedObjects } = report.getReport() as { sharedObjects?: string[] }
  report.excludeNetwork = excludeNetwork
  return (sharedObjects ?? [])
    .filter((path) => path.startsWith('/') && !path.endsWith('.node'))
    .map((path) => ({ path, file: realpathSync(path) }))
}

function bundled(name: string): string {
  const manifest = findPackageJSON(import.meta.url)
  if (manifest === undefined) throw failure('The folder of the package cannot be found.')
  return join(dirname(manifest), 'dist', 'cage', name)
}

/** The entry that behaves as a program which has taken a cage over. */
export const attackEntry = (): string => bundled('self-attack.mjs')

/** Whether uid 65534 could run what a cage is made of; found by trying. A folder that only root may enter is the usual reason why not. */
function canBeNobody(nodePath: string, ...files: readonly string[]): boolean {
  if (process.getuid?.() !== 0) return false
  const script = '[ -x "$1" ] && for file do [ -r "$file" ] || exit 1; done'
  const { command, args } = asNobody('sh', '-c', script, 'sh', nodePath, ...files)
  return spawnSync(command, args, { stdio: 'ignore', env: {}, cwd: '/' }).status === 0
}

/**
 * Modules that a cage goes without, where this Node has them: SQLite opens files past the permission model, FFI calls native
 * code, and storage keeps a file.
 */
const MODULES = ['sqlite', 'ffi', 'webstorage'] as const
const withoutModules = (): string[] =>
  MODULES.filter((name) => process.allowedNodeEnvironmentFlags.has(`--experimental-${name}`)).map(
    (name) => `--no-experimental-${name}`,
  )

type Fixed = Pick<CageParts, 'nodePath' | 'addon' | 'libraries' | 'isRoot' | 'withoutModules'>
let fixed: Fixed | undefined
/** By entry. */
const readableByNobody = new Map<string, boolean>()

function gatherFixed(): Fixed {
  const [nodePath, addon] = [realpathSync(process.execPath), findAddon()]
  return {
    nodePath,
    addon,
    libraries: findLibraries(),
    isRoot: process.getuid?.() === 0,
    withoutModules: withoutModules(),
  }
}

/**
 * Gathers what a cage is made of: this Node, the bundled entry, the addon. Throws INTERNAL_CAGE_START for what is missing and
 * CONFIG_ENGINE_UNSAFE for an addon with a known escape.
 */
export function gatherParts(
  entry: string = bundled('main.mjs'),
): Omit<CageParts, 'isJitless' | 'hasPermissions'> {
  if (!existsSync(entry)) throw failure('The entry of the cage is missing; run `npm run build`.')
  const { nodePath, addon } = (fixed ??= gatherFixed())
  const file = realpathSync(entry)
  // Only T1 asks, and asking starts a process.
  const isReadable = (): boolean => {
    const known = readableByNobody.get(file) ?? canBeNobody(nodePath, addon, file)
    readableByNobody.set(file, known)
    return known
  }
  return { ...fixed, entry: file, canBeNobody: isReadable }
}
