import { Event, EventTarget } from 'event-target-shim'
import { DOMException } from './dom-exception.ts'

export { Event, EventTarget }

type Later = (work: () => void, ms: number) => unknown
const { setTimeout: later } = globalThis as unknown as { setTimeout: Later }

const KEY = Symbol('made by an AbortController')

/** Says when work is no longer wanted (DOM, section 3.2). */
export class AbortSignal extends EventTarget {
  #aborted = false
  #reason: unknown
  #onabort: ((this: AbortSignal, event: Event) => unknown) | null = null
  #listens = false
  readonly #followers: ((reason: unknown) => void)[] = []
  /** What ends with this signal, and what this signal ends with. */
  readonly #dependents: AbortSignal[] = []
  #sources: AbortSignal[] = []
  #isJoined = false

  constructor(key?: unknown) {
    if (key !== KEY) throw new TypeError('Illegal constructor')
    super()
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get onabort(): ((this: AbortSignal, event: Event) => unknown) | null {
    return this.#onabort
  }

  /** Its turn among the listeners is that of the first time that it was set. */
  set onabort(handler: unknown) {
    this.#onabort = typeof handler === 'function' ? (handler as (event: Event) => unknown) : null
    if (this.#listens) return
    this.#listens = true
    this.addEventListener('abort', (event) => this.#onabort?.(event))
  }

  get reason(): unknown {
    return this.#reason
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }

  static #end(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted) return
    const why = reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason
    // All of them have ended before anybody hears of it.
    const ended = [signal, ...signal.#dependents.filter((one) => !one.#aborted)]
    for (const one of ended) {
      one.#aborted = true
      one.#reason = why
    }
    for (const one of ended) {
      for (let i = 0; i < one.#followers.length; i += 1) one.#followers[i]?.(why)
      one.dispatchEvent(new Event('abort'))
    }
  }

  /** For our own: ends a signal. */
  static [KEY](this: void, signal: AbortSignal, reason: unknown): void {
    AbortSignal.#end(signal, reason)
  }

  /** For our own: calls `follow` before the event goes out; at once when it is over already. */
  static follow(this: void, signal: AbortSignal, follow: (reason: unknown) => void): void {
    if (signal.#aborted) follow(signal.#reason)
    else signal.#followers[signal.#followers.length] = follow
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(KEY)
    AbortSignal.#end(signal, reason)
    return signal
  }

  static timeout(ms: number): AbortSignal {
    const signal = new AbortSignal(KEY)
    const end = (): void =>
      AbortSignal.#end(signal, new DOMException('The operation timed out', 'TimeoutError'))
    later(end, ms)
    return signal
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const joined = new AbortSignal(KEY)
    const all = [...signals]
    const over = all.find((signal) => signal.#aborted)
    if (over !== undefined) AbortSignal.#end(joined, over.#reason)
    else joined.#sources = [...new Set(all.flatMap((one) => (one.#isJoined ? one.#sources : one)))]
    joined.#isJoined = true
    for (const source of joined.#sources) source.#dependents.push(joined)
    return joined
  }
}

const { [KEY]: endSignal, follow } = AbortSignal
/** Calls `work` with the reason when the signal ends, at once when it has ended. Throws a TypeError for what is no signal. */
export const followSignal = (signal: AbortSignal, work: (reason: unknown) => void): void =>
  follow(signal, work)
Reflect.deleteProperty(AbortSignal, KEY)
Reflect.deleteProperty(AbortSignal, 'follow')

/** Holds a signal, and ends it. */
export class AbortController {
  readonly #signal = new AbortSignal(KEY)

  get signal(): AbortSignal {
    return this.#signal
  }

  abort(reason?: unknown): void {
    endSignal(this.#signal, reason)
  }
}
