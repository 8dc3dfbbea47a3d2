import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditVerdict } from '../../src/index.ts'
import { openGate } from '../harness/gate.ts'
import { openGateOf, withSetting } from '../run/gates.ts'
import { PAY_ALL, PAY_POLICY, World } from '../run/payments.ts'

/** Records of a run that pays twice: started, intended, call, intended, call, ended. */
const RECORDS = 6

let folder: string
let runIds: string[]
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-h54-'))
  await using gate = await openGate({ state: folder, tools: [new World(join(folder, 'world')).tool()] })
  const runs = []
  for (let n = 0; n < 3; n += 1)
    runs.push(await gate.run({ code: PAY_ALL, input: { from: 2 * n, to: 2 * n + 2 }, policy: PAY_POLICY }))
  runIds = runs.map(({ runId }) => runId)
})
afterAll(() => rmSync(folder, { recursive: true }))

const verify = async (): Promise<AuditVerdict> => {
  await using gate = await openGate({ state: folder })
  return await gate.audit.verify()
}

/** Changes the state by SQL, asks for a verdict, and puts everything back. */
const tampered = async (...statements: string[]): Promise<AuditVerdict> => {
  const tables = ['events', 'chain', 'runs']
  const open = (): DatabaseSync => new DatabaseSync(join(folder, 'tollgate.db'))
  const before = open()
  for (const table of tables)
    before.exec(`CREATE TABLE spare_${table} AS SELECT rowid AS place, * FROM ${table}`)
  for (const statement of statements) before.exec(statement)
  before.close()
  try {
    return await verify()
  } finally {
    const after = open()
    for (const table of tables) {
      const columns = (after.prepare(`PRAGMA table_info(${table})`).all() as { name: string }[])
        .map(({ name }) => name)
        .join(', ')
      after.exec(
        `DELETE FROM ${table}; INSERT INTO ${table} (rowid, ${columns}) SELECT place, ${columns} FROM spare_${table} ORDER BY place; DROP TABLE spare_${table}`,
      )
    }
    after.close()
  }
}

const middle = (): string => runIds[1] ?? ''
const positions = Array.from({ length: RECORDS }, (_, position) => position)
const expectBrokenAt = (verdict: AuditVerdict, position: number): void => {
  expect(verdict).toMatchObject({ intact: false, problem: { runId: middle(), position } })
}
const record = (position: number): string => `run_id = '${middle()}' AND n = ${position}`

describe('an audit that nobody touched', () => {
  it('is intact, and counts what there is', async () => {
    expect(await verify()).toMatchObject({ intact: true, runs: 3, records: 3 * RECORDS })
    expect(await tampered()).toMatchObject({ intact: true })
  })
})

describe.each(positions)('record %i', (position) => {
  it('names its position when one byte of it is changed', async () => {
    const change = (at: number): string =>
      `UPDATE events SET record = substr(record, 1, ${at}) || '~' || substr(record, ${at} + 2) WHERE ${record(position)}`
    for (const at of [0, 20, 60, 120]) expectBrokenAt(await tampered(change(at)), position)
  })

  it('names its position when its hash, or the event behind it, is changed', async () => {
    expectBrokenAt(
      await tampered(`UPDATE events SET hash = '0' || substr(hash, 2) || 'f' WHERE ${record(position)}`),
      position,
    )
    expectBrokenAt(
      await tampered(
        `UPDATE events SET event = replace(event, '"kind"', '"kinD"') WHERE ${record(position)}`,
      ),
      position,
    )
  })

  it('names its position when it is removed', async () => {
    expectBrokenAt(await tampered(`DELETE FROM events WHERE ${record(position)}`), position)
  })
})

describe('records out of order', () => {
  it('name the first that is not in its place', async () => {
    const swap = (a: number, b: number): string[] => [
      `UPDATE events SET n = -1 WHERE ${record(a)}`,
      `UPDATE events SET n = ${a} WHERE ${record(b)}`,
      `UPDATE events SET n = ${b} WHERE run_id = '${middle()}' AND n = -1`,
    ]
    expectBrokenAt(await tampered(...swap(1, 2)), 1)
    expectBrokenAt(await tampered(...swap(3, 5)), 3)
  })

  it('are seen also when whole contents change places', async () => {
    const contents = (from: number): string => `(SELECT record FROM spare_events WHERE ${record(from)})`
    const verdict = await tampered(
      `UPDATE events SET record = ${contents(3)} WHERE ${record(1)}`,
      `UPDATE events SET record = ${contents(1)} WHERE ${record(3)}`,
    )
    expectBrokenAt(verdict, 1)
  })
})

