/**
 * What a contender must be able to do. An adapter opens it inside a process of its own (see `measure/lane-process.ts`), so
 * nothing that it breaks reaches the benchmark or another contender.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
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
  /** The function of the host that guests reach as `call(argument)`; JSON data both ways. */
  call(argument: unknown): Promise<unknown>
}

/** A contender that is ready to run guests, each in the freshest isolation that it has. */
export type Opened = {
  run(guest: GuestRun): Promise<unknown>
  /** Keeps so many prepared, idle instances in memory; absent where nothing can be prepared ahead. */
  hold?(count: number): Promise<void>
  close(): Promise<void>
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
  open(setting: Setting): Promise<Opened>
}

const folder = import.meta.dirname
const own = createRequire(join(folder, 'package.json'))

/** Where a file of an installed package lies. Throws Node's own error where it is not installed. */
export const findInRivals = (specifier: string): string => own.resolve(specifier)

/** Loads an installed package; the type is what the adapter uses of it. */
export const loadRival = async <Module>(specifier: string): Promise<Module> => {
  const module: unknown = await import(pathToFileURL(findEntry(specifier)).href)
  return module as Module
}

type Manifest = { version: string; exports?: Record<string, unknown>; main?: string }
const manifestOf = (name: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as Manifest

/** The first file that `import` would take: conditions may be nested. */
const pick = (target: unknown): string | undefined => {
  if (typeof target === 'string') return target
  if (typeof target !== 'object' || target === null) return undefined
  const conditions = target as Record<string, unknown>
  return pick(conditions['import'] ?? conditions['node'] ?? conditions['default'])
}

/** Packages for `import` only are not found by `require.resolve`, so their manifest is read. */
const findEntry = (name: string): string => {
  const { exports, main } = manifestOf(name)
  const entry = pick(exports?.['.']) ?? main
  return join(folder, 'node_modules', name, entry ?? 'index.js')
}

/** The installed release of a package of the rivals, or undefined. */
export const installedVersion = (name: string): string | undefined => {
  try {
    return manifestOf(name).version
  } catch {
    return undefined
  }
}

/** A program that an adapter starts in another process. */
export const programFile = (name: string): string => join(folder, 'programs', name)

/** Rejects after `ms`; what is late is left to whoever waits. */
export const withinMs = async <Value>(work: Promise<Value>, ms: number, onLate: () => void): Promise<Value> => {
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
