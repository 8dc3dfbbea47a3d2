import { afterAll, beforeAll, expect, it } from 'vitest'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { serveShop } from './served-shops.ts'

const ROWS = 10_000
const FILL = `CREATE TABLE events (id integer PRIMARY KEY, note text);
  INSERT INTO events SELECT n, lpad(n::text, 100, '0') FROM generate_series(1, ${ROWS}) n`
const ALL = `db.shop.query('select id, note from events order by id')`

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const tryIt = async (code: string, more: { max_rows?: number; max_result_kb?: number } = {}) => {
  const entry = { read: { events: '*', orders: '*' }, max_rows: ROWS, max_result_kb: 4096, ...more }
  const shop = await serveShop(server, { entry, extra: FILL })
  await using gate = await openGate(shop.options)
  const result = await gate.run({ code, policy: shop.policy })
  const records = await gate.audit.read({ runId: result.runId })
  return { result, pulls: records.filter(({ event }) => event === 'pull').map(({ facts }) => facts) }
}

it('goes over a large result part by part: one call, each part on record', async ({ skip }) => {
  needPostgres(skip)
  const { result, pulls } = await tryIt(`
    const ids = []
    for await (const { id, note } of ${ALL}) { if (Number(note) !== id) throw new Error('torn'); ids.push(id) }
    return ids.every((id, at) => id === at + 1) && ids.length`)
  expect(result).toMatchObject({ status: 'done', value: ROWS, usage: { calls: 1 } })
  expect(pulls.length).toBeGreaterThan(10)
  expect(Math.max(...pulls.map((facts) => Number(facts['ingress_bytes'])))).toBeLessThan(70_000)
})

it('gives the whole to who awaits it, and lets other statements in between', async ({ skip }) => {
  needPostgres(skip)
  const { result } = await tryIt(`
    const rows = await ${ALL}
    let seen = 0
    for await (const { id } of ${ALL}) {
      if (id % 2000 === 0 && (await db.shop.get('select total from orders where id = 1')).total !== 9.5) throw new Error('mixed up')
      seen += 1
    }
    return [rows.length, rows.at(-1).id, seen]`)
  expect(result).toMatchObject({ status: 'done', value: [ROWS, ROWS, ROWS], usage: { calls: 7 } })
})

it('is left early without a trace', async ({ skip }) => {
  needPostgres(skip)
  const { result } = await tryIt(`
    for (let i = 0; i < 5; i += 1) for await (const { id } of ${ALL}) if (id === 3) break
    return (await db.shop.query('select id from orders')).length`)
  expect(result).toMatchObject({ status: 'done', value: 3 })
})

it.for([
  [{ max_rows: 8_000 }, 'LIMIT_ROWS'],
  [{ max_result_kb: 300 }, 'LIMIT_RESPONSE_SIZE'],
] as const)('stops at %o in the middle', async ([more, code], { skip }) => {
  needPostgres(skip)
  const { result, pulls } = await tryIt(
    `let seen = 0; try { for await (const _ of ${ALL}) seen += 1 } catch (error) { return [seen > 500, error.code, error.gate] }`,
    more,
  )
  expect(result).toMatchObject({ status: 'done', value: [true, code, 'perform'] })
  expect(pulls.at(-1)).toMatchObject({ verdict: 'deny', code })
})

it('refuses rows that fit where the names of their columns, told with each part, do not', async ({
  skip,
}) => {
  needPostgres(skip)
  const names = Array.from({ length: 1000 }, (_, at) => `${'n'.repeat(56)}${at}`)
  const extra = `CREATE TABLE wide (${names.map((name) => `${name} text`).join(', ')});
    INSERT INTO wide SELECT repeat('x', 60000) FROM generate_series(1, 60)`
  const shop = await serveShop(server, { entry: { read: { wide: '*' }, max_result_kb: 4096 }, extra })
  await using gate = await openGate(shop.options)
  const code = `let seen = 0
    try { for await (const row of db.shop.query('select * from wide')) seen += 1 } catch (error) { return [error.code, seen > 0] }`
  const result = await gate.run({ code, policy: shop.policy })
  expect(result).toMatchObject({ status: 'done', value: ['LIMIT_RESPONSE_SIZE', true] })
})
