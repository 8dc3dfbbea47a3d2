import { describe, expect, it } from 'vitest'
import { openGate, refusalsOf } from '../../harness/gate.ts'
import { askShop, openShop, READ, shopPolicy } from './shops.ts'

describe('query', () => {
  it('answers with rows: shown columns, masked ones as NULL, filtered rows, parameters bound', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const { verdicts, result } = await askShop(gate, shopPolicy(shop), [
      'select * from customers order by id',
      'select id, total from orders where total > 10',
      { sql: 'select total from orders where id = ?', params: [1] },
      { sql: 'select total from orders where id = :id', params: { id: 2 } },
      { sql: "select ? || ''", params: ["'; drop table orders; --"] },
      'select c.name, sum(o.total) from customers c join orders o on o.customer_id = c.id group by c.name',
    ])
    const customers = [
      [1, 'ada', null],
      [3, 'eve', null],
    ]
    const orders = [
      [2, 20],
      [3, 30.25],
    ]
    expect(verdicts).toEqual([
      customers,
      orders,
      [[9.5]],
      [[20]],
      [["'; drop table orders; --"]],
      [['ada', 29.5]],
    ])
    expect(result.usage.calls).toBe(6)
    expect(result.usage.ingressBytes).toBeGreaterThan(100)
    const records = (await gate.audit.read({ runId: result.runId })).filter(({ event }) => event === 'call')
    expect(records.map(({ facts }) => facts['rows'])).toEqual([2, 2, 1, 1, 1, 1])
    expect(records[0]?.facts['subject']).toBe('db.shop: select * from customers order by id')
  })

  it('filters by whoever the run acts for', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const names = async (principal: string) =>
      (await askShop(gate, shopPolicy(shop), ['select name from customers'], principal)).verdicts
    expect(await names('beta')).toEqual([[['bob']]])
    expect(await names("x' or '1'='1")).toEqual([[]])
    expect(await names('alpha')).toEqual([[['ada'], ['eve']]])
  })

  it('carries every kind of value, and takes it back as a parameter', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const code = `const rows = await db.shop.query('select kind, value from cells order by id')
      const out = Object.fromEntries(rows.map(({ kind, value }) => [kind, value instanceof Uint8Array ? [...value] : String(value)]))
      const blob = rows.find(({ kind }) => kind === 'blob').value
      out.back = (await db.shop.get('select kind from cells where value = ?', [blob])).kind
      out.back2 = (await db.shop.get('select kind from cells where value = :v', { v: 'hällo' })).kind
      out.none = await db.shop.get('select kind from cells where id = 99')
      return out`
    const { value } = await gate.run({ code, policy: shopPolicy(shop, { read: { cells: '*' } }) })
    expect(value).toEqual({
      null: 'null',
      big: '9223372036854775807',
      blob: [0, 255, 16],
      real: 'Infinity',
      text: 'hällo',
      back: 'blob',
      back2: 'text',
      none: null,
    })
  })

  it('can be gone over row by row', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const code = `const seen = []
      for await (const { id } of db.shop.query('select id from orders order by id')) { if (id === 3) break; seen.push(id) }
      return seen`
    expect(await gate.run({ code, policy: shopPolicy(shop) })).toMatchObject({ value: [1, 2] })
  })

  it.each([
    ['too many', [1, 2]],
    ['misnamed', { other: 1 }],
    ['of no kind that crosses', [[1]]],
    ['a number', 1],
  ])('refuses parameters that are %s', async (_, params) => {
    using shop = openShop()
    await using gate = await openGate()
    const sql = 'select total from orders where id = ?'
    const { verdicts } = await askShop(gate, shopPolicy(shop), [{ sql, params }])
    expect(verdicts[0]).toMatch(/^GUEST_ARGUMENTS at (?:decode|perform)$/)
  })

  it('counts parameters before it looks at them, for what is wrong with each takes the time of the host', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const params = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, {}]))
    const { texts } = await askShop(gate, shopPolicy(shop), [{ sql: 'select 1', params }])
    expect(texts[0]).toContain('params: are at most 1000')
  })

  it('refuses a NUL and half a character', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const code = `const seen = []
      for (const sql of ['select 1 \\0 drop', 'select "\\ud800"']) await db.shop.query(sql).catch(({ code, gate }) => seen.push(code + ' at ' + gate))
      return seen`
    const { value } = await gate.run({ code, policy: shopPolicy(shop) })
    expect(value).toEqual(['GUEST_SQL at authorize', 'GUEST_SQL at authorize'])
  })
})

describe('schema', () => {
  it('shows what is granted, and nothing else', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const { value } = await gate.run({ code: 'return db.shop.schema()', policy: shopPolicy(shop) })
    const column = (name: string, type: string, masked = false) => ({ name, type, masked })
    expect(value).toEqual({
      tables: [
        {
          name: 'orders',
          columns: [column('id', 'INTEGER'), column('customer_id', 'INTEGER'), column('total', 'REAL')],
        },
        {
          name: 'customers',
          columns: [column('id', 'INTEGER'), column('name', 'TEXT'), column('email', 'TEXT', true)],
        },
      ],
    })
  })
})

