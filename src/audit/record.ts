/**
 * One audit record: the redacted, hash-chained projection of a journal event. Flat, bounded, free of control characters.
 * `hash` = SHA-256 over `prev` and the canonical JSON of everything but `hash`.
 */
export type AuditRecord = {
  runId: string
  /** Position in the run's chain, from 0. */
  n: number
  /** ISO 8601, host clock. */
  at: string
  event:
    | 'run.started'
    | 'run.restarted'
    | 'run.ended'
    | 'call.intended'
    | 'call'
    | 'approval'
    | 'cost_alert'
    | 'timer'
    | 'pull'
    | 'handle'
    | 'breach'
  prev: string
  hash: string
  /** Depends on the event: op, subject, verdict, code, gate, rule, digests, bytes, cost, … */
  facts: Record<string, string | number | boolean>
}

export type AuditVerdict =
  | { intact: true; runs: number; records: number; head: string }
  | {
      intact: false
      runs: number
      records: number
      problem: { runId?: string; position: number; message: string }
    }
