import { availableParallelism } from 'node:os'
import type { Cage } from '../cage/launch.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { Admission, type Ticket } from './admission.ts'
import { HostedCage } from './hosted-cage.ts'
import { untilAborted } from '../broker/until-aborted.ts'

export type CagePoolSetting = {
  /** Starts the process of a cage. */
  launch(isStrict: boolean): Cage
  /** Cages kept started and unbound; while strangers find none, more for a time. */
  readonly sparesMin: number
  /** Runs that go on at once; more wait. */
  readonly runsMax: number
  /** Memory that all runs together may come to use; runs that would pass it wait. */
  readonly memoryMbMax: number
}

/** What a run needs of its cage. */
export type CageDemand = {
  readonly principal: string
  readonly policyDigest: string
  readonly priority: number
  /** Heap limit of the isolate. */
  readonly memoryMb: number
  /** No machine code from guest code; spares are not of this kind. */
  readonly isStrict: boolean
  /** No other run in the same cage, now or later. */
  readonly isExclusive: boolean
  /** Memory that its children may come to use; they are let in with it. */
  readonly childrenMb: number
  /** It was let in with its parent, which waits for it: it waits for nobody. */
  readonly isAdmitted: boolean
}

/** A place in a ready cage; give it back once, whatever happens. */
export type CageLease = { readonly cage: HostedCage; release(): void }

/** Cages for runs, each bound for good to the first principal and policy that it serves. */
export type CagePool = {
  /** A place in a ready cage; waits for admission. Throws INTERNAL_CAGE_START, LIMIT_QUEUE, or the signal's reason. */
  acquire(demand: CageDemand, signal: AbortSignal): Promise<CageLease>
  /** Kills every cage; resolves when their processes are gone. */
  close(): Promise<void>
}

/** A cage is replaced after so many runs, whatever it looks like: what leaks in it ends with it. */
const RUNS_SERVED_MAX = 5_000
/** And when its runs left so much resident: the next are measured from there, so what stays would add up. */
const IDLE_RESIDENT_BYTES_MAX = 160 * 1024 * 1024
const MEMORY_MB_DEFAULT = 64
/** Each run that found no spare has one more kept for so long. */
const STRANGERS_REMEMBERED_MS = 10_000
const SPARES_MAX = 8
/** Resident size of a spare, and the share of all memory that spares may have. */
const SPARE_MB = 64
const SPARES_SHARE = 1 / 8
/** Runs that share a cage: while one waits for the host, another computes. */
const RUNS_PER_CAGE_MAX = 32
const WAITING_MAX = 10_000
const coresMax = availableParallelism()
/** Cages that are free and bound; those that rest longest are let go. */
const RESTING_MAX = 2 * coresMax

/** Every pool of this process; what is left of them goes with it. */
const openPools = new Set<Pool>()
process.once('exit', () => {
  for (const pool of openPools) pool.killAll()
})

