import { TollgateError } from '../errors/tollgate-error.ts'
import { Semaphore } from '../broker/semaphore.ts'
import { HostedCage } from './hosted-cage.ts'

export type CagePoolSetting = {
  /** Cages kept started and unbound. */
  readonly sparesMax: number
  /** Runs that go on at once; more wait. */
  readonly runsMax: number
}

/** Cages for runs: one run at a time in each, each bound for good to the first principal and policy that it serves. */
export type CagePool = {
  /** A ready cage for this binding; waits for a place. Throws INTERNAL_CAGE_START, or the signal's reason. */
  acquire(binding: string, memoryMb: number, signal: AbortSignal): Promise<HostedCage>
  /** Gives a cage back. One whose run did not end by itself is killed. */
  release(cage: HostedCage, isClean: boolean): void
  /** Kills every cage; resolves when their processes are gone. */
  close(): Promise<void>
}

/** A cage is replaced after so many runs, whatever it looks like: what leaks in it ends with it. */
const RUNS_SERVED_MAX = 1_000
const MEMORY_MB_DEFAULT = 64

/** Opens a pool. Spares hide the start of a process; they are refilled when a run is over, never between a request and its reply. */
export function openCagePool({ sparesMax, runsMax }: CagePoolSetting): CagePool {
  const all = new Set<HostedCage>()
  const idle: HostedCage[] = []
  const places = new Semaphore(runsMax)
  let closed = false

  const killAll = (): void => {
    for (const cage of all) cage.kill()
  }
  process.once('exit', killAll)

  const launch = (memoryMb: number): HostedCage => {
    const cage = new HostedCage(memoryMb)
    all.add(cage)
    void cage.exited.then(() => all.delete(cage))
    return cage
  }
  const refill = (): void => {
    if (closed) return
    const spares = idle.filter((cage) => cage.binding === undefined && !cage.isLost).length
    try {
      for (let n = spares; n < sparesMax; n += 1) {
        const cage = launch(MEMORY_MB_DEFAULT)
        cage.setIdle(true)
        idle.push(cage)
      }
    } catch {
      // A cage that cannot be started is reported to the run that needs one.
    }
  }
  const take = (matches: (cage: HostedCage) => boolean): HostedCage | undefined => {
    // The one that served last is the warmest.
    const at = idle.findLastIndex((cage) => !cage.isLost && matches(cage))
    return at === -1 ? undefined : idle.splice(at, 1)[0]
  }
  /** At most as many idle cages of bindings as there are places; the oldest go first. */
  const trim = (): void => {
    const lost = (cage: HostedCage): boolean => cage.isLost
    for (let at = idle.findIndex(lost); at !== -1; at = idle.findIndex(lost)) idle.splice(at, 1)
    const bound = idle.filter(({ binding }) => binding !== undefined)
    for (const cage of bound.slice(0, Math.max(0, bound.length - runsMax))) {
      idle.splice(idle.indexOf(cage), 1)
      cage.kill()
    }
  }

  setImmediate(refill)
  return {
    async acquire(binding, memoryMb, signal) {
      const waiting = places.acquire(signal)
      if (waiting !== undefined) await waiting
      try {
        if (closed) throw new TollgateError('CONFIG_USAGE', 'This Tollgate was closed.')
        const cage =
          take((one) => one.binding === binding) ??
          take((one) => one.binding === undefined) ??
          launch(memoryMb)
        cage.binding = binding
        cage.setIdle(false)
        await cage.ready
        return cage
      } catch (error) {
        places.release()
        throw error
      }
    },
    release(cage, isClean) {
      places.release()
      if (isClean && !closed && !cage.isLost && cage.runsServed < RUNS_SERVED_MAX) {
        cage.setIdle(true)
        idle.push(cage)
      } else cage.kill()
      trim()
      setImmediate(refill)
    },
    async close() {
      closed = true
      process.off('exit', killAll)
      for (const cage of all) cage.setIdle(false)
      killAll()
      await Promise.all([...all].map(({ exited }) => exited))
    },
  }
}
