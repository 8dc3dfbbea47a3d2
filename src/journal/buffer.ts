import { asTollgateError, type TollgateError } from '../errors/tollgate-error.ts'
import type { Durability, EventRow, JournalPort } from '../stores/ports.ts'

/** A read's event may wait this long before it is handed to the operating system. */
const FLUSH_AFTER_MS = 5

/**
 * Rows on their way to the store, of all runs, in order. A read's row waits for the timer, off the reply path; an effect drains
 * the buffer into its own synced transaction, so a durable intent covers everything before it.
 */
export type JournalBuffer = {
  push(row: EventRow): void
  /** Writes what waits. Throws INTERNAL_STORE; the rows stay and later effects are refused. */
  flush(durability: Durability): void
  /** Hands what waits to `write` (a transaction of the store). If it throws, the rows stay in the buffer. */
  drain<T>(write: (rows: readonly EventRow[]) => T): T
  /** Set once a write failed: nothing may happen that could not be recorded. */
  readonly failure: TollgateError | undefined
}

/** Opens the buffer before a store; `onKept` hears of rows once they are written. */
export function openJournalBuffer(
  store: JournalPort,
  onKept: (rows: readonly EventRow[]) => void,
): JournalBuffer {
  let waiting: EventRow[] = []
  let timer: NodeJS.Timeout | undefined
  let failure: TollgateError | undefined

  const drain = <T>(write: (rows: readonly EventRow[]) => T): T => {
    const rows = waiting
    try {
      const value = write(rows)
      waiting = []
      clearTimeout(timer)
      timer = undefined
      failure = undefined
      if (rows.length > 0) onKept(rows)
      return value
    } catch (error) {
      failure = asTollgateError(error)
      throw failure
    }
  }
  const flush = (durability: Durability): void => {
    if (waiting.length > 0) drain((rows) => store.append(rows, durability))
  }
  const onTimer = (): void => {
    timer = undefined
    try {
      flush('kept')
    } catch {
      // Remembered in `failure`: the next effect and the end of the run are refused with it.
    }
  }
  return {
    push(row) {
      waiting.push(row)
      timer ??= setTimeout(onTimer, FLUSH_AFTER_MS)
    },
    flush,
    drain,
    get failure() {
      return failure
    },
  }
}
