import { TIMER_MS_MAX, TIMERS_MAX, TIMERS_WAITING_MAX } from '../../runtime/abi/crossing.ts'
import type { Answer } from '../broker/call.ts'

/** What becomes of timers. */
export type TimerHandlers = {
  /** A timer that is due, and is to be recorded. */
  onDue(seq: number, delayMs: number): void
  /** Hands the guest the outcome of call `seq`. */
  deliver(seq: number, answer: Answer): void
  /** No kernel sends this: it checks its arguments, and refuses one timer too many itself. */
  onForged(reason: string): void
}

const NULL: Answer = { ok: true, json: 'null' }

/** The timers of one run: real ones behind the guest's virtual ones, bounded in number, gone when the run is over. */
export class RunTimers {
  readonly #waiting = new Set<NodeJS.Timeout>()
  readonly #handlers: TimerHandlers
  #count = 0

  constructor(handlers: TimerHandlers) {
    this.#handlers = handlers
  }

  /** Reads `{"delayMs":n}` and sets a timer. */
  set(seq: number, args: string): void {
    const delayMs = readDelay(args)
    if (delayMs === undefined) return this.#handlers.onForged('a malformed timer')
    this.#count += 1
    if (this.#count > TIMERS_MAX || this.#waiting.size >= TIMERS_WAITING_MAX)
      return this.#handlers.onForged('more timers than a kernel sets')
    const timer = setTimeout(() => {
      this.#waiting.delete(timer)
      this.#handlers.onDue(seq, delayMs)
      this.#handlers.deliver(seq, NULL)
    }, delayMs)
    this.#waiting.add(timer)
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
