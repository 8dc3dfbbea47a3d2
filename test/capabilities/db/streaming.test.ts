import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { openGate } from '../../harness/gate.ts'
import { openShop, shopPolicy, writePolicy } from './shops.ts'

const ROWS = 5_000
const FILL = `CREATE TABLE events (id INTEGER PRIMARY KEY, note TEXT);
  WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < ${ROWS})
  INSERT INTO events SELECT n, printf('%0100d', n) FROM r`
const ALL = `db.shop.query('select id, note from events order by id')`

/** A statement whose first rows come at once, and its last one never. */
const SLOW = `db.shop.query('select id, note from events union all select (select count(*) from events a, events b, events c, events d), null')`
const COUNT = `return (await db.shop.get('select count(*) as n from events')).n`

async function tryIt(
  code: string,
  more: { max_rows?: number; max_result_kb?: number; timeout_seconds?: number; functions?: string[] } = {},
) {
  using shop = openShop(FILL)
  await using gate = await openGate()
  const entry = { read: { events: '*', orders: '*' }, max_rows: ROWS, max_result_kb: 4096, ...more }
  const result = await gate.run({ code, policy: shopPolicy(shop, entry) })
  const records = await gate.audit.read({ runId: result.runId })
  return { result, pulls: records.filter(({ event }) => event === 'pull').map(({ facts }) => facts) }
}

it('goes over a large result part by part: one call, each part on record', async () => {
  const { result, pulls } = await tryIt(`
    const ids = []
    for await (const { id, note } of ${ALL}) { if (Number(note) !== id) throw new Error('torn'); ids.push(id) }
    return ids.every((id, at) => id === at + 1) && ids.length`)
  expect(result).toMatchObject({ status: 'done', value: ROWS, usage: { calls: 1 } })
  expect(pulls.length).toBeGreaterThan(3)
  expect(pulls.every((facts) => facts['of'] === 1 && facts['op'] === 'db.shop.query')).toBe(true)
  const bytes = pulls.map((facts) => Number(facts['ingress_bytes']))
  expect(Math.max(...bytes)).toBeLessThan(70_000)
  expect(result.usage.byOp['db.shop.query']?.ingressBytes).toBeGreaterThan(ROWS * 100)
})

it('gives the whole to who awaits it', async () => {
  const { result } = await tryIt(`const rows = await ${ALL}; return [rows.length, rows.at(-1).id]`)
  expect(result).toMatchObject({ status: 'done', value: [ROWS, ROWS], usage: { calls: 1 } })
})

it('lets other statements in between, on the same database', async () => {
  const { result } = await tryIt(`
    let seen = 0
    for await (const { id } of ${ALL}) {
      if (id % 1000 === 0) { const { total } = await db.shop.get('select total from orders where id = 1'); if (total !== 9.5) throw new Error('mixed up') }
      seen += 1
    }
    return seen`)
  expect(result).toMatchObject({ status: 'done', value: ROWS, usage: { calls: 6 } })
})

it('is left early without a trace, and many are left unread', async () => {
  const { result } = await tryIt(`
    for (let i = 0; i < 10; i += 1) for await (const { id } of ${ALL}) if (id === 3) break
    return (await db.shop.query('select id from orders')).length`)
  expect(result).toMatchObject({ status: 'done', value: 3 })
})

const INSERT = `await db.shop.execute('insert into orders (total) values (1)')`
const BEGIN = `await ${SLOW}[Symbol.asyncIterator]().next()`
it.each([
  ['a statement that waits for it', `${BEGIN}; ${COUNT}`],
  ['a statement that waits for it, with writes', `${INSERT}; ${BEGIN}; ${COUNT}`],
  ['who waits for its next rows', `for await (const _ of ${SLOW});`],
  ['who waits for its next rows, with writes', `${INSERT}; for await (const _ of ${SLOW});`],
])('ends with its run, and so does %s', async (_, code) => {
  using shop = openShop(FILL)
  await using gate = await openGate()
  const entry = { read: { events: '*', orders: '*' }, write: { orders: ['insert'] }, functions: ['count'] }
  const policy = writePolicy(
    shop,
    { ...entry, max_rows: ROWS + 1, max_result_kb: 4096, timeout_seconds: 60 },
    { limits: { max_duration_seconds: 1 } },
  )
  const running = gate.run({ code, policy })
  const late = sleep(30_000, 'it goes on', { ref: false })
  expect(await Promise.race([running, late])).toMatchObject({ error: { code: 'LIMIT_DURATION' } })
  expect(shop.rows('select count(*) from orders')).toEqual([[3]])
})