class Pool implements CagePool {
  readonly #setting: CagePoolSetting
  readonly #all = new Set<HostedCage>()
  readonly #admission: Admission
  /** When a run found no spare, oldest first, in milliseconds of `performance.now()`. */
  #coldStartsMs: number[] = []
  #forgetting: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(setting: CagePoolSetting) {
    const { runsMax, memoryMbMax } = setting
    this.#setting = setting
    this.#admission = new Admission({ runsMax, memoryMbMax, waitingMax: WAITING_MAX })
    openPools.add(this)
    // At once: the first run finds it under way, instead of starting one more beside it.
    this.#refill()
  }

  /** Ends every process at once. */
  killAll(): void {
    for (const cage of this.#all) cage.kill()
  }

  async acquire(demand: CageDemand, signal: AbortSignal): Promise<CageLease> {
    const { principal, priority, isAdmitted } = demand
    const ticket = isAdmitted
      ? undefined
      : { principal, priority, memoryMb: demand.memoryMb + demand.childrenMb }
    const waiting = ticket && this.#admission.enter(ticket, signal)
    if (waiting !== undefined) await waiting
    let cage: HostedCage | undefined
    try {
      if (this.#isClosed) throw new TollgateError('CONFIG_USAGE', 'This Tollgate was closed.')
      cage = this.#choose(demand)
      cage.reserve()
      if (!cage.isReady)
        await untilAborted(cage.ready, signal).catch(async (error: unknown) => {
          if (signal.aborted || this.#isClosed) throw error
          // A spare that died while it waited is no reason to fail a run: once more, with a cage that is started for it.
          cage?.unreserve()
          cage = this.#bind(this.#launch(demand.memoryMb, demand.isStrict), demand)
          cage.reserve()
          await untilAborted(cage.ready, signal)
        })
      return { cage, release: () => this.#released(ticket) }
    } catch (error) {
      cage?.unreserve()
      // It may never become ready; the next run does not wait for it as well.
      if (cage?.isReady === false && cage.runs === 0) cage.kill()
      this.#released(ticket)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    openPools.delete(this)
    clearTimeout(this.#forgetting)
    for (const cage of this.#all) cage.setIdle(false)
    this.killAll()
    await Promise.all([...this.#all].map(({ exited }) => exited))
  }

  /**
   * The warmest cage that fits: a free one of this binding; a spare, until there is one for each core; one whose runs all wait; a
   * new one; the emptiest.
   */
  #choose(demand: CageDemand): HostedCage {
    const binding = bindingOf(demand.principal, demand.policyDigest)
    const own = this.#open().filter(
      (cage) => cage.binding === binding && !cage.isExclusive && !cage.isClearing,
    )
    const needsOwn = demand.isExclusive || own.length < coresMax
    const free = own.findLast(({ runs }) => runs === 0) ?? (needsOwn ? this.#spareFor(demand) : undefined)
    const warm = free ?? (demand.isExclusive ? undefined : shareable(own))
    if (warm !== undefined) return this.#bind(warm, demand)
    if (!demand.isStrict) this.#coldStartsMs.push(performance.now())
    return this.#bind(this.#launch(demand.memoryMb, demand.isStrict), demand)
  }

  #bind(cage: HostedCage, { principal, policyDigest, isExclusive }: CageDemand): HostedCage {
    cage.binding = bindingOf(principal, policyDigest)
    cage.isExclusive = isExclusive
    return cage
  }

  #open(): HostedCage[] {
    return [...this.#all].filter((cage) => !cage.isRetired && cage.runsServed < RUNS_SERVED_MAX)
  }

  #spareFor({ isStrict }: CageDemand): HostedCage | undefined {
    return isStrict
      ? undefined
      : this.#open().find(({ binding, runs }) => binding === undefined && runs === 0)
  }

  #launch(memoryMb: number, isStrict: boolean): HostedCage {
    const cage = new HostedCage(this.#setting.launch(isStrict), memoryMb)
    this.#all.add(cage)
    void cage.exited.then(() => this.#all.delete(cage))
    return cage
  }

  #released(ticket: Ticket | undefined): void {
    if (ticket !== undefined) this.#admission.leave(ticket)
    this.#trim()
    this.#refillSoon()
  }

  /** Spares hide the start of a process; they are refilled when a run is over, never between a request and its reply. */
  #refillSoon(): void {
    setImmediate(() => this.#refill())
  }

  #refill(): void {
    if (this.#isClosed) return
    const spares = this.#open().filter(({ binding }) => binding === undefined)
    const wanted = this.#sparesWanted()
    for (const spare of spares.slice(wanted)) spare.kill()
    try {
      for (let n = spares.length; n < wanted; n += 1) this.#launch(MEMORY_MB_DEFAULT, false).setIdle(true)
    } catch {
      // A cage that cannot be started is reported to the run that needs one.
    }
  }

  /** As many as the last seconds would have needed, within the share of memory that spares may have. */
  #sparesWanted(): number {
    const { sparesMin, memoryMbMax } = this.#setting
    if (sparesMin === 0) return 0
    const sinceMs = performance.now() - STRANGERS_REMEMBERED_MS
    this.#coldStartsMs = this.#coldStartsMs.filter((atMs) => atMs > sinceMs).slice(-SPARES_MAX)
    const cold = this.#coldStartsMs.length
    if (cold === 0) return sparesMin
    this.#forgetLater()
    const affordable = Math.floor((memoryMbMax * SPARES_SHARE) / SPARE_MB)
    return Math.max(sparesMin, Math.min(sparesMin + cold, affordable, SPARES_MAX))
  }

  /** Looks again when the next stranger is forgotten, in case that no run ends before. */
  #forgetLater(): void {
    const [oldestMs = 0] = this.#coldStartsMs
    const leftMs = oldestMs + STRANGERS_REMEMBERED_MS - performance.now()
    this.#forgetting ??= setTimeout(() => {
      this.#forgetting = undefined
      this.#refillSoon()
    }, leftMs).unref()
  }

  /** Lets go of free cages that are not worth keeping: worn out, grown, or more than the cores can use. */
  #trim(): void {
    const free = [...this.#all].filter(
      ({ binding, runs, isLost }) => binding !== undefined && runs === 0 && !isLost,
    )
    const worn = free.filter(
      (cage) =>
        cage.isExclusive ||
        cage.runsServed >= RUNS_SERVED_MAX ||
        (cage.residentBytes ?? 0) > IDLE_RESIDENT_BYTES_MAX,
    )
    const kept = free
      .filter((cage) => !worn.includes(cage))
      .toSorted((a, b) => a.restingSinceMs - b.restingSinceMs)
    for (const cage of [...worn, ...kept.slice(0, Math.max(0, kept.length - RESTING_MAX))]) cage.kill()
  }
}

const bindingOf = (principal: string, policyDigest: string): string =>
  JSON.stringify([principal, policyDigest])

/** A cage whose runs all wait for the host; once there is one for each core, also one in which somebody computes. */
function shareable(own: readonly HostedCage[]): HostedCage | undefined {
  const roomy = own.filter(({ runs }) => runs < RUNS_PER_CAGE_MAX).toSorted((a, b) => a.runs - b.runs)
  return roomy.find(({ isComputing }) => !isComputing) ?? (own.length >= coresMax ? roomy[0] : undefined)
}

/** Opens a pool, and soon its spares. */
export const openCagePool = (setting: CagePoolSetting): CagePool => new Pool(setting)
