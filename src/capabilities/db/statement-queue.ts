import type { Outcome } from '../capability.ts'

/** A statement that answers: what it says first, and when all of it is over where that is later. */
export type Begun = { readonly outcome: Outcome; readonly over?: Promise<void> }

/** The statements of one database of one run, one after the other. */
export class StatementQueue {
  #last: Promise<void> = Promise.resolve()

  /** Resolves when every statement so far is over, however it ended. */
  get idle(): Promise<void> {
    return this.#last
  }

  /** Begins when the one before is over, not when its answer was read; resolves with the first of its own answer. */
  async add(begin: () => Promise<Begun>): Promise<Outcome> {
    const began = this.#last.then(begin)
    this.#last = began.then(
      ({ over }) => over,
      () => undefined,
    )
    return (await began).outcome
  }
}
