/** What do ten thousand rows of a database cost, gone over in the guest, against going over them in the host? */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openStampedRuns, type Stamped } from './measure/stamped-runs.ts'
import { median, quantile } from './measure/statistics.ts'
import { judge, type Answer, type Effort, type Question, type Row } from './question.ts'

const ROWS = 10_000
const MORE_ROWS = 100_000
const WHAT = `${ROWS} rows`
const MEMORY = `host memory while ${MORE_ROWS} rows pass`
const MEMORY_MB_AIM = 32
const FILL = `CREATE TABLE events (id INTEGER PRIMARY KEY, name TEXT, total REAL, note TEXT);
  WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < ${MORE_ROWS})
  INSERT INTO events SELECT n, 'customer ' || (n % 97), n * 0.25, printf('%040d', n) FROM r`

const sqlOf = (rows: number): string => `select id, name, total, note from events where id <= ${rows}`
const passing = (rows: number): string =>
  `let sum = 0; for await (const row of db.shop.query('${sqlOf(rows)}')) sum += row.total`
/** The process of the database is there, and its file was read. */
const WARM_UP = `await db.shop.get('select count(*) from events')`

const readDirectly = (database: DatabaseSync): number => {
  const beganMs = performance.now()
  let sum = 0
  for (const row of database.prepare(sqlOf(ROWS)).iterate()) sum += Number(row['total'])
  if (sum === 0) throw new Error('there are no rows')
  return performance.now() - beganMs
}

const rowOf = (
  what: string,
  by: string,
  samples: readonly number[],
  unit: 'ms' | 'MB',
  note?: string,
): Row => ({
  what,
  by,
  figure: median(samples),
  unit,
  p99: quantile(samples, 0.99),
  samples: samples.length,
  ...(note !== undefined && { note }),
})

const measure = async (effort: Effort): Promise<Answer> => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-rows-'))
  const file = join(folder, 'shop.db')
  const database = new DatabaseSync(file)
  try {
    database.exec(FILL)
    const shop = {
      engine: 'sqlite',
      file,
      read: { events: '*' },
      functions: ['count'],
      max_rows: MORE_ROWS,
      max_result_kb: 16 * 1024,
      timeout_seconds: 60,
    }
    await using runs = await openStampedRuns({ db: { shop } })
    const direct: number[] = []
    const guest: Stamped[] = []
    const rounds = effort.quick ? 8 : 30
    for (let round = -2; round < rounds; round += 1) {
      if (round % 10 === 0) effort.progress(`${WHAT}, round ${round + 1} of ${rounds}`)
      const took = [readDirectly(database), await runs.run(WARM_UP, passing(ROWS))] as const
      // The first rounds find code that was not called before.
      if (round < 0) continue
      direct.push(took[0])
      guest.push(took[1])
    }
    const many: Stamped[] = []
    for (let round = 0; round < (effort.quick ? 1 : 5); round += 1)
      many.push(await runs.run(WARM_UP, passing(MORE_ROWS)))
    return answerOf(direct, guest, many)
  } finally {
    database.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const answerOf = (direct: readonly number[], guest: readonly Stamped[], many: readonly Stamped[]): Answer => {
  const took = guest.map(({ tookMs }) => tookMs)
  const grown = many.map(({ growthMb }) => growthMb)
  return {
    rows: [
      rowOf(WHAT, 'Tollgate', took, 'ms'),
      rowOf(WHAT, 'node:sqlite in the host', direct, 'ms', 'no guest, no policy, no second process'),
      rowOf(MEMORY, 'Tollgate', grown, 'MB'),
    ],
    aims: [
      judge(
        `${ROWS} rows gone over in the guest, against node:sqlite in the host`,
        { unit: '×', aim: 3 },
        median(took) / median(direct),
        `${median(direct).toFixed(1)} → ${median(took).toFixed(1)} ms`,
      ),
      judge(`${MEMORY}: growth of the host`, { unit: 'MB', aim: MEMORY_MB_AIM }, median(grown)),
    ],
  }
}

export const rows: Question = {
  name: 'rows',
  asks: 'What do ten thousand rows of a database cost, gone over in the guest?',
  fairness:
    'The rows leave a process of their own, pass the broker part by part, and are redacted and journalled before the guest has them; the host reads them from its own memory.',
  measure,
}
