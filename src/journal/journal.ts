import { randomBytes } from 'node:crypto'
import { recordHash } from '../audit/chain.ts'
import { projectRecord, type Facts } from '../audit/project.ts'
import type { AuditRecord } from '../audit/record.ts'
import { sha256 } from '../digest/sha256.ts'
import type { EventRow } from '../stores/ports.ts'
import type { JournalBuffer } from './buffer.ts'

/**
 * The ordered events of one run. Appending is synchronous and cheap: the row waits in the buffer that all runs share, and its
 * place and hash are fixed at once.
 */
export type Journal = {
  /** `event` is JSON text (an object), stored for replay; `facts` become the audit record. */
  append(kind: AuditRecord['event'], event: string, facts: Facts): EventRow
  /** Hash of the last record. */
  readonly head: string
  readonly records: number
}

export function openJournal(runId: string, buffer: JournalBuffer | undefined, redact: (text: string) => string, now: () => number): Journal {
  // The salt keeps the digest of a short event from being guessed; it stands in the journal, never in the audit.
  const salt = randomBytes(12).toString('hex')
  let head = ''
  let records = 0
  return {
    append(kind, event, facts) {
      const n = records
      const stored = redact(`{"kind":"${kind}","salt":"${salt}","data":${event}}`)
      const record = projectRecord(runId, n, now(), kind, { ...facts, event_sha256: sha256(stored) }, redact)
      head = recordHash(head, record)
      records += 1
      const row = { runId, n, event: stored, record, hash: head }
      buffer?.push(row)
      return row
    },
    get head() { return head },
    get records() { return records },
  }
}
