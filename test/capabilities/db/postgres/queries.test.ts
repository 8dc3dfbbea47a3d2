import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { askShop } from '../shops.ts'
import { serveShop } from './served-shops.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

describe('query', () => {
  it('answers with rows: shown columns, masked ones as NULL, filtered rows, parameters bound', async ({
    skip,
  }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const { verdicts, texts } = await askShop(gate, shop.policy, [
      'select * from customers order by id',
      'select id, total from orders where total > 10',
      { sql: 'select total from orders where id = ?', params: [1] },
      { sql: 'select total from orders where id = :id', params: { id: 2 } },
      { sql: 'select total from orders where id = $1', params: [3] },
      { sql: "select ? || ''", params: ["'; drop table orders; --"] },
      'select c.name, sum(o.total) from customers c join orders o on o.customer_id = c.id group by c.name',
    ])
    expect(texts).toEqual([])
    expect(verdicts).toEqual([
      [
        [1, 'ada', null],
        [3, 'eve', null],
      ],
      [
        [2, 20],
        [3, 30.25],
      ],
      [[9.5]],
      [[20]],
      [[30.25]],
      [["'; drop table orders; --"]],
      [['ada', 29.5]],
    ])
  })

  it('filters by whoever the run acts for, and no run finds what another one left', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const names = async (principal: string) =>
      (await askShop(gate, shop.policy, ['select name from customers'], principal)).verdicts
    expect(await names('beta')).toEqual([[['bob']]])
    expect(await names("x' or '1'='1")).toEqual([[]])
    expect(await names('alpha')).toEqual([[['ada'], ['eve']]])
    const both = await Promise.all(['alpha', 'beta', 'alpha', 'beta'].map(names))
    expect(both.map(([rows]) => rows?.length)).toEqual([2, 1, 2, 1])
    await expect
      .poll(() => shop.exec("select 1 from pg_stat_activity where application_name = 'tollgate'"))
      .toEqual([])
  })

  it('filters by a principal that the filter casts', async ({ skip }) => {
    needPostgres(skip)
    const read = { orders: { show: ['id'], where: 'customer_id = :principal::int' } }
    const shop = await serveShop(server, { entry: { read } })
    await using gate = await openGate(shop.options)
    const ids = async (principal: string) =>
      (await askShop(gate, shop.policy, ['select id from orders'], principal)).verdicts
    expect(await ids('2')).toEqual([[[3]]])
    expect(await ids('two')).toEqual(['GUEST_SQL at perform'])
  })

  it('carries every kind of value, and takes it back as a parameter', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server, { entry: { read: { cells: '*' } } })
    await using gate = await openGate(shop.options)
    const code = `const [row, other] = await db.shop.query('select * from cells order by id')
      const back = await db.shop.get('select id from cells where bytes = ? and flag = ? and big = ?', [row.bytes, true, row.big])
      const named = await db.shop.get('select id from cells where exact = :e and day = :d', { e: 12.5, d: '2026-01-02' })
      const missing = await db.shop.get('select :a::text as a', {})
      const none = await db.shop.get('select id from cells where id = 99')
      return [{ ...row, bytes: [...row.bytes], real: String(row.real) }, other, back, named, missing, none]`
    const { value } = await gate.run({ code, policy: shop.policy })
    const row = {
      id: 1,
      big: '9223372036854775807',
      exact: 12.5,
      real: 'Infinity',
      bytes: [0, 255, 16],
      flag: true,
    }
    const other = { id: 2, big: 7, exact: '123456789012345678.25', real: 0.1, bytes: null, flag: false }
    expect(value).toEqual([
      { ...row, doc: '{"a": 1}', day: '2026-01-02', list: '{1,2}' },
      { ...other, doc: null, day: null, list: null },
      { id: 1 },
      { id: 1 },
      { a: null },
      null,
    ])
  })

  it.for([
    ['too many', [1, 2]],
    ['misnamed', { other: 1 }],
    ['of no kind that crosses', [[1]]],
    ['a number', 1],
  ])('refuses parameters that are %s', async ([, params], { skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const sql = 'select total from orders where id = ?'
    const { verdicts } = await askShop(gate, shop.policy, [{ sql, params }])
    expect(verdicts[0]).toMatch(/^GUEST_ARGUMENTS at (?:decode|perform)$/)
  })

  it('refuses a NUL, half a character, and more than ten kilobytes; and a NUL in a parameter', async ({
    skip,
  }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const code = `const seen = []
      for (const [sql, params] of [['select 1 \\0 drop'], ['select "\\ud800"'], ['select 1' + ' '.repeat(11000)], ['select ?', ['a\\0b']]])
        await db.shop.query(sql, params).then((rows) => seen.push(rows), ({ code, gate }) => seen.push(code + ' at ' + gate))
      return seen`
    const { value } = await gate.run({ code, policy: shop.policy })
    expect(value).toEqual([
      'GUEST_SQL at authorize',
      'GUEST_SQL at authorize',
      'GUEST_SQL at perform',
      'GUEST_ARGUMENTS at perform',
    ])
  })

  it('is told what is wrong with a statement on one line, not longer than it need be', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const { verdicts, texts } = await askShop(gate, shop.policy, [
      `select 1 'a\u202E\u0007\n${'y'.repeat(9000)}'`,
      `select orders."a\u202E\nb" from orders`,
    ])
    expect(verdicts).toEqual(['GUEST_SQL at perform', 'DENIED_NAME at perform'])
    expect(texts[0]?.length).toBeLessThan(500)
    expect(texts.join('')).not.toMatch(/\p{Cc}|\p{Cf}/u)
  })

  it('counts the rows of a table that shows no column', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server, { entry: { read: { customers: [] } } })
    await using gate = await openGate(shop.options)
    const statements = [
      'select count(*) from customers',
      'select * from customers',
      'select id from customers',
    ]
    const { verdicts } = await askShop(gate, shop.policy, statements)
    expect(verdicts).toEqual([[[3]], [[], [], []], 'DENIED_NAME at perform'])
    const { value } = await gate.run({ code: 'return db.shop.schema()', policy: shop.policy })
    expect(value).toEqual({ tables: [{ name: 'customers', columns: [] }] })
  })

  it('shows in schema what is granted, and nothing else', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const { value } = await gate.run({ code: 'return db.shop.schema()', policy: shop.policy })
    const column = (name: string, type: string, masked = false) => ({ name, type, masked })
    expect(value).toEqual({
      tables: [
        {
          name: 'orders',
          columns: [
            column('id', 'integer'),
            column('customer_id', 'integer'),
            column('total', 'double precision'),
          ],
        },
        {
          name: 'customers',
          columns: [column('id', 'integer'), column('name', 'text'), column('email', 'text', true)],
        },
      ],
    })
  })
})

