/** Keeps runs going, a fixed number at once, and counts how they ended. */
import { setTimeout as rest } from 'node:timers/promises'
import type { RunResult } from '../../src/index.ts'
import type { SoakHost } from './host.ts'
import type { Kind } from './kinds.ts'

/** How the runs of one kind ended. */
export type Tally = {
  readonly kind: string
  readonly expected: string
  /** Its runs are ended by force. */
  readonly kills: boolean
  right: number
  wrong: number
}
/** A run that ended otherwise than it must. */
export type Surprise = { readonly kind: string; readonly runId: string; readonly what: string }
/** Times of one window, in milliseconds: of all good runs, and of those that do next to nothing. */
export type Window = {
  readonly good: readonly number[]
  readonly trivial: readonly number[]
  readonly runs: number
}

export type LoadSetting = {
  readonly host: SoakHost
  readonly kinds: readonly Kind[]
  readonly seed: number
  readonly concurrency: number
  /** Ends after so many runs; without it, when it is told to. */
  readonly runsMax?: number
  /** The share of runs that end by force; without it the weights of the kinds decide. */
  readonly killShare?: number
  /** Longest rest of a worker between two runs. */
  readonly restMs?: number
}

const SURPRISES_MAX = 50
/** A seeded generator (mulberry32): the same seed asks for the same runs in the same order. */
const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const weigh = (kinds: readonly Kind[], random: () => number): Kind => {
  let left = random() * kinds.reduce((sum, { weight }) => sum + weight, 0)
  for (const kind of kinds) if ((left -= kind.weight) < 0) return kind
  return kinds.at(-1) as Kind
}

const wrongWith = ({ expected, check }: Kind, result: RunResult): string | undefined => {
  const { status, error } = result
  const ended = error?.code ?? status
  return ended === expected ? check?.(result) : `it ended with ${ended}: ${error?.message ?? ''}`
}

/** Runs of many kinds, some at once. */
export class Load {
  readonly tallies: readonly Tally[]
  readonly surprises: Surprise[] = []
  runs = 0
  /** Runs that runs started. */
  childRuns = 0
  readonly #setting: LoadSetting
  readonly #random: () => number
  readonly #byKind: ReadonlyMap<string, Tally>
  #good: number[] = []
  #trivial: number[] = []
  #windowRuns = 0
  #started = 0
  #isStopping = false

  constructor(setting: LoadSetting) {
    this.#setting = setting
    this.#random = randomOf(setting.seed)
    this.tallies = setting.kinds.map(({ name: kind, expected, kills = false }) => ({
      kind,
      expected,
      kills,
      right: 0,
      wrong: 0,
    }))
    this.#byKind = new Map(this.tallies.map((tally) => [tally.kind, tally]))
  }

  /** Resolves when all workers have ended. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#setting.concurrency }, () => this.#work()))
  }

  /** Lets the runs that go on end, and starts no other. */
  stop(): void {
    this.#isStopping = true
  }

  /** What was measured since it was asked last. */
  takeWindow(): Window {
    const window = { good: this.#good, trivial: this.#trivial, runs: this.#windowRuns }
    this.#good = []
    this.#trivial = []
    this.#windowRuns = 0
    return window
  }

  async #work(): Promise<void> {
    const { runsMax = Infinity, restMs = 0 } = this.#setting
    while (!this.#isStopping && this.#started < runsMax) {
      this.#started += 1
      await this.#one(this.#choose(this.#started), String(this.#started))
      if (restMs > 0) await rest(this.#random() * restMs)
    }
  }

  #choose(at: number): Kind {
    const { kinds, killShare } = this.#setting
    if (killShare === undefined) return weigh(kinds, this.#random)
    const isKill = Math.floor(at * killShare) > Math.floor((at - 1) * killShare)
    return weigh(
      kinds.filter(({ kills = false }) => kills === isKill),
      this.#random,
    )
  }

  async #one(kind: Kind, token: string): Promise<void> {
    const { host } = this.#setting
    const startMs = performance.now()
    let wrong: string | undefined
    let runId = ''
    try {
      const result = await host.gate.run(kind.prepare(token))
      runId = result.runId
      wrong = wrongWith(kind, result)
    } catch (error) {
      wrong = `run() rejected: ${String(error)}`
    }
    host.forget(token)
    this.runs += 1
    this.childRuns += kind.childRuns ?? 0
    this.#windowRuns += 1
    this.#count(kind, wrong, runId)
    if (kind.isGood !== true) return
    const tookMs = performance.now() - startMs
    this.#good.push(tookMs)
    if (kind.name === 'trivial') this.#trivial.push(tookMs)
  }

  #count({ name }: Kind, wrong: string | undefined, runId: string): void {
    const tally = this.#byKind.get(name)
    if (tally === undefined) return
    if (wrong === undefined) tally.right += 1
    else {
      tally.wrong += 1
      if (this.surprises.length < SURPRISES_MAX) this.surprises.push({ kind: name, runId, what: wrong })
    }
  }
}
