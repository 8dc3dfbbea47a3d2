import { sha256 } from '../../digest/sha256.ts'
import type { ChainLink, EventRow, StoredEvent, JournalPort, RunPort, RunRow, StoredRun } from '../ports.ts'
import type { Database } from './database.ts'

/** Inserts events inside a transaction that is already open, and with the first event of a run the run itself. */
export function insertEvents(database: Database, rows: readonly EventRow[]): void {
  const insert = database.sql('INSERT INTO events (run_id, n, event, record, hash) VALUES (?, ?, ?, ?, ?)')
  for (const { runId, n, event, record, hash, begins } of rows) {
    if (begins !== undefined) insertRun(database, begins)
    insert.run(runId, n, event, record, hash)
    if (begins !== undefined) appendLink(database, runId, 'start', hash, 1)
  }
}

type RawEvent = {
  run_id: string
  n: number
  event: string
  record: string
  hash: string
  previous: string | null
}
const toStoredEvent = ({ run_id: runId, n, event, record, hash, previous }: RawEvent): StoredEvent => ({
  runId,
  n,
  event,
  record,
  hash,
  previous: previous ?? '',
})

type RawLink = Omit<ChainLink, 'runId'> & { run_id: string }

const WITH_PREVIOUS = `SELECT e.*, p.hash AS previous FROM events e LEFT JOIN events p ON p.run_id = e.run_id AND p.n = e.n - 1`

const namesIn = (rows: readonly object[]): readonly string[] =>
  (rows as readonly { run_id: string }[]).map(({ run_id: runId }) => runId)

/** The journal in SQLite. */
export function journalPort(database: Database): JournalPort {
  return {
    append(rows, durability) {
      database.transaction(durability, () => insertEvents(database, rows))
    },
    read: ({ runId, limit = -1 }) =>
      database.reading(() => {
        const raw =
          runId === undefined
            ? database.sql(`${WITH_PREVIOUS} ORDER BY e.rowid DESC LIMIT ?`).all(limit)
            : database.sql(`${WITH_PREVIOUS} WHERE e.run_id = ? ORDER BY e.n DESC LIMIT ?`).all(runId, limit)
        return (raw as RawEvent[]).map(toStoredEvent).reverse()
      }),
    runIds: () =>
      database.reading(() =>
        namesIn(database.sql('SELECT run_id FROM events GROUP BY run_id ORDER BY min(rowid)').all()),
      ),
    links: () =>
      database.reading(() => {
        const raw = database.sql('SELECT * FROM chain ORDER BY n').all() as RawLink[]
        return raw.map(({ run_id: runId, n, kind, head, records, body, hash }) => ({
          n,
          runId,
          kind,
          head,
          records,
          body,
          hash,
        }))
      }),
  }
}

/** Adds a link to the state-wide chain, inside an open transaction: the lock makes reading the last one safe. */
function appendLink(
  database: Database,
  runId: string,
  kind: 'start' | 'end',
  head: string,
  records: number,
): void {
  const last = database.sql('SELECT n, hash FROM chain ORDER BY n DESC LIMIT 1').get() as
    { n: number; hash: string } | undefined
  const n = (last?.n ?? -1) + 1
  const body = JSON.stringify({ n, runId, kind, head, records })
  database
    .sql('INSERT INTO chain (n, run_id, kind, head, records, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?)')
    .run(n, runId, kind, head, records, body, linkHash(last?.hash ?? '', body))
}

/** Hash of a link: SHA-256 over the previous link's hash and this one's body. */
const linkHash = (previous: string, body: string): string => sha256(`${previous}\n${body}`)

type RawRun = {
  run_id: string
  task: string
  principal: string
  started_at_ms: number
  idempotency_key: string | null
  request_digest: string
  policy_digest: string
  tool_digest: string
  result: string | null
}

const toStoredRun = (raw: RawRun): StoredRun => ({
  runId: raw.run_id,
  task: raw.task,
  principal: raw.principal,
  startedAtMs: raw.started_at_ms,
  ...(raw.idempotency_key !== null && { idempotencyKey: raw.idempotency_key }),
  requestDigest: raw.request_digest,
  policyDigest: raw.policy_digest,
  toolDigest: raw.tool_digest,
  result: raw.result ?? undefined,
})

/** False when the idempotency key is taken. */
function insertRun(database: Database, row: RunRow): boolean {
  const { changes } = database
    .sql(
      'INSERT INTO runs (run_id, task, principal, started_at_ms, idempotency_key, request_digest, policy_digest, tool_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    )
    .run(
      row.runId,
      row.task,
      row.principal,
      row.startedAtMs,
      row.idempotencyKey ?? null,
      row.requestDigest,
      row.policyDigest,
      row.toolDigest,
    )
  return changes === 1
}

/** Runs in SQLite. */
export function runPort(database: Database): RunPort {
  const one = (raw: unknown): StoredRun | undefined =>
    raw === undefined ? undefined : toStoredRun(raw as RawRun)
  return {
    start: (row, first) =>
      database.transaction('kept', () => {
        if (!insertRun(database, row)) return false
        insertEvents(database, [first])
        appendLink(database, row.runId, 'start', first.hash, 1)
        return true
      }),
    end(runId, result, last, head, records) {
      database.transaction('kept', () => {
        insertEvents(database, last)
        database.sql('UPDATE runs SET result = ? WHERE run_id = ?').run(result, runId)
        appendLink(database, runId, 'end', head, records)
      })
    },
    get: (runId) =>
      database.reading(() => one(database.sql('SELECT * FROM runs WHERE run_id = ?').get(runId))),
    ids: () => database.reading(() => namesIn(database.sql('SELECT run_id FROM runs').all())),
    byKey: (principal, key) =>
      database.reading(() =>
        one(
          database.sql('SELECT * FROM runs WHERE principal = ? AND idempotency_key = ?').get(principal, key),
        ),
      ),
    list: ({ task, limit }) =>
      database.reading(() => {
        const order = 'ORDER BY started_at_ms DESC, rowid DESC LIMIT ?'
        const raw =
          task === undefined
            ? database.sql(`SELECT * FROM runs ${order}`).all(limit)
            : database.sql(`SELECT * FROM runs WHERE task = ? ${order}`).all(task, limit)
        return (raw as RawRun[]).map(toStoredRun)
      }),
  }
}
