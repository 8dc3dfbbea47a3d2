import { randomUUID } from 'node:crypto'
import { Ledger, type LedgerState } from '../budget/ledger.ts'
import type { TaskPort } from '../stores/ports.ts'

/** A run's hold on the ledger of its task. */
export type LedgerLease = {
  readonly ledger: Ledger
  /** Writes the ledger down, with what is held counted as spent. */
  keep(): void
  /** The run is over. */
  release(): void
}

/** How long another process must leave a task alone that this one did not give back. */
const LEASE_MS = 15_000
const RENEW_MS = 3_000

type Shared = { readonly ledger: Ledger; runs: number; readonly timer: NodeJS.Timeout }

/**
 * The ledgers of tasks. Runs of one task in this process share one; between processes a lease decides, for a limit can only be
 * kept by one of them at a time. A run without a task has a ledger of its own, which nobody else needs to know.
 */
export class TaskLedgers {
  readonly #port: TaskPort
  readonly #now: () => number
  readonly #owner = randomUUID()
  readonly #shared = new Map<string, Shared>()

  constructor(port: TaskPort, now: () => number) {
    this.#port = port
    this.#now = now
  }

  /** Takes part in a task. Throws LIMIT_TASK_BUSY when another process runs it. */
  acquire(principal: string, task: string | undefined): LedgerLease {
    if (task === undefined) return { ledger: new Ledger(), keep: () => undefined, release: () => undefined }
    const key = JSON.stringify([principal, task])
    const shared = this.#shared.get(key) ?? this.#open(principal, task, key)
    shared.runs += 1
    return {
      ledger: shared.ledger,
      keep: () => this.#keep(principal, task, shared.ledger),
      release: () => {
        shared.runs -= 1
        if (shared.runs > 0) return this.#keep(principal, task, shared.ledger)
        clearInterval(shared.timer)
        this.#shared.delete(key)
        this.#port.release(principal, task, this.#owner, this.#stateOf(shared.ledger))
      },
    }
  }

  #open(principal: string, task: string, key: string): Shared {
    const kept = this.#port.acquire(principal, task, this.#owner, this.#now(), LEASE_MS)
    const ledger = new Ledger(kept === undefined ? undefined : (JSON.parse(kept) as LedgerState))
    const renew = (): void => {
      try {
        this.#keep(principal, task, ledger)
      } catch {
        // The next effect of the task writes the ledger again, and is refused when that fails.
      }
    }
    const shared = { ledger, runs: 0, timer: setInterval(renew, RENEW_MS).unref() }
    this.#shared.set(key, shared)
    return shared
  }

  #keep(principal: string, task: string, ledger: Ledger): void {
    this.#port.save(principal, task, this.#owner, this.#stateOf(ledger), this.#now() + LEASE_MS)
  }

  #stateOf(ledger: Ledger): string {
    return JSON.stringify(ledger.toState(performance.now()))
  }
}
