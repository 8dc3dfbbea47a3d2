import { Semaphore } from '../broker/semaphore.ts'
import type { Cage } from '../cage/launch.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { HostedCage } from './hosted-cage.ts'
import { untilAborted } from './until-aborted.ts'

export type CagePoolSetting = {
  /** Starts the process of a cage. */
  launch(isStrict: boolean): Cage
  /** Cages kept started and unbound. */
  readonly sparesMax: number
  /** Runs that go on at once; more wait. */
  readonly runsMax: number
}

/** What a run needs of its cage. */
export type CageDemand = {
  /** Principal and policy digest. */
  readonly binding: string
  /** Heap limit of the isolate, for a cage that is started for it. */
  readonly memoryMb: number
  /** No machine code from guest code; spares are not of this kind. */
  readonly isStrict: boolean
}

/** Cages for runs: one run at a time in each, each bound for good to the first principal and policy that it serves. */
export type CagePool = {
  /** A ready cage for this binding; waits for a place. Throws INTERNAL_CAGE_START, or the signal's reason. */
  acquire(demand: CageDemand, signal: AbortSignal): Promise<HostedCage>
  /** Gives a cage back. One whose run did not end by itself is killed. */
  release(cage: HostedCage, isClean: boolean): void
  /** Kills every cage; resolves when their processes are gone. */
  close(): Promise<void>
}

/** A cage is replaced after so many runs, whatever it looks like: what leaks in it ends with it. */
const RUNS_SERVED_MAX = 1_000
/** And when a run left so much resident: the next one is measured from there, so what stays would add up. */
const IDLE_RESIDENT_BYTES_MAX = 160 * 1024 * 1024
const MEMORY_MB_DEFAULT = 64

class Pool implements CagePool {
  readonly #setting: CagePoolSetting
  readonly #all = new Set<HostedCage>()
  readonly #idle: HostedCage[] = []
  readonly #places: Semaphore
  readonly #killAll = (): void => {
    for (const cage of this.#all) cage.kill()
  }
  #isClosed = false

  constructor(setting: CagePoolSetting) {
    this.#setting = setting
    this.#places = new Semaphore(setting.runsMax)
    process.once('exit', this.#killAll)
    this.#refillSoon()
  }

  async acquire({ binding, memoryMb, isStrict }: CageDemand, signal: AbortSignal): Promise<HostedCage> {
    const waiting = this.#places.acquire(signal)
    if (waiting !== undefined) await waiting
    let cage: HostedCage | undefined
    try {
      if (this.#isClosed) throw new TollgateError('CONFIG_USAGE', 'This Tollgate was closed.')
      const fit = this.#take(binding) ?? (isStrict ? undefined : this.#take(undefined))
      cage = fit ?? this.#launch(memoryMb, isStrict)
      cage.binding = binding
      cage.setIdle(false)
      await untilAborted(cage.ready, signal)
      return cage
    } catch (error) {
      cage?.kill()
      this.#places.release()
      throw error
    }
  }

  release(cage: HostedCage, isClean: boolean): void {
    this.#places.release()
    if (isClean && !this.#isClosed && this.#isFit(cage)) {
      cage.setIdle(true)
      this.#idle.push(cage)
    } else cage.kill()
    this.#trim()
    this.#refillSoon()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    process.off('exit', this.#killAll)
    for (const cage of this.#all) cage.setIdle(false)
    this.#killAll()
    await Promise.all([...this.#all].map(({ exited }) => exited))
  }

  #launch(memoryMb: number, isStrict: boolean): HostedCage {
    const cage = new HostedCage(this.#setting.launch(isStrict), memoryMb)
    this.#all.add(cage)
    void cage.exited.then(() => this.#all.delete(cage))
    return cage
  }

  /** Spares hide the start of a process; they are refilled when a run is over, never between a request and its reply. */
  #refillSoon(): void {
    setImmediate(() => {
      if (this.#isClosed) return
      const spares = this.#idle.filter(({ binding, isLost }) => binding === undefined && !isLost).length
      try {
        for (let n = spares; n < this.#setting.sparesMax; n += 1) {
          const cage = this.#launch(MEMORY_MB_DEFAULT, false)
          cage.setIdle(true)
          this.#idle.push(cage)
        }
      } catch {
        // A cage that cannot be started is reported to the run that needs one.
      }
    })
  }

  /** The one of that binding that served last is the warmest. */
  #take(binding: string | undefined): HostedCage | undefined {
    const at = this.#idle.findLastIndex((cage) => !cage.isLost && cage.binding === binding)
    return at === -1 ? undefined : this.#idle.splice(at, 1)[0]
  }

  #isFit({ isLost, runsServed, meter }: HostedCage): boolean {
    if (isLost || runsServed >= RUNS_SERVED_MAX) return false
    const reading = meter.read()
    return reading !== undefined && reading.residentBytes <= IDLE_RESIDENT_BYTES_MAX
  }

  /** At most as many idle cages of bindings as there are places; the oldest go first. */
  #trim(): void {
    const lost = (cage: HostedCage): boolean => cage.isLost
    for (let at = this.#idle.findIndex(lost); at !== -1; at = this.#idle.findIndex(lost))
      this.#idle.splice(at, 1)
    const bound = this.#idle.filter(({ binding }) => binding !== undefined)
    for (const cage of bound.slice(0, Math.max(0, bound.length - this.#setting.runsMax))) {
      this.#idle.splice(this.#idle.indexOf(cage), 1)
      cage.kill()
    }
  }
}

/** Opens a pool, and soon its spares. */
export const openCagePool = (setting: CagePoolSetting): CagePool => new Pool(setting)
