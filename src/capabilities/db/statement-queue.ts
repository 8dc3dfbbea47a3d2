import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Outcome } from '../capability.ts'

/** A statement that answers: what it says first, and when all of it is over where that is later. */
export type Begun = { readonly outcome: Outcome; readonly over?: Promise<void> }

const tooLate = (): TollgateError =>
  new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the statement began.', { notPerformed: true })

/** The statements of one database of one run, one after the other. */
export class StatementQueue {
  #last: Promise<void> = Promise.resolve()
  #isClosed = false

  /** Resolves when every statement so far is over, however it ended. */
  get idle(): Promise<void> {
    return this.#last
  }

  /** From here on nothing begins. */
  close(): void {
    this.#isClosed = true
  }

  /**
   * Begins when the one before is over, not when its answer was read; resolves with the first of its own answer. When the signal
   * fires before that, it never begins, and waits no longer: UPSTREAM_TIMEOUT.
   */
  add(begin: () => Promise<Begun>, signal: AbortSignal): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    const cancel = (): void => reject(tooLate())
    signal.addEventListener('abort', cancel, { once: true })
    const began = this.#last.then(() => {
      signal.removeEventListener('abort', cancel)
      if (this.#isClosed || signal.aborted) throw tooLate()
      return begin()
    })
    this.#last = began.then(
      ({ over }) => over,
      () => undefined,
    )
    began.then(({ outcome }) => resolve(outcome), reject)
    return promise
  }
}