describe('what is cut off', () => {
  it('is missed: the last record of a run', async () => {
    expectBrokenAt(await tampered(`DELETE FROM events WHERE run_id = '${middle()}' AND n >= 4`), 4)
  })

  it('is missed: all records of a run', async () => {
    expectBrokenAt(await tampered(`DELETE FROM events WHERE run_id = '${middle()}'`), 0)
  })

  it('is missed: the last run as a whole, as long as its row is still there', async () => {
    const last = '(SELECT run_id FROM chain ORDER BY n DESC LIMIT 1)'
    const verdict = await tampered(
      `DELETE FROM events WHERE run_id = ${last}`,
      `DELETE FROM chain WHERE run_id = ${last}`,
    )
    expect(verdict).toMatchObject({ intact: false, problem: { position: 0 } })
  })

  it('is missed: a link of the state-wide chain, with the number of the link', async () => {
    for (const link of [0, 2, 4])
      expect(await tampered(`DELETE FROM chain WHERE n = ${link}`)).toMatchObject({
        intact: false,
        problem: { position: link },
      })
    const last = await tampered('DELETE FROM chain WHERE n = 5')
    expect(last).toMatchObject({
      intact: false,
      problem: { runId: runIds[2], message: expect.stringContaining('end of run') as string },
    })
  })

  it('is missed: a run with everything that speaks of it', async () => {
    const verdict = await tampered(
      ...['events', 'chain', 'runs'].map((table) => `DELETE FROM ${table} WHERE run_id = '${middle()}'`),
    )
    expect(verdict).toMatchObject({ intact: false, problem: { position: 2 } })
  })
})

describe('what is added or rewritten', () => {
  it('is seen: a record after the end', async () => {
    const add = `INSERT INTO events SELECT run_id, ${RECORDS}, event, record, hash FROM events WHERE ${record(5)}`
    expectBrokenAt(await tampered(add), RECORDS)
  })

  it('is seen: a link that was changed', async () => {
    expect(
      await tampered("UPDATE chain SET body = replace(body, 'start', 'stark') WHERE n = 2"),
    ).toMatchObject({ intact: false, problem: { position: 2 } })
    expect(await tampered('UPDATE chain SET records = records + 1 WHERE n = 3')).toMatchObject({
      intact: false,
      problem: { position: 3 },
    })
  })

  it('is seen: the result of a run', async () => {
    const verdict = await tampered(
      `UPDATE runs SET result = replace(result, '"done"', '"d0ne"') WHERE run_id = '${middle()}'`,
    )
    expect(verdict).toMatchObject({
      intact: false,
      problem: { runId: middle(), message: expect.stringContaining('result') as string },
    })
    expect(await tampered(`UPDATE runs SET result = NULL WHERE run_id = '${middle()}'`)).toMatchObject({
      intact: false,
    })
  })

  it('is seen: text that is no record', async () => {
    for (const text of ['', 'null', '[]', '{"facts":', '{"facts":null}'])
      expectBrokenAt(await tampered(`UPDATE events SET record = '${text}' WHERE ${record(2)}`), 2)
  })
})

describe('negative control: a store that shows what it read before', () => {
  it('hides the change', async () => {
    const frozen = withSetting(({ store }) => {
      const [rows, links] = [store.journal.read({}), store.journal.links()]
      const read: typeof store.journal.read = ({ runId }) => rows.filter((row) => row.runId === runId)
      return { store: { ...store, journal: { ...store.journal, read, links: () => links } } }
    })
    await using gate = await openGateOf({ state: folder }, frozen)
    const database = new DatabaseSync(join(folder, 'tollgate.db'))
    database.exec(`UPDATE events SET record = record || ' ' WHERE ${record(1)}`)
    expect(await gate.audit.verify()).toMatchObject({ intact: true })
    expectBrokenAt(await verify(), 1)
    database.exec(`UPDATE events SET record = rtrim(record) WHERE ${record(1)}`)
    database.close()
    expect(await verify()).toMatchObject({ intact: true })
  })
})
