import { readFileSync } from 'node:fs'
import type { Cage, CageOptions } from '../cage/launch.ts'
import type { Tier } from '../cage/tiers.ts'

/** Between two looks at the processes, in milliseconds. */
const LOOK_MS = 5
/** More hurts the machine: the attack is given up. */
const RESIDENT_BYTES_MAX = 1_500 * 1024 * 1024

const KB = 1024

/** The largest resident size that a process ever had, in bytes; 0 when it is gone. */
const peakOf = (pid: number): number => {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * KB
  } catch {
    return 0
  }
}

/** Whether a process is there and no zombie. */
const isAlive = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/^[ZX] /.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** The program that takes the place of the next cage. */
export type Impostor = { readonly entry: string; readonly argument: string }

/** Starts cages for the Tollgate that is attacked, knows their processes, and looks at them from outside. */
export class WatchedCages {
  readonly #start: (options: CageOptions) => Cage
  readonly #tier: Tier
  readonly #all: Cage[] = []
  /** Processes of the cages of the case, what launched them included. */
  readonly #pids = new Set<number>()
  /** The first of the cages that belong to the case. */
  #from = 0
  #peakBytes = 0
  #looking: NodeJS.Timeout | undefined
  #overgrown = new AbortController()
  /** Taken by the next cage that is started, once. */
  impostor: Impostor | undefined

  constructor(start: (options: CageOptions) => Cage, tier: Tier) {
    this.#start = start
    this.#tier = tier
  }

  /** For the powers of a Tollgate. */
  readonly launch = (isStrict: boolean): Cage => {
    const impostor = this.impostor
    this.impostor = undefined
    const cage = this.#start({ tier: this.#tier, isStrict, ...impostor })
    this.#all.push(cage)
    return cage
  }

  /** From here on cages belong to the next case. */
  begin(): void {
    clearInterval(this.#looking)
    this.#from = this.#all.length
    this.#pids.clear()
    this.#peakBytes = 0
    this.#overgrown = new AbortController()
    this.#looking = setInterval(() => this.#look(), LOOK_MS)
  }

  end(): void {
    clearInterval(this.#looking)
  }

  /** Fires when a cage of the case grows so large that it hurts the machine. */
  get overgrown(): AbortSignal {
    return this.#overgrown.signal
  }

  get peakBytes(): number {
    return this.#peakBytes
  }

  /** Cages that the case has started. */
  get count(): number {
    return this.#all.length - this.#from
  }

  #look(): void {
    for (const cage of this.#all.slice(this.#from)) {
      for (const pid of pidsOf(cage)) this.#pids.add(pid)
    }
    for (const pid of this.#pids) this.#peakBytes = Math.max(this.#peakBytes, peakOf(pid))
    if (this.#peakBytes > RESIDENT_BYTES_MAX) this.#overgrown.abort()
  }

  /** Processes of the cages of the case that still live. */
  living(): readonly number[] {
    this.#look()
    return [...this.#pids].filter(isAlive)
  }
}

/** What was started, and Node at the end of the line; only the first where the second is not there (yet, or any more). */
function pidsOf(cage: Cage): readonly number[] {
  try {
    return [cage.pid, cage.nodePid()]
  } catch {
    return [cage.pid]
  }
}
