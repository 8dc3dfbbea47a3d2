import { randomUUID } from 'node:crypto'
import { recordHash } from '../audit/chain.ts'
import { projectRecord, type Facts } from '../audit/project.ts'
import type { AuditRecord } from '../audit/record.ts'
import type { Redactor } from '../audit/redact.ts'
import { sha256 } from '../digest/sha256.ts'
import type { EventRow } from '../stores/ports.ts'
import type { JournalBuffer } from './buffer.ts'

/**
 * The ordered events of one run. Appending is synchronous and cheap: the row waits in the buffer that all runs share, and its
 * place and hash are fixed at once.
 */
export type Journal = {
  /** `event` is JSON text (an object), stored for replay; `facts` become the audit record. */
  append(kind: AuditRecord['event'], event: string, facts: Facts): void
  /** Fixes place and hash like `append`, but leaves the writing to the caller: the first and the last event join a transaction of their own. */
  compose(kind: AuditRecord['event'], event: string, facts: Facts): EventRow
  /** Hash of the last record. */
  readonly head: string
  readonly records: number
}

export type JournalSetting = {
  readonly runId: string
  readonly buffer: JournalBuffer
  readonly redactor: Redactor
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Opens the journal of one run. */
export function openJournal({ runId, buffer, redactor, now }: JournalSetting): Journal {
  // The salt keeps the digest of a short event from being guessed; it stands in the journal, never in the audit.
  const salt = randomUUID()
  let head = ''
  let records = 0
  const compose: Journal['compose'] = (kind, event, facts) => {
    const n = records
    const stored = redactor.json(`{"kind":"${kind}","salt":"${salt}","data":${event}}`)
    const record = projectRecord(
      { runId, n, atMs: now(), event: kind },
      { ...facts, event_sha256: sha256(stored) },
      redactor,
    )
    head = recordHash(head, record)
    records += 1
    return { runId, n, event: stored, record, hash: head }
  }
  return {
    compose,
    append: (kind, event, facts) => buffer.push(compose(kind, event, facts)),
    get head() {
      return head
    },
    get records() {
      return records
    },
  }
}
