import { setTimeout as wait } from 'node:timers/promises'
import type { AuditRecord, Tollgate } from '../../index.ts'

/** How often the state is asked for what other processes wrote. */
const FOLLOW_MS = 400
const PAGE_RECORDS = 256

/**
 * Yields what is written after `last`, in the order in which it was kept, until the signal fires. Pages grow as far back as
 * `last` lies, so that no burst of records is missed.
 */
export async function* followAudit(
  gate: Tollgate,
  runId: string | undefined,
  last: AuditRecord | undefined,
  over: AbortSignal,
): AsyncGenerator<readonly AuditRecord[]> {
  let seen = last
  while (!over.aborted) {
    await wait(FOLLOW_MS, undefined, { signal: over }).catch(() => undefined)
    const fresh = await recordsAfter(gate, runId, seen)
    if (fresh.length > 0) yield fresh
    seen = fresh.at(-1) ?? seen
  }
}

const recordsAfter = async (
  gate: Tollgate,
  runId: string | undefined,
  seen: AuditRecord | undefined,
): Promise<readonly AuditRecord[]> => {
  for (let limit = PAGE_RECORDS; ; limit *= 2) {
    const page = await gate.audit.read({ limit, ...(runId !== undefined && { runId }) })
    const at = page.findLastIndex((record) => record.runId === seen?.runId && record.n === seen.n)
    if (at !== -1 || page.length < limit) return page.slice(at + 1)
  }
}
