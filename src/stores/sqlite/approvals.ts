import type { Receipt, ReceiptPort, TicketPort, TicketState } from '../ports.ts'
import type { Database } from './database.ts'
import { insertEvents } from './journal.ts'

/** Approval tickets in SQLite. */
export function ticketPort(database: Database): TicketPort {
  return {
    put(id, runId, digest, ticket, expiresAtMs) {
      database.transaction('kept', () => {
        database
          .sql(
            "INSERT INTO tickets (id, run_id, digest, ticket, expires_at_ms, state) VALUES (?, ?, ?, ?, ?, 'pending')",
          )
          .run(id, runId, digest, ticket, expiresAtMs)
      })
    },
    decide: (id, state, by, reason, atMs) =>
      database.transaction('synced', () => {
        const { changes } = database
          .sql(
            "UPDATE tickets SET state = ?, decided_by = ?, reason = ?, decided_at_ms = ? WHERE id = ? AND state = 'pending'",
          )
          .run(state, by, reason ?? null, atMs, id)
        return changes === 1
      }),
    use: (id, digest, atMs) =>
      database.transaction('synced', () => {
        const { changes } = database
          .sql(
            "UPDATE tickets SET state = 'used' WHERE id = ? AND digest = ? AND state = 'approved' AND expires_at_ms >= ?",
          )
          .run(id, digest, atMs)
        return changes === 1
      }),
    get: (id) =>
      database.reading(
        () =>
          database.sql('SELECT state, digest, ticket FROM tickets WHERE id = ?').get(id) as
            { state: TicketState; digest: string; ticket: string } | undefined,
      ),
  }
}

type RawReceipt = {
  state: Receipt['state']
  request_digest: string
  outcome: string | null
  expires_at_ms: number | null
}

const toReceipt = (raw: RawReceipt): Receipt => ({
  state: raw.state,
  requestDigest: raw.request_digest,
  outcome: raw.outcome ?? undefined,
  expiresAtMs: raw.expires_at_ms ?? undefined,
})

// A failed attempt is known not to have happened, so its key is free again. One that may have happened is repeated only where
// that does no harm, and only for as long as the other side remembers the key.
const INTEND = `INSERT INTO receipts (scope, run_id, request_digest, state, expires_at_ms) VALUES (?, ?, ?, 'intended', ?)
  ON CONFLICT (scope) DO UPDATE SET run_id = excluded.run_id, state = 'intended', outcome = NULL, expires_at_ms = excluded.expires_at_ms
  WHERE request_digest = excluded.request_digest
    AND (state = 'failed' OR (? = 1 AND state <> 'done' AND (expires_at_ms IS NULL OR expires_at_ms > ?)))`

/** Receipts of effects in SQLite. */
export function receiptPort(database: Database): ReceiptPort {
  return {
    get: (scope) =>
      database.reading(() => {
        const raw = database.sql('SELECT * FROM receipts WHERE scope = ?').get(scope)
        return raw === undefined ? undefined : toReceipt(raw as RawReceipt)
      }),
    intend: ({ scope, runId, requestDigest, expiresAtMs, repeatable, nowMs }, events) =>
      database.transaction('synced', () => {
        const { changes } = database
          .sql(INTEND)
          .run(scope, runId, requestDigest, expiresAtMs ?? null, repeatable ? 1 : 0, nowMs)
        insertEvents(database, events)
        return changes === 1
      }),
    settle(scope, state, outcome, events) {
      database.transaction('synced', () => {
        database
          .sql("UPDATE receipts SET state = ?, outcome = ? WHERE scope = ? AND state <> 'done'")
          .run(state, outcome, scope)
        insertEvents(database, events)
      })
    },
  }
}
