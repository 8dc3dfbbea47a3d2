import { sha256 } from '../digest/sha256.ts'
import type { ChainLink, EventRow, Store } from '../stores/ports.ts'
import { recordHash } from './chain.ts'
import type { AuditVerdict } from './record.ts'

type Problem = { runId?: string; position: number; message: string }
type Run = { readonly rows: readonly EventRow[]; readonly finished: boolean }

/**
 * Recomputes every chain of the store and names the first position that does not fit. It proves consistency: someone who can
 * rewrite the whole state can forge it, unless heads are anchored elsewhere (SOUNDNESS 23).
 */
export function verifyAudit(store: Store): AuditVerdict {
  const links = store.journal.links()
  const runs = groupByRun(store)
  const records = [...runs.values()].reduce((sum, { rows }) => sum + rows.length, 0)
  const problem = checkLinks(links) ?? checkRuns(runs) ?? checkHeads(links, runs)
  const counts = { runs: runs.size, records }
  return problem === undefined
    ? { intact: true, ...counts, head: links.at(-1)?.hash ?? '' }
    : { intact: false, ...counts, problem }
}

function groupByRun(store: Store): Map<string, Run> {
  const runs = new Map<string, { rows: EventRow[]; finished: boolean }>()
  for (const row of store.journal.read({})) {
    const run = runs.get(row.runId) ?? { rows: [], finished: store.runs.get(row.runId)?.result !== undefined }
    run.rows.push(row)
    runs.set(row.runId, run)
  }
  return runs
}

function checkLinks(links: readonly ChainLink[]): Problem | undefined {
  let previous = ''
  for (const [position, link] of links.entries()) {
    if (link.n !== position)
      return { position, message: `link ${position} of the state-wide chain is missing` }
    const { n, runId, kind, head, records } = link
    if (
      link.body !== JSON.stringify({ n, runId, kind, head, records }) ||
      link.hash !== sha256(`${previous}\n${link.body}`)
    ) {
      return { runId, position, message: `link ${position} of the state-wide chain was changed` }
    }
    previous = link.hash
  }
  return undefined
}

function checkRuns(runs: ReadonlyMap<string, Run>): Problem | undefined {
  for (const [runId, { rows }] of runs) {
    let previous = ''
    for (const [position, row] of rows.entries()) {
      if (row.n !== position)
        return { runId, position, message: `record ${position} of run ${runId} is missing` }
      if (row.hash !== recordHash(previous, row.record))
        return { runId, position, message: `record ${position} of run ${runId} was changed` }
      const salted = eventDigestOf(row)
      if (salted !== undefined && salted !== sha256(row.event)) {
        return {
          runId,
          position,
          message: `the journal event behind record ${position} of run ${runId} was changed`,
        }
      }
      previous = row.hash
    }
  }
  return undefined
}

const eventDigestOf = (row: EventRow): string | undefined =>
  (JSON.parse(row.record) as { facts: { event_sha256?: string } }).facts.event_sha256

/** Each link names a head: the record that stood there then must stand there now, and a finished run must have both links and no tail. */
function checkHeads(links: readonly ChainLink[], runs: ReadonlyMap<string, Run>): Problem | undefined {
  const ended = new Set<string>()
  const started = new Set<string>()
  for (const { runId, kind, head, records } of links) {
    const rows = runs.get(runId)?.rows ?? []
    if (rows.length < records)
      return { runId, position: rows.length, message: `record ${rows.length} of run ${runId} is missing` }
    if (rows[records - 1]?.hash !== head)
      return {
        runId,
        position: records - 1,
        message: `record ${records - 1} of run ${runId} is not the one that the state-wide chain names`,
      }
    if (kind === 'end' && rows.length !== records)
      return {
        runId,
        position: records,
        message: `record ${records} of run ${runId} was added after its end`,
      }
    ;(kind === 'end' ? ended : started).add(runId)
  }
  for (const [runId, { rows, finished }] of runs) {
    if (!started.has(runId))
      return { runId, position: 0, message: `run ${runId} is not in the state-wide chain` }
    if (finished && !ended.has(runId))
      return {
        runId,
        position: rows.length,
        message: `the end of run ${runId} is missing from the state-wide chain`,
      }
  }
  return undefined
}
