import type { RawCall } from '../broker/call.ts'

/** Work of one run that is under way; the run does not end before it has. */
export class InFlight {
  /** What the calls among it amount to. */
  readonly backlog = { calls: 0, argumentsSize: 0 }
  readonly #work = new Set<Promise<void>>()

  /** `work` never rejects. */
  add(work: Promise<void>, settled?: () => void): void {
    this.#work.add(work)
    void work.then(() => {
      this.#work.delete(work)
      settled?.()
    })
  }

  /** A call counts from before its work begins. */
  addCall({ args }: RawCall, begin: () => Promise<void>, settled: () => void): void {
    const { backlog } = this
    const size = args.length
    backlog.calls += 1
    backlog.argumentsSize += size
    this.add(begin(), () => {
      backlog.calls -= 1
      backlog.argumentsSize -= size
      settled()
    })
  }

  /** Undefined when nothing is under way. */
  get settled(): Promise<unknown> | undefined {
    return this.#work.size > 0 ? Promise.all(this.#work) : undefined
  }
}