it('keeps nobody waiting who has left a statement that goes on', async () => {
  using shop = openShop(FILL)
  await using gate = await openGate()
  const entry = { read: { events: '*' }, max_rows: ROWS + 1, functions: ['count'], timeout_seconds: 60 }
  const policy = shopPolicy(shop, entry, { limits: { max_duration_seconds: 10 } })
  const code = `for await (const { id } of ${SLOW}) if (id === 3) break; ${COUNT}`
  expect(await gate.run({ code, policy })).toMatchObject({ status: 'done', value: ROWS })
})

it('goes over one list or gives it, never half of it', async () => {
  const { result } = await tryIt(`
    const both = ${ALL}
    let seen = 0
    for await (const _ of both) seen += 1
    const late = ${ALL}
    await late
    let again = 0
    for await (const _ of late) again += 1
    return [seen, again, await both.then(() => 'a list', ({ code }) => code)]`)
  expect(result).toMatchObject({ status: 'done', value: [ROWS, ROWS, 'GUEST_ARGUMENTS'] })
})

it.each([
  [{ max_rows: 4_000 }, 'LIMIT_ROWS'],
  [{ max_result_kb: 300 }, 'LIMIT_RESPONSE_SIZE'],
] as const)('stops at %o in the middle', async (more, code) => {
  const { result, pulls } = await tryIt(
    `let seen = 0; try { for await (const _ of ${ALL}) seen += 1 } catch (error) { return [seen > 500, error.code, error.gate] }`,
    more,
  )
  expect(result).toMatchObject({ status: 'done', value: [true, code, 'perform'] })
  expect(pulls.at(-1)).toMatchObject({ verdict: 'deny', code })
  const awaited = await tryIt(`return await ${ALL}`, more)
  expect(awaited.result).toMatchObject({
    status: 'failed',
    error: { code, gate: 'perform', op: 'db.shop.query' },
  })
})

it('has the rows that a statement gave before it ran into its deadline', async () => {
  const { result } = await tryIt(
    `let seen = 0
    const heavy = 'select count(*) from events a, events b, events c, events d'
    const sql = 'select id, note from events union all select (' + heavy + '), null'
    try { for await (const _ of db.shop.query(sql)) seen += 1 } catch ({ code }) { return [seen, code] }`,
    { timeout_seconds: 1, functions: ['count'], max_rows: ROWS + 1 },
  )
  // All but what did not fill the last part.
  expect(result).toMatchObject({ status: 'done', value: [expect.any(Number), 'UPSTREAM_TIMEOUT'] })
  expect((result.value as [number])[0]).toBeGreaterThan(ROWS - 1000)
})

it('hands over rows that a poisoned realm cannot change', async () => {
  const { result } = await tryIt(`
    Object.defineProperty(Object.prototype, 'id', { set() { throw new Error('caught one') }, configurable: true })
    Object.defineProperty(Array.prototype, '0', { set() { throw new Error('caught one') }, configurable: true })
    let sum = 0
    for await (const row of ${ALL}) sum += Object.getOwnPropertyDescriptor(row, 'id').value
    return sum`)
  expect(result).toMatchObject({ status: 'done', value: (ROWS * (ROWS + 1)) / 2 })
})

it('asks for nothing once its run is over, whoever still reads', async () => {
  const { result, pulls } = await tryIt(`
    const rows = ${ALL}[Symbol.asyncIterator]()
    await rows.next()
    await new Promise((resolve) => setTimeout(resolve, 50))
    void (async () => { for (let i = 0; i < 3000; i += 1) await rows.next() })()
    return 'over'`)
  expect(result).toMatchObject({ status: 'done', value: 'over' })
  expect(pulls).toHaveLength(1)
})

it('is over with its run, for an instance that serves again as well', async () => {
  using shop = openShop(FILL)
  await using gate = await openGate()
  const policy = shopPolicy(shop, { read: { events: '*' }, max_rows: ROWS, max_result_kb: 4096 })
  const code = `let rows
    export default async (input, { db }) => {
      if (rows === undefined) {
        rows = ${ALL}[Symbol.asyncIterator]()
        await rows.next()
        return 'began'
      }
      try { for (let i = 0; i < 3000; i += 1) await rows.next() } catch ({ code }) { await rows.return(); return code }
    }`
  const run = () => gate.run({ code, policy, reuse: 'isolate' })
  expect(await run()).toMatchObject({ status: 'done', value: 'began' })
  expect(await run()).toMatchObject({ status: 'done', value: 'GUEST_OVER' })
})
