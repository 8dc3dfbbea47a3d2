import { sha256 } from '../digest/sha256.ts'
import type { ChainLink, EventRow, Store } from '../stores/ports.ts'
import { recordHash } from './chain.ts'
import type { AuditVerdict } from './record.ts'

type Problem = { runId?: string; position: number; message: string }
/** What is kept of a run while the others are read. */
type Run = {
  /** Of its records, in order. */
  readonly hashes: readonly string[]
  /** Set by its row, once the run is over. */
  readonly resultDigest: string | undefined
  /** As the last record has it. */
  readonly recordedDigest: unknown
}

/**
 * Recomputes every chain of the store, one run after the other, and names the first position that does not fit. It proves
 * consistency: someone who can rewrite the whole state can forge it, unless heads are anchored elsewhere (SOUNDNESS 23).
 */
export const verifyAudit = (store: Store): AuditVerdict => store.snapshot(() => verify(store))

function verify(store: Store): AuditVerdict {
  const links = store.journal.links()
  const runs = new Map<string, Run>()
  let records = 0
  let broken: Problem | undefined
  for (const runId of store.journal.runIds()) {
    const rows = store.journal.read({ runId })
    records += rows.length
    broken ??= checkRun(runId, rows)
    runs.set(runId, summaryOf(rows, store.runs.get(runId)?.result))
  }
  const problem =
    checkLinks(links) ??
    broken ??
    checkHeads(links, runs) ??
    checkEnds(links, runs) ??
    checkPresence(store, runs)
  const counts = { runs: runs.size, records }
  return problem === undefined
    ? { intact: true, ...counts, head: links.at(-1)?.hash ?? '' }
    : { intact: false, ...counts, problem }
}

const summaryOf = (rows: readonly EventRow[], result: string | undefined): Run => {
  const last = rows.at(-1)
  return {
    hashes: rows.map(({ hash }) => hash),
    resultDigest: result === undefined ? undefined : sha256(result),
    recordedDigest: last === undefined ? undefined : factsOf(last)?.result_sha256,
  }
}

/** A run whose row is there must have records: those of the last one could be cut off with its links. */
function checkPresence(store: Store, runs: ReadonlyMap<string, Run>): Problem | undefined {
  const bare = store.runs.ids().find((runId) => !runs.has(runId))
  return bare === undefined
    ? undefined
    : { runId: bare, position: 0, message: `record 0 of run ${bare} is missing` }
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

function checkRun(runId: string, rows: readonly EventRow[]): Problem | undefined {
  let previous = ''
  for (const [position, row] of rows.entries()) {
    const wrong = wrongWith(row, position, previous)
    if (wrong !== undefined)
      return { runId, position, message: `record ${position} of run ${runId} ${wrong}` }
    previous = row.hash
  }
  return undefined
}

function wrongWith(row: EventRow, position: number, previous: string): string | undefined {
  if (row.n !== position) return 'is missing or out of its place'
  const facts = factsOf(row)
  if (facts === undefined || row.hash !== recordHash(previous, row.record)) return 'was changed'
  return facts.event_sha256 === sha256(row.event) ? undefined : 'has a journal event that was changed'
}

type Digests = { readonly event_sha256?: unknown; readonly result_sha256?: unknown }

/** Undefined for what is no record at all. */
function factsOf({ record }: EventRow): Digests | undefined {
  try {
    return (JSON.parse(record) as { facts?: Digests } | null)?.facts
  } catch {
    return undefined
  }
}

/** Each link names a head: the record that stood there then must stand there now. */
function checkHeads(links: readonly ChainLink[], runs: ReadonlyMap<string, Run>): Problem | undefined {
  for (const { runId, kind, head, records } of links) {
    const hashes = runs.get(runId)?.hashes ?? []
    const problem = (position: number, what: string): Problem => ({
      runId,
      position,
      message: `record ${position} of run ${runId} ${what}`,
    })
    if (hashes.length < records) return problem(hashes.length, 'is missing')
    if (hashes[records - 1] !== head)
      return problem(records - 1, 'is not the one that the state-wide chain names')
    if (kind === 'end' && hashes.length !== records) return problem(records, 'was added after its end')
  }
  return undefined
}

/** A run stands in the state-wide chain with its start and, once it has a result, with its end; and the result is the one that was recorded. */
function checkEnds(links: readonly ChainLink[], runs: ReadonlyMap<string, Run>): Problem | undefined {
  const known = (wanted: ChainLink['kind']): ReadonlySet<string> =>
    new Set(links.filter(({ kind }) => kind === wanted).map(({ runId }) => runId))
  const [started, ended] = [known('start'), known('end')]
  for (const [runId, { hashes, resultDigest, recordedDigest }] of runs) {
    const problem = (position: number, message: string): Problem => ({ runId, position, message })
    if (!started.has(runId)) return problem(0, `run ${runId} is not in the state-wide chain`)
    if (ended.has(runId) !== (resultDigest !== undefined))
      return problem(hashes.length, `the end of run ${runId} is missing`)
    if (resultDigest !== undefined && recordedDigest !== resultDigest)
      return problem(hashes.length - 1, `the result of run ${runId} was changed`)
  }
  return undefined
}
