import { TollgateError } from '../errors/tollgate-error.ts'
import type { AuditRecord } from './record.ts'
import { printable } from './printable.ts'
import type { Redactor } from './redact.ts'

/** Longest text of one fact. */
const FACT_SIZE_MAX = 512

export type Facts = Readonly<Record<string, string | number | boolean | undefined>>

/** Where a record stands and when it was made; `atMs` in milliseconds since 1970. */
export type RecordPlace = Pick<AuditRecord, 'runId' | 'n' | 'event'> & { readonly atMs: number }

/** The body of an audit record as the bytes that its hash covers: bounded, redacted, one line, no control characters. */
export function projectRecord(
  { runId, n, event, atMs }: RecordPlace,
  facts: Facts,
  redactor: Redactor,
): string {
  const shown: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(facts)) {
    if (value !== undefined)
      shown[name] = typeof value === 'string' ? printable(redactor.text(value), FACT_SIZE_MAX) : value
  }
  return JSON.stringify({ runId, n, at: new Date(atMs).toISOString(), event, facts: shown })
}

/** A stored record as the library hands it out. Throws CONFIG_STATE_UNUSABLE for one that somebody made unreadable. */
export const toAuditRecord = (record: string, previous: string, hash: string): AuditRecord => ({
  ...parseRecord(record),
  prev: previous,
  hash,
})

const parseRecord = (record: string): Omit<AuditRecord, 'prev' | 'hash'> => {
  try {
    return JSON.parse(record) as Omit<AuditRecord, 'prev' | 'hash'>
  } catch (cause) {
    const hint = '`tollgate audit verify` names its position'
    throw new TollgateError(
      'CONFIG_STATE_UNUSABLE',
      'A record of the audit cannot be read: it was changed.',
      {
        hint,
        cause,
      },
    )
  }
}
