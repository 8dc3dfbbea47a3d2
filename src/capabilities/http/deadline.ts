import { TollgateError } from '../../errors/tollgate-error.ts'

/** The time that one call has, redirects and body included; also ends with its run. Close it, or its timer stays. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #run: AbortSignal
  readonly #timeoutMs: number
  readonly #timer: NodeJS.Timeout
  readonly #onRunEnd = (): void => this.#controller.abort()

  constructor(run: AbortSignal, timeoutMs: number) {
    this.#run = run
    this.#timeoutMs = timeoutMs
    this.#timer = setTimeout(() => this.#controller.abort(), timeoutMs)
    if (run.aborted) this.#controller.abort()
    else run.addEventListener('abort', this.#onRunEnd, { once: true })
  }

  /** Fires when the time is up or the run is over. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Waits for work that may not heed the signal: at the deadline it is left behind, and its late failure goes nowhere. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { promise: over, reject } = Promise.withResolvers<never>()
    const onAbort = (): void => reject(this.error())
    if (this.signal.aborted) onAbort()
    this.signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([work, over])
    } finally {
      this.signal.removeEventListener('abort', onAbort)
    }
  }

  /** UPSTREAM_TIMEOUT, for whatever was under way when the signal fired. */
  error(): TollgateError {
    if (this.#run.aborted)
      return new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the request did.')
    return new TollgateError('UPSTREAM_TIMEOUT', `The request took longer than ${this.#timeoutMs} ms.`, {
      rule: 'permissions.http.timeout_seconds',
      hint: 'Ask for less, or try later.',
    })
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#run.removeEventListener('abort', this.#onRunEnd)
  }
}
