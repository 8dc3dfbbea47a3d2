import { describe, expect, it } from 'vitest'
import { openGate } from '../../harness/gate.ts'
import { openGateOf, withGrant, type Replace } from '../../run/gates.ts'
import { openShop, shopPolicy, writePolicy } from './shops.ts'

const PROGRAM = `
  const weak = input.caveats.reduce((handle, caveats) => handle.only(caveats), db.shop)
  const told = []
  for (const sql of input.statements)
    told.push(await weak.query(sql).then((rows) => rows.map((row) => Object.values(row)), ({ code, gate }) => code + ' at ' + gate))
  return told`

const EXTRA = `CREATE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id`
const READ = { orders: '*', customers: { show: ['id', 'name'] }, totals: '*' }

/** Runs statements through a chain of handles, the first caveats first. */
const ask = async (
  caveats: readonly object[],
  statements: readonly string[],
  replace?: Replace,
): Promise<unknown> => {
  using shop = openShop(EXTRA)
  await using gate = await openGateOf({}, replace)
  const policy = shopPolicy(shop, { read: READ })
  const result = await gate.run({ code: PROGRAM, policy, input: { caveats, statements } })
  return result.value ?? result.error
}

const REACHING = [
  'select name from customers',
  'select count(*) from customers',
  'select 1 from customers',
  'select exists (select * from customers)',
  'select id from orders where 1 in (select id from customers)',
  'select id from orders where id in customers',
  'select o.id from orders o join CUSTOMERS c on c.id = o.customer_id',
  'select o.id from orders o natural join customers',
  'select id from orders natural left join customers',
  'select count(*) from orders join customers using (id)',
  'select id from customers natural join customers c',
  'select id from (orders natural join temp.customers)',
  'with totals as (select id from orders natural join customers) select id from totals',
  'select id from orders union all select id from "customers"',
  'select id from temp.customers',
  'select id from main.customers',
  'with customers (id) as (select 1) select id from temp.customers',
  'with c as (select * from customers) select count(*) from c',
  'with recursive r (n) as (select id from customers union select n + 1 from r where n < 3) select n from r',
  'select (select name from customers limit 1)',
  'select c.name from orders, customers c',
  'select * from (select * from customers)',
  'values ((select count(*) from customers))',
  'select count(*) filter (where true) from [customers]',
]

