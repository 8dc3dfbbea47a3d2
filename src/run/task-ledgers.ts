import { randomUUID } from 'node:crypto'
import { Ledger, type LedgerState } from '../budget/ledger.ts'
import { isTollgateError, type TollgateError } from '../errors/tollgate-error.ts'
import type { TaskPort } from '../stores/ports.ts'

/** A run's hold on the ledger of its task. */
export type LedgerLease = {
  readonly ledger: Ledger
  /** Writes the ledger down now, with what is held counted as spent. Throws INTERNAL_STORE, LIMIT_TASK_BUSY. */
  keep(): void
  /** Writes it down within some milliseconds: what a crash makes forget is no more than that. */
  keepSoon(): void
  /** The run is over. */
  release(): void
}

/** Who takes part in a task. */
export type Participant = {
  readonly runId: string
  readonly principal: string
  /** Undefined for a run that is a task of its own. */
  readonly task: string | undefined
  /** Hears that another process took the task over; nothing more may be drawn on its ledger here. */
  readonly onLost: (error: TollgateError) => void
}

/** How long another process must leave a task alone that this one did not give back. */
const LEASE_MS = 15_000
const RENEW_MS = 3_000
const KEEP_AFTER_MS = 5

/** The ledger of one task while at least one run of it goes on in this process. */
class SharedLedger {
  readonly ledger: Ledger
  readonly #save: (state: string) => void
  readonly #drop: () => void
  readonly #participants = new Set<Participant>()
  readonly #renewing: NodeJS.Timeout
  #soon: NodeJS.Timeout | undefined

  /** `drop` is called when another process has taken the task over. */
  constructor(ledger: Ledger, save: (state: string) => void, drop: () => void) {
    this.ledger = ledger
    this.#save = save
    this.#drop = drop
    this.#renewing = setInterval(() => this.#tryKeep(), RENEW_MS).unref()
  }

  get state(): string {
    return JSON.stringify(this.ledger.toState(performance.now()))
  }

  join(participant: Participant): void {
    this.#participants.add(participant)
  }

  /** Whether nobody is left. */
  leave(participant: Participant): boolean {
    this.#participants.delete(participant)
    this.ledger.forget(participant.runId)
    return this.#participants.size === 0
  }

  keep(): void {
    this.#save(this.state)
  }

  keepSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      this.#tryKeep()
    }, KEEP_AFTER_MS)
  }

  stop(): void {
    clearInterval(this.#renewing)
    clearTimeout(this.#soon)
  }

  #tryKeep(): void {
    try {
      this.keep()
    } catch (error) {
      // Where the store failed, the next effect writes the ledger again, and is refused when that fails too.
      if (!isTollgateError(error) || error.code !== 'LIMIT_TASK_BUSY') return
      this.stop()
      this.#drop()
      for (const { onLost } of this.#participants) onLost(error)
    }
  }
}

/**
 * The ledgers of tasks. Runs of one task in this process share one; between processes a lease decides, for a limit can only be
 * kept by one of them at a time. A run without a task has a ledger of its own, which nobody else needs to know.
 */
export class TaskLedgers {
  readonly #port: TaskPort
  readonly #now: () => number
  readonly #owner = randomUUID()
  readonly #shared = new Map<string, SharedLedger>()

  constructor(port: TaskPort, now: () => number) {
    this.#port = port
    this.#now = now
  }

  /** Takes part in a task. Throws LIMIT_TASK_BUSY when another process runs it. */
  acquire(participant: Participant): LedgerLease {
    const { principal, task } = participant
    if (task === undefined) return ownLedger()
    const key = JSON.stringify([principal, task])
    const shared = this.#shared.get(key) ?? this.#open(principal, task, key)
    shared.join(participant)
    return {
      ledger: shared.ledger,
      keep: () => shared.keep(),
      keepSoon: () => shared.keepSoon(),
      release: () => {
        const isLast = shared.leave(participant)
        if (this.#shared.get(key) !== shared) return
        if (!isLast) return shared.keep()
        shared.stop()
        this.#shared.delete(key)
        this.#port.release(principal, task, this.#owner, shared.state)
      },
    }
  }

  #open(principal: string, task: string, key: string): SharedLedger {
    const kept = this.#port.acquire(principal, task, this.#owner, this.#now(), LEASE_MS)
    const ledger = new Ledger(kept === undefined ? undefined : (JSON.parse(kept) as LedgerState))
    const shared = new SharedLedger(
      ledger,
      (state) => this.#port.save(principal, task, this.#owner, state, this.#now() + LEASE_MS),
      () => this.#shared.delete(key),
    )
    this.#shared.set(key, shared)
    return shared
  }
}

const ownLedger = (): LedgerLease => ({
  ledger: new Ledger(),
  keep: () => undefined,
  keepSoon: () => undefined,
  release: () => undefined,
})
