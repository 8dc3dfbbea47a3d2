/**
 * What a contender must be able to do. An adapter opens it inside a process of its own (see `measure/lane-process.ts`), so
 * nothing that it breaks reaches the benchmark or another contender.
 */
import { readFileSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** One run: `source` is the text of an `async (input, call) => value` function; input and value are JSON data. */
export type GuestRun = {
  readonly source: string
  readonly input?: unknown
  /** On whose behalf; only a contender that knows principals keeps them apart. */
  readonly principal?: string
}

export type Setting = {
  readonly deadlineMs: number
  readonly memoryMb: number
  /** Runs that go on at once at most. */
  readonly runsAtOnce: number
  /** Only Tollgate knows the difference: a write is recorded before it is done, and synced. Default: read. */
  readonly callEffect?: 'read' | 'write'
  /** The function of the host that guests reach as `call(argument)`; JSON data both ways. */
  readonly call: (argument: unknown) => Promise<unknown>
}

/** A contender that is ready to run guests, each in the freshest isolation that it has. */
export type Opened = {
  readonly run: (guest: GuestRun) => Promise<unknown>
  /** Keeps so many prepared, idle instances in memory; absent where nothing can be prepared ahead. */
  readonly hold?: (count: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** What a contender may be unable to do; the reason stands in its place in the table. */
export type Ability = 'call' | 'callsAtOnce' | 'runsAtOnce' | 'megabyteIn' | 'megabyteOut'

export type Rival = {
  readonly name: string
  /** The npm package under test, whose version is told; absent for what Node has built in. */
  readonly npm?: string
  /** What stands between guest and host. */
  readonly isolation: string
  /** How a second process is had: by opening it twice, or by a second run at once. */
  readonly scalesBy: 'opening twice' | 'runs at once'
  readonly cannot?: Partial<Record<Ability, string>>
  readonly open: (setting: Setting) => Promise<Opened>
}

const folder = import.meta.dirname
const own = createRequire(join(folder, 'package.json'))

/** Where a file of an installed package lies. Throws Node's own error where it is not installed. */
export const findInRivals = (specifier: string): string => own.resolve(specifier)

type Manifest = {
  readonly version: string
  readonly exports?: Record<string, unknown>
  readonly main?: string
}

/** The manifest of a package that is installed here, or that Tollgate itself needs. */
const findManifest = (name: string): { readonly path: string; readonly manifest: Manifest } | undefined => {
  let path: string | undefined
  try {
    path = findPackageJSON(name, join(folder, 'package.json'))
  } catch {
    return undefined
  }
  return path === undefined
    ? undefined
    : { path, manifest: JSON.parse(readFileSync(path, 'utf8')) as Manifest }
}

/** The first file that `import` would take: conditions may be nested. */
const pick = (target: unknown): string | undefined => {
  if (typeof target === 'string') return target
  if (typeof target !== 'object' || target === null) return undefined
  const conditions = target as Record<string, unknown>
  return pick(conditions['import'] ?? conditions['node'] ?? conditions['default'])
}

/** Loads an installed package; the type is what the adapter uses of it. Packages that forbid `require` are found, too. */
export const loadRival = async <Module>(name: string): Promise<Module> => {
  const found = findManifest(name)
  if (found === undefined) throw new Error(`${name} is not installed`)
  const { path, manifest } = found
  const entry = pick(manifest.exports?.['.']) ?? manifest.main ?? 'index.js'
  const module: unknown = await import(pathToFileURL(join(dirname(path), entry)).href)
  return module as Module
}

/** The installed release of a package, or undefined. */
export const installedVersion = (name: string): string | undefined => findManifest(name)?.manifest.version

/** A program that an adapter starts in another process. */
export const programFile = (name: string): string => join(folder, 'programs', name)

/** Rejects after `ms`; what is late is left to whoever waits. */
export const withinMs = async <Value>(
  work: Promise<Value>,
  ms: number,
  onLate: () => void,
): Promise<Value> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    onLate()
    reject(new Error(`ended by the embedder after ${ms} ms`))
  }, ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}