describe('the limits of a database', () => {
  const running = "select 1 from pg_stat_activity where application_name = 'tollgate' and state <> 'idle'"

  it('refuse a row, and a byte, too many, and the next statement is answered', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server, { entry: { max_rows: 100, max_result_kb: 4, timeout_seconds: 60 } })
    await using gate = await openGate(shop.options)
    const many = 'select n from generate_series(1, 1000000) as s (n)'
    const { verdicts } = await askShop(gate, shop.policy, [
      many,
      `${many} limit 100`,
      `${many} limit 101`,
      "select repeat('x', 5000)",
      "select repeat('x', 20000000)",
      'select count(*) from orders',
    ])
    expect([verdicts[0], verdicts[1]?.length, ...verdicts.slice(2)]).toEqual([
      'LIMIT_ROWS at perform',
      100,
      'LIMIT_ROWS at perform',
      'LIMIT_RESPONSE_SIZE at perform',
      'LIMIT_RESPONSE_SIZE at perform',
      [[3]],
    ])
  })

  it('end a statement in time, on the server too; meanwhile the host answers others', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server, { entry: { timeout_seconds: 0.5 } })
    await using gate = await openGate(shop.options)
    const endless = [
      'select count(*) from generate_series(1, 100000) a (n), generate_series(1, 100000) b (n) where a.n <> b.n',
      'with recursive r (n) as (values (1) union all select n + 1 from r) select count(*) from r',
    ]
    let turns = 0
    const timer = setInterval(() => (turns += 1), 10)
    const { verdicts } = await askShop(gate, shop.policy, [...endless, 'select count(*) from orders'])
    clearInterval(timer)
    expect(verdicts).toEqual(['UPSTREAM_TIMEOUT at perform', 'UPSTREAM_TIMEOUT at perform', [[3]]])
    expect(turns).toBeGreaterThan(10)
    await expect.poll(() => shop.exec(running)).toEqual([])
  })

  it('hold for the run: at its deadline the server is told to stop', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server, {
      entry: { timeout_seconds: 600 },
      rest: { limits: { max_duration_seconds: 2 } },
    })
    await using gate = await openGate(shop.options)
    const code = `return await db.shop.query('select count(*) from generate_series(1, 100000) a (n), generate_series(1, 100000) b (n) where a.n <> b.n')`
    const result = await gate.run({ code, policy: shop.policy })
    expect(result.status).not.toBe('done')
    await expect.poll(() => shop.exec(running), { timeout: 10_000 }).toEqual([])
  })
})
