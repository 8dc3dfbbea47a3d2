/** What the host's process has at one moment, and what it leaves behind. */
import { readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { quantile } from '../measure/statistics.ts'
import { stateOf } from './host.ts'
import type { Window } from './load.ts'
import { offspringOf } from './processes.ts'

/** One look at the host. Sizes in bytes, times in milliseconds. */
export type Sample = {
  readonly atSeconds: number
  /** After a collection of garbage. */
  readonly heapBytes: number
  readonly residentBytes: number
  readonly descriptors: number
  readonly processes: number
  readonly zombies: number
  readonly stateBytes: number
  readonly runs: number
  /** Of the runs since the sample before; absent when there was none. */
  readonly trivialP50?: number
  readonly goodP50?: number
  readonly goodP99?: number
}

const findCollector = (): (() => void) => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
let collector: (() => void) | undefined

/** Collects what is garbage now, twice: what the first pass frees may hold more. */
const collectGarbage = (): void => {
  collector ??= findCollector()
  collector()
  collector()
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** Bytes that the state of a host takes up on disk. */
const stateBytesOf = (folder: string): number => {
  try {
    const state = stateOf(folder)
    return readdirSync(state).reduce((sum, name) => sum + sizeOf(join(state, name)), 0)
  } catch {
    return 0
  }
}

/** Looks at this process, which is the host. */
export const takeSample = (folder: string, startMs: number, window: Window): Sample => {
  collectGarbage()
  const { heapUsed, external, rss } = process.memoryUsage()
  const { alive, zombies } = offspringOf(process.pid)
  return {
    atSeconds: Math.round((performance.now() - startMs) / 100) / 10,
    heapBytes: heapUsed + external,
    residentBytes: rss,
    descriptors: openDescriptors(),
    processes: alive.length,
    zombies: zombies.length,
    stateBytes: stateBytesOf(folder),
    runs: window.runs,
    ...(window.trivial.length > 0 && { trivialP50: quantile(window.trivial, 0.5) }),
    ...(window.good.length > 0 && {
      goodP50: quantile(window.good, 0.5),
      goodP99: quantile(window.good, 0.99),
    }),
  }
}

/** What this process has that could be left behind. */
export type Traces = {
  readonly processes: number
  readonly descriptors: number
  readonly heapBytes: number
  /** What lies in the folder for temporary files. */
  readonly temporary: readonly string[]
}

/** Looks for traces. The folder is one that this process alone has for its temporary files. */
export const takeTraces = (): Traces => {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  const { alive, zombies } = offspringOf(process.pid)
  return {
    processes: alive.length + zombies.length,
    descriptors: openDescriptors(),
    heapBytes: heapUsed + external,
    temporary: readdirSync(tmpdir()),
  }
}