describe('db.NAME.only()', () => {
  it('leaves the tables that are named', async () => {
    const own = [
      'select id from orders order by id',
      'select count(*) from Orders',
      'with x as (select 1 as n) select n from x',
    ]
    expect(await ask([{ tables: ['orders'] }], own)).toEqual([[[1], [2], [3]], [[3]], [[1]]])
  })

  it('refuses every way to the others', async () => {
    const told = await ask([{ tables: 'ORDERS' }], REACHING)
    expect(told).toEqual(REACHING.map(() => 'DENIED_NAME at perform'))
    expect(await ask([{ tables: [] }], ['select 1', 'select id from orders'])).toEqual([
      [[1]],
      'DENIED_NAME at perform',
    ])
  })

  it('negative control: the same statements pass when caveats restrict nothing', async () => {
    const careless = withGrant('db', (grant) => ({
      ...grant,
      attenuation: { caveats: grant.attenuation?.caveats ?? {}, attenuate: () => (judgement) => judgement },
    }))
    const told = (await ask([{ tables: ['orders'] }], REACHING, careless)) as unknown[]
    expect(told.filter((one) => typeof one !== 'string').length).toBeGreaterThan(13)
  })

  it('leaves a view of the file that is named, and what it reads itself', async () => {
    const statements = ['select total from totals order by 1', 'select * from customers']
    expect(await ask([{ tables: ['totals', 'orders'] }], statements)).toEqual([
      [[29.5], [30.25]],
      'DENIED_NAME at perform',
    ])
    expect(
      await ask([{ tables: ['totals'] }], ['select total from totals order by 1', 'select id from orders']),
    ).toEqual([[[29.5], [30.25]], 'DENIED_NAME at perform'])
  })

  it('lowers the rows, and each handle only lowers what is left', async () => {
    const statements = ['select id from orders', 'select id from orders limit 2', 'select id from customers']
    const rows = 'LIMIT_ROWS at perform'
    expect(await ask([{ rows: 2 }], statements)).toEqual([rows, [[1], [2]], rows])
    expect(await ask([{ rows: 2 }, { rows: 100_000 }], statements)).toEqual([rows, [[1], [2]], rows])
    expect(
      await ask([{ tables: ['orders', 'customers'] }, { tables: ['orders', 'totals'], rows: 3 }], statements),
    ).toEqual([[[1], [2], [3]], [[1], [2]], 'DENIED_NAME at perform'])
    expect(await ask([{ tables: ['orders'] }, { tables: ['customers'] }], statements)).toEqual(
      Array(3).fill('DENIED_NAME at perform'),
    )
  })

  /** Writes through a handle; what is left of the shop when the run has committed. */
  const write = async (caveats: object, statements: readonly string[], replace?: Replace) => {
    using shop = openShop()
    await using gate = await openGateOf({ approve: () => true }, replace)
    const code = `const weak = db.shop.only(input.caveats)
      const told = []
      for (const sql of input.statements) told.push(await weak.execute(sql).then(({ changes }) => changes, ({ code, gate }) => code + ' at ' + gate))
      return told`
    const input = { caveats, statements }
    const { value } = await gate.run({ code, policy: writePolicy(shop), input, principal: 'alpha' })
    return { value, orders: shop.rows('select count(*), sum(id) from orders')[0] }
  }

  const WRITES = [
    "insert into customers (id, name, tenant) values (9, 'x', 'alpha')",
    "update customers set name = 'x'",
    'delete from customers',
    'insert into orders (id, total) select id, 1 from customers',
    'insert into orders (id, total) select id + 10, 1 from orders natural join customers',
    'update orders set total = 0 where id in (select id from customers)',
    'delete from orders where exists (select 1 from customers)',
    'insert into orders (id) values (7)',
  ]

  it('leaves writes to the tables that are named, from what is named, and none in what only reads', async () => {
    const { value, orders } = await write({ tables: ['orders'] }, WRITES)
    const refusals = Array<unknown>(WRITES.length - 1).fill(expect.stringMatching(/^DENIED_\w+ at perform$/u))
    expect(value).toEqual([...refusals, 1])
    expect(orders).toEqual([4, 13])
    expect(await write({ mode: 'read' }, WRITES)).toEqual({
      value: WRITES.map(() => 'DENIED_CAVEAT at authorize'),
      orders: [3, 6],
    })
  })

  it('is refused with a hint that names what the handle shows', async () => {
    using shop = openShop(EXTRA)
    await using gate = await openGate()
    const code = `return await db.shop.only({ tables: ['orders'] }).query('select * from customers')`
    const { error } = await gate.run({ code, policy: shopPolicy(shop, { read: READ }) })
    expect(error).toMatchObject({
      code: 'DENIED_NAME',
      hint: 'Granted are orders; functions: count, sum, lower.',
    })
  })

  it('lowers the rows that a write returns', async () => {
    const returning = [
      'update orders set total = 1 returning id',
      'update orders set total = 2 where id = 1 returning id',
    ]
    expect((await write({ rows: 2 }, returning)).value).toEqual(['LIMIT_ROWS at perform', 1])
  })

  it('negative control: with caveats that restrict nothing the same writes pass', async () => {
    const careless = withGrant('db', (grant) => ({
      ...grant,
      attenuation: { caveats: grant.attenuation?.caveats ?? {}, attenuate: () => (judgement) => judgement },
    }))
    const { value } = await write({ tables: ['orders'] }, WRITES, careless)
    expect((value as unknown[]).filter((one) => typeof one === 'number').length).toBeGreaterThan(4)
  })

  it.each([[{ tables: ['secrets'] }], [{ tables: ['none'] }], [{ rows: -1 }], [{ table: 'orders' }]])(
    'takes what it cannot read for nothing at all: %o',
    async (caveats) => {
      expect(await ask([caveats], ['select 1'])).toEqual(['GUEST_ARGUMENTS at authorize'])
    },
  )

  it('shows only what is left, gives one row, and goes over rows; the next statement has all again', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const code = `const weak = db.shop.only({ tables: ['orders'], rows: 3, mode: 'read' })
      const ids = []
      for await (const { id } of weak.query('select id from orders')) ids.push(id)
      const { tables } = await weak.schema()
      return [tables.map(({ name }) => name), await weak.get('select id from orders'), ids, (await db.shop.query('select name from customers')).length,
        (await db.shop.schema()).tables.length]`
    const result = await gate.run({ code, policy: shopPolicy(shop), principal: 'alpha' })
    expect(result).toMatchObject({ status: 'done', value: [['orders'], { id: 1 }, [1, 2, 3], 2, 2] })
    const records = await gate.audit.read({ runId: result.runId })
    const call = records.find(({ event, facts }) => event === 'call' && facts['via'] !== undefined)
    expect(call?.facts['subject']).toBe('db.shop (only tables orders; 3 rows): select id from orders')
  })

  it('stops a result in the middle when its handle is revoked', async () => {
    const ROWS = 5_000
    using shop = openShop(`CREATE TABLE events (id INTEGER PRIMARY KEY, note TEXT);
      WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < ${ROWS})
      INSERT INTO events SELECT n, printf('%0100d', n) FROM r`)
    await using gate = await openGate()
    const code = `const weak = db.shop.only({})
      let seen = 0
      try { for await (const _ of weak.query('select * from events')) { seen += 1; weak.revoke() } }
      catch ({ code, gate }) { return [seen > 0 && seen < ${ROWS}, code, gate] }
      return seen`
    const entry = { read: { events: '*' }, max_rows: ROWS, max_result_kb: 4096 }
    const result = await gate.run({ code, policy: shopPolicy(shop, entry) })
    expect(result).toMatchObject({ status: 'done', value: [true, 'DENIED_REVOKED', 'perform'] })
  })
})
