import { TollgateError } from '../errors/tollgate-error.ts'

/** What a run asks to be let in with. */
export type Ticket = {
  /** Runs of one principal wait for each other, not for another's. */
  readonly principal: string
  /** Higher goes first within a principal; equals in the order of arrival. */
  readonly priority: number
  /** Memory that the run may come to use; reserved until it is over. */
  readonly memoryMb: number
}

export type AdmissionSetting = {
  /** Runs that go on at once. */
  readonly runsMax: number
  /** Memory that all runs together may come to use. */
  readonly memoryMbMax: number
  /** Runs that may wait; one more is refused. */
  readonly waitingMax: number
}

type Waiting = Ticket & { readonly enter: () => void }

/**
 * Who may run now. A run is let in when a place is free and its memory can be reserved, so the machine is never promised twice.
 * Principals take turns: whoever floods waits behind its own runs only.
 */
export class Admission {
  readonly #setting: AdmissionSetting
  /** By principal, in the order of their turns; no queue is empty. */
  readonly #queues = new Map<string, Waiting[]>()
  #running = 0
  #reservedMb = 0
  #waiting = 0

  constructor(setting: AdmissionSetting) {
    this.#setting = setting
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting
  }

  /**
   * Lets a run in: at once (undefined), or when the promise resolves. Rejects with the signal's reason. Throws LIMIT_QUEUE when
   * too many wait already, or when the run can never be let in.
   */
  enter(ticket: Ticket, signal: AbortSignal): Promise<void> | undefined {
    signal.throwIfAborted()
    const { memoryMbMax, waitingMax } = this.#setting
    if (ticket.memoryMb > memoryMbMax)
      throw busy(`The run may need ${ticket.memoryMb} MB, and all runs together have ${memoryMbMax} MB.`)
    if (this.#queues.size === 0 && this.#fits(ticket)) {
      this.#admit(ticket)
      return undefined
    }
    if (this.#waiting >= waitingMax) throw busy(`${waitingMax} runs wait already.`)
    return this.#wait(ticket, signal)
  }

  /** The run is over. */
  leave({ memoryMb }: Ticket): void {
    this.#running -= 1
    this.#reservedMb -= memoryMb
    this.#advance()
  }

  #fits({ memoryMb }: Ticket): boolean {
    const { runsMax, memoryMbMax } = this.#setting
    return this.#running < runsMax && this.#reservedMb + memoryMb <= memoryMbMax
  }

  #admit({ memoryMb }: Ticket): void {
    this.#running += 1
    this.#reservedMb += memoryMb
  }

  #wait(ticket: Ticket, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => {
      this.#remove(one)
      reject(signal.reason as Error)
      this.#advance()
    }
    const one: Waiting = {
      ...ticket,
      enter: () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      },
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#insert(one)
    return promise
  }

  #insert(one: Waiting): void {
    const queue = this.#queues.get(one.principal) ?? []
    const behind = queue.findIndex(({ priority }) => priority < one.priority)
    queue.splice(behind === -1 ? queue.length : behind, 0, one)
    this.#queues.set(one.principal, queue)
    this.#waiting += 1
  }

  #remove(one: Waiting): void {
    const queue = this.#queues.get(one.principal) ?? []
    const at = queue.indexOf(one)
    if (at === -1) return
    queue.splice(at, 1)
    this.#waiting -= 1
    if (queue.length === 0) this.#queues.delete(one.principal)
  }

  /** Lets in whose turn it is, as long as it fits. The first in turn is never passed over: a large run would wait for ever. */
  #advance(): void {
    for (;;) {
      const [turn] = this.#queues
      const next = turn?.[1][0]
      if (turn === undefined || next === undefined || !this.#fits(next)) return
      const [principal, queue] = turn
      this.#remove(next)
      // To the back: the next turn is another principal's.
      this.#queues.delete(principal)
      if (queue.length > 0) this.#queues.set(principal, queue)
      this.#admit(next)
      next.enter()
    }
  }
}

const busy = (message: string): TollgateError =>
  new TollgateError('LIMIT_QUEUE', message, { gate: 'cage', hint: 'Try again later.' })