describe('the limits of a database', () => {
  it('refuse a row, and a byte, too many, and the next statement is answered', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const many =
      'with recursive r (n) as (values (1) union all select n + 1 from r where n < 1000000) select n from r'
    const { verdicts, result } = await askShop(
      gate,
      shopPolicy(shop, { max_rows: 100, max_result_kb: 4, functions: ['printf', 'count'] }),
      [
        many,
        `${many} limit 100`,
        `${many} limit 101`,
        "select printf('%5000c', 'x')",
        'select count(*) from orders',
      ],
    )
    expect([verdicts[0], verdicts[1]?.length, ...verdicts.slice(2)]).toEqual([
      'LIMIT_ROWS at perform',
      100,
      'LIMIT_ROWS at perform',
      'LIMIT_RESPONSE_SIZE at perform',
      [[3]],
    ])
    expect((await refusalsOf(gate, result)).map(({ rule }) => rule)).toEqual([
      'permissions.db.shop.max_rows',
      'permissions.db.shop.max_rows',
      'permissions.db.shop.max_result_kb',
    ])
  })
})

describe('a database that is', () => {
  it.each([
    ['gone', { file: '/nowhere/at-all.db' }, '', 'UPSTREAM_DB_UNAVAILABLE'],
    ['locked', {}, 'pragma locking_mode = exclusive; begin exclusive', 'UPSTREAM_DB_BUSY'],
    ['without a table of the grant', { read: { phantoms: '*' } }, '', 'CONFIG_DB_UNFIT'],
    ['without a column of the grant', { read: { orders: ['id', 'price'] } }, '', 'CONFIG_DB_UNFIT'],
    [
      'without a column of a filter',
      { read: { orders: { show: ['id'], where: 'price > 1' } } },
      '',
      'CONFIG_DB_UNFIT',
    ],
    [
      'filtered by another table',
      { read: { orders: { show: ['id'], where: 'id in (select key from secrets)' } } },
      '',
      'CONFIG_DB_UNFIT',
    ],
  ])('%s: refused by a code of its own', async (_, entry, lock, code) => {
    using shop = openShop()
    await using gate = await openGate()
    using holder = shop.hold(lock)
    const { verdicts, texts } = await askShop(gate, shopPolicy(shop, entry), ['select 1 from orders'])
    expect(verdicts).toEqual([`${code} at perform`])
    expect(holder.isOpen).toBe(true)
    expect(texts.join()).not.toContain(shop.file)
  })

  it('not there, no file or no database: the error says so, and not where it was looked for', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const said = async (file: string): Promise<string> =>
      (await askShop(gate, shopPolicy(shop, { file }), ['select 1 from orders'])).texts.join()
    const texts = [await said(`${shop.file}.gone`), await said(shop.folder(''))]
    shop.overwrite('this is no database, and it is long enough to be read as the header of one'.repeat(99))
    texts.push(await said(shop.file))
    expect(texts.map((text) => /cannot be used: (.*)\.$/.exec(text)?.[1])).toEqual([
      'its file is not there, or cannot be opened',
      'its file cannot be read or written, or is a folder',
      'its file is no SQLite database',
    ])
  })

  it('no database at all, or damaged: refused; nothing is made of it', async () => {
    using shop = openShop()
    await using gate = await openGate()
    shop.overwrite('this is no database, and it is long enough to be read as the header of one'.repeat(99))
    const before = shop.snapshot()
    const { verdicts } = await askShop(gate, shopPolicy(shop), ['select 1 from orders'])
    expect(verdicts).toEqual(['UPSTREAM_DB_UNAVAILABLE at perform'])
    expect(shop.snapshot()).toEqual(before)
  })

  it('changed in its tables while the run goes on: seen as it is', async () => {
    using shop = openShop()
    await using gate = await openGate({
      tools: [shop.tool('change', 'alter table orders add column note text')],
    })
    const code = `const columns = async () => Object.keys(await db.shop.get('select * from orders')).length
      const before = await columns()
      await tools.change()
      return [before, await columns()]`
    const policy = shopPolicy(shop, { read: READ }) as { permissions: object }
    const granted = { ...policy, permissions: { ...policy.permissions, tools: { change: {} } } }
    const result = await gate.run({ code, policy: granted })
    expect(result).toMatchObject({ value: [3, 4] })
  })

  it('in write-ahead mode and open nowhere: read as well, and no byte of its file changes', async () => {
    using shop = openShop()
    await using gate = await openGate()
    shop.exec('pragma journal_mode = wal; insert into orders values (4, 4, 4)')
    const before = shop.snapshot()
    const { verdicts } = await askShop(gate, shopPolicy(shop), ['select count(*) from orders'])
    expect(verdicts).toEqual([[[4]]])
    // Readers of such a file coordinate through files beside it; the log has nothing in it.
    expect({ ...shop.snapshot(), 'shop.db-shm': undefined }).toEqual({ ...before, 'shop.db-wal': '' })
  })

  it('in write-ahead mode and open elsewhere: read, with what was committed last', async () => {
    using shop = openShop()
    await using gate = await openGate()
    using holder = shop.hold('pragma journal_mode = wal; insert into orders values (4, 4, 4)')
    const { verdicts } = await askShop(gate, shopPolicy(shop), ['select count(*) from orders'])
    expect(verdicts).toEqual([[[4]]])
    expect(holder.isOpen).toBe(true)
  })
})
