import { TIMER_MS_MAX, TIMERS_MAX, TIMERS_WAITING_MAX } from '../../runtime/abi/crossing.ts'

/** What came of a timer that the guest set; `malformed` is what no kernel sends. */
export type TimerVerdict = 'set' | 'refused' | 'malformed'

/** The timers of one run: real ones behind the guest's virtual ones, bounded in number, gone when the run is over. */
export class RunTimers {
  readonly #waiting = new Set<NodeJS.Timeout>()
  #count = 0

  /** Reads `{"delayMs":n}`; calls `fire` when the time has come. */
  set(args: string, fire: (delayMs: number) => void): TimerVerdict {
    const delayMs = readDelay(args)
    if (delayMs === undefined) return 'malformed'
    this.#count += 1
    if (this.#count > TIMERS_MAX || this.#waiting.size >= TIMERS_WAITING_MAX) return 'refused'
    const timer = setTimeout(() => {
      this.#waiting.delete(timer)
      fire(delayMs)
    }, delayMs)
    this.#waiting.add(timer)
    return 'set'
  }

  clear(): void {
    for (const timer of this.#waiting) clearTimeout(timer)
    this.#waiting.clear()
  }
}

function readDelay(args: string): number | undefined {
  try {
    const { delayMs } = JSON.parse(args) as { delayMs?: unknown }
    return typeof delayMs === 'number' && delayMs >= 0 && delayMs <= TIMER_MS_MAX ? delayMs : undefined
  } catch {
    return undefined
  }
}
