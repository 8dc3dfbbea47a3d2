import { copyFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { RunOptions, Tollgate, TollgateOptions } from '../../../src/index.ts'
import { openGate } from '../../harness/gate.ts'
import { openShop, writePolicy, writeShop, type Shop, toolThat, withTool } from './shops.ts'
import { smallDiskPower } from './weak-power.ts'
import { LINKED, LINKED_GRANT } from './write-statements.ts'

const ADD = `await db.shop.execute('insert into orders (customer_id, total) values (?, ?)', [1, 2])`

const openRuns = async (
  options: Partial<TollgateOptions> = {},
  entry: object = {},
  rest: object = {},
  extra = '',
) => {
  const shop = openShop(extra)
  const gate = await openGate({ approve: () => true, ...options })
  const run = (code: string, more: Partial<RunOptions> = {}) =>
    gate.run({ code, policy: writePolicy(shop, entry, rest), ...more })
  const orders = () => shop.rows('select count(*) from orders')[0]?.[0]
  const markers = () =>
    shop.rows("select name from sqlite_schema where name = '_tollgate_commits'").length === 0
      ? []
      : shop.rows('select run_id, digest from _tollgate_commits')
  const close = async (): Promise<void> => {
    await gate.close()
    shop[Symbol.dispose]()
  }
  return { shop, gate, run, orders, markers, [Symbol.asyncDispose]: close }
}

const callsOf = async (gate: Tollgate, runId: string) =>
  (await gate.audit.read({ runId })).filter(({ event }) => event === 'call').map(({ facts }) => facts)

describe('transaction: run', () => {
  it('is committed when the run has succeeded: one call of the host, and a marker in the same transaction', async () => {
    await using runs = await openRuns()
    const result = await runs.run(
      `${ADD}; ${ADD}; return (await db.shop.get('select count(*) as n from orders')).n`,
    )
    expect(result).toMatchObject({ status: 'done', value: 5, usage: { calls: 3 } })
    expect(runs.orders()).toBe(5)
    const calls = await callsOf(runs.gate, result.runId)
    expect(calls.map(({ op, effect, staged }) => [op, effect, staged])).toEqual([
      ['db.shop.execute', 'write', true],
      ['db.shop.execute', 'write', true],
      ['db.shop.query', 'read', undefined],
      ['db.shop.commit', 'write', undefined],
    ])
    const [[runId, digest] = []] = runs.markers()
    expect(runId).toBe(result.runId)
    expect(calls.at(-1)?.['subject']).toBe(`db.shop: commit 2 statements, ${String(digest)}`)
  })

  it('goes on where another run has committed since it looked, which makes the table of markers', async () => {
    await using runs = await openRuns()
    const other = toolThat('other', async () => {
      expect(await runs.run(ADD)).toMatchObject({ status: 'done' })
    })
    await using gate = await openGate({ approve: () => true, tools: [other] })
    const policy = withTool(writePolicy(runs.shop), 'other')
    const code = `await db.shop.query('select 1 from orders'); await tools.other({}); ${ADD}`
    expect(await gate.run({ code, policy })).toMatchObject({ status: 'done' })
    expect(runs.orders()).toBe(5)
  })

  it.each([
    ['is committed', 'done', 4, ''],
    ['is rolled back', 'failed', 3, 'throw new Error("no")'],
  ] as const)(
    '%s where a run that is %s has left rows unread that still came',
    async (_, status, count, end) => {
      const fill = `CREATE TABLE events (id INTEGER, note TEXT);
      WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 3000) INSERT INTO events SELECT n, printf('%0100d', n) FROM r`
      const entry = { read: { orders: '*', events: '*' }, write: { orders: ['insert'] } }
      await using runs = await openRuns({}, { ...entry, max_result_kb: 4096, max_rows: 5000 }, {}, fill)
      const { status: told } = await runs.run(
        `${ADD}
        const slow = 'select * from events union all select count(*), null from events a, events b where a.id + b.id > 3'
        for await (const { id } of db.shop.query(slow)) if (id === 3) break
        ${end}`,
      )
      expect(told).toBe(status)
      expect(runs.orders()).toBe(count)
      expect(runs.markers()).toHaveLength(count - 3)
    },
  )

  it.each<[string, string, Partial<RunOptions>, object]>([
    ['throws', `${ADD}; throw new Error('no')`, {}, {}],
    ['is refused something', `${ADD}; await db.shop.query('select * from secrets')`, {}, {}],
    ['is refused an approval', `${ADD}; await db.shop.execute('delete from orders')`, {}, {}],
    ['uses up a limit', `for (;;) ${ADD}`, {}, { limits: { max_tool_calls: 3 } }],
    ['never ends', `${ADD}; for (;;);`, {}, { limits: { max_duration_seconds: 2 } }],
    [
      'is cancelled',
      `${ADD}; await new Promise(() => setTimeout(() => undefined, 60000))`,
      { signal: AbortSignal.timeout(1500) },
      {},
    ],
  ])('is rolled back when the run %s', async (_, code, more, rest) => {
    await using runs = await openRuns({ approve: () => false }, {}, rest)
    const before = runs.shop.snapshot()
    const { status } = await runs.run(code, more)
    expect(status).not.toBe('done')
    expect(runs.shop.snapshot()).toEqual(before)
  })

  it('goes on behind a statement that fails, as if it had not been there', async () => {
    await using runs = await openRuns()
    const code = `${ADD}
      try { await db.shop.execute("insert into notes (text) values ('a'), ('good')") } catch ({ code }) { ${ADD}; return code }`
    expect(await runs.run(code)).toMatchObject({ status: 'done', value: 'GUEST_SQL' })
    expect(runs.orders()).toBe(5)
    expect(runs.shop.rows('select count(*) from notes')).toEqual([[2]])
  })

  it('holds no lock behind a first statement that fails', async () => {
    await using runs = await openRuns({ tools: [] })
    const shop = runs.shop
    await using gate = await openGate({
      approve: () => true,
      tools: [shop.tool('other', 'insert into orders values (7, 7, 7)')],
    })
    const policy = writePolicy(shop) as { permissions: object }
    const code = `try { await db.shop.execute("insert into notes (text) values ('good')") } catch {} await tools.other({}); return 'done'`
    expect(
      await gate.run({
        code,
        policy: { ...policy, permissions: { ...policy.permissions, tools: { other: {} } } },
      }),
    ).toMatchObject({ value: 'done' })
  })

  it('is lost when a trigger of the database ends it: the run fails, whatever it catches', async () => {
    await using runs = await openRuns({}, LINKED_GRANT, {}, LINKED)
    const add = `await db.shop.execute("insert into parents (name) values ('x')")`
    const end = `await db.shop.execute('insert into quitting values (1)')`
    const code = `const seen = []; ${add}
      for (const next of [() => db.shop.execute('insert into quitting values (1)'), () => db.shop.execute("insert into parents (name) values ('y')"), () => db.shop.query('select 1')])
        try { await next() } catch ({ code }) { seen.push(code) }
      log(seen); return seen`
    const result = await runs.run(code.replace('log(seen);', 'console.log(seen.join());'))
    expect(result).toMatchObject({ status: 'failed', error: { code: 'UPSTREAM_DB_ROLLED_BACK' } })
    expect(result.logs.map(({ text }) => text)).toEqual([Array(3).fill('UPSTREAM_DB_ROLLED_BACK').join()])
    expect(runs.shop.rows('select count(*) from parents')).toEqual([[3]])
    // Where nothing was written before, nothing is lost.
    expect(await runs.run(`try { ${end} } catch {} ${add}`)).toMatchObject({ status: 'done' })
    expect(runs.shop.rows('select count(*) from parents')).toEqual([[4]])
  })

  it('is lost when the process of the database is killed at its deadline, and nothing is left behind', async () => {
    await using runs = await openRuns({}, { timeout_seconds: 1 })
    const before = runs.shop.snapshot()
    const heavy = `with recursive r (n) as (values (1) union all select n + 1 from r) select count(*) from r`
    const code = `${ADD}; try { await db.shop.query('${heavy}') } catch {} try { ${ADD} } catch {} return 'caught'`
    expect(await runs.run(code)).toMatchObject({
      status: 'failed',
      error: { code: 'UPSTREAM_DB_ROLLED_BACK' },
    })
    expect(runs.shop.snapshot()).toEqual(before)
  })

  it('keeps a file readable whose writing process was killed in the middle of a statement', async () => {
    await using runs = await openRuns({}, { timeout_seconds: 1 })
    const before = runs.shop.snapshot()
    const heavy = `with recursive r (n) as (values (1) union all select n + 1 from r) insert into orders (total) select n from r`
    expect(await runs.run(`await db.shop.execute('${heavy}')`)).toMatchObject({
      status: 'failed',
      error: { code: 'UPSTREAM_TIMEOUT' },
    })
    expect(Object.keys(runs.shop.snapshot())).toEqual(Object.keys(before))
    const read = `return (await db.shop.get('select count(*) as n from orders')).n`
    expect(await runs.run(read, { policy: writePolicy(runs.shop, { write: {} }) })).toMatchObject({
      value: 3,
    })
  })

  it('has no commit, rollback or marker for the guest', async () => {
    await using runs = await openRuns()
    const code = `const names = [typeof db.shop.commit, Object.keys(db.shop).sort().join()]
      ${ADD}; try { await db.shop.execute('commit') } catch ({ code }) { names.push(code) } throw new Error(names.join(' '))`
    expect(await runs.run(code)).toMatchObject({
      status: 'failed',
      error: { message: 'Error: undefined execute,get,query,schema DENIED_STATEMENT' },
    })
    expect(runs.orders()).toBe(3)
  })

  it('stages nothing where nothing was written', async () => {
    await using runs = await openRuns()
    const before = runs.shop.snapshot()
    const result = await runs.run(`await db.shop.query('select 1')`)
    expect((await callsOf(runs.gate, result.runId)).map(({ op }) => op)).toEqual(['db.shop.query'])
    expect(runs.shop.snapshot()).toEqual(before)
  })

  it('does under one key what it does once, also in a later run', async () => {
    await using runs = await openRuns()
    const add = `await db.shop.execute('insert into orders (total) values (1)', [], { idempotencyKey: 'k' })`
    const code = `${add}; return ${add}`
    const value = { changes: 1, lastInsertRowid: 4 }
    expect([await runs.run(code), await runs.run(code)]).toMatchObject([{ value }, { value }])
    expect(runs.orders()).toBe(4)
  })
})

describe('transaction: statement', () => {
  const entry = { transaction: 'statement' } as const

  it('commits each statement at once, with a marker, whatever becomes of the run', async () => {
    await using runs = await openRuns({}, entry)
    const result = await runs.run(`${ADD}; ${ADD}; throw new Error('no')`)
    expect(result.status).toBe('failed')
    expect(runs.orders()).toBe(5)
    expect(runs.markers().map(([runId]) => runId)).toEqual([result.runId, result.runId])
    const calls = await callsOf(runs.gate, result.runId)
    expect(calls.map(({ op, staged }) => [op, staged])).toEqual(Array(2).fill(['db.shop.execute', undefined]))
  })

  it('leaves no trace of one that fails', async () => {
    await using runs = await openRuns({}, entry)
    const before = runs.shop.snapshot()
    await runs.run(`await db.shop.execute("insert into notes (text) values ('a'), ('good')")`)
    expect(runs.shop.snapshot()).toEqual(before)
  })
})

describe('approval', () => {
  const DELETE = `await db.shop.execute('delete from orders where id = ?', [1])`
  const asked = async (human_in_loop: readonly string[]) => {
    const ops: string[] = []
    const approve: TollgateOptions['approve'] = ({ op }) => (ops.push(op), true)
    await using runs = await openRuns({ approve }, {}, { human_in_loop })
    expect(await runs.run(`await db.shop.query('select 1'); ${ADD}; ${DELETE}`)).toMatchObject({
      status: 'done',
    })
    return ops
  }

  it.each<[readonly string[], readonly string[]]>([
    [[], ['db.shop.execute']],
    [['db.write'], ['db.shop.execute', 'db.shop.execute']],
    [['db.shop.write'], ['db.shop.execute', 'db.shop.execute']],
    [['DB.Shop.Execute'], ['db.shop.execute', 'db.shop.execute']],
    [['db.commit'], ['db.shop.execute', 'db.shop.commit']],
    [['db.shop.commit'], ['db.shop.execute', 'db.shop.commit']],
    [['db.shop'], ['db.shop.query', 'db.shop.execute', 'db.shop.execute']],
    [['effect:write'], ['db.shop.execute', 'db.shop.execute', 'db.shop.commit']],
  ])('human_in_loop %j', async (entries, ops) => {
    expect(await asked(entries)).toEqual(ops)
  })

  it('shows the human the statement, its table and its parameters', async () => {
    const tickets: unknown[] = []
    await using runs = await openRuns({ approve: (ticket) => (tickets.push(ticket), false) })
    await runs.run(DELETE)
    expect(JSON.stringify(tickets)).toContain('db.shop: delete from orders where id = ?')
    expect(runs.orders()).toBe(3)
  })

  it('of a commit that is refused leaves the database as it was', async () => {
    await using runs = await openRuns({ approve: () => false }, {}, { human_in_loop: ['db.commit'] })
    const before = runs.shop.snapshot()
    expect(await runs.run(ADD)).toMatchObject({
      status: 'failed',
      error: { code: 'APPROVAL_DENIED', op: 'db.shop.commit' },
    })
    expect(runs.shop.snapshot()).toEqual(before)
  })
})

describe('a database that cannot be written', () => {
  const writeOnce = async (prepare: (shop: Shop) => Disposable | undefined, entry: object = {}) => {
    await using runs = await openRuns({}, entry)
    using _held = prepare(runs.shop)
    const { verdicts } = await writeShop(runs.gate, writePolicy(runs.shop, entry), [
      'insert into orders (total) values (1)',
    ])
    return { verdicts, rows: runs.shop.rows('select count(*) from orders') }
  }

  it('is locked by another writer', async () => {
    const found = await writeOnce((shop) => shop.hold('begin immediate'))
    expect(found).toEqual({ verdicts: ['UPSTREAM_DB_BUSY at perform'], rows: [[3]] })
  })

  it.each(['run', 'statement'])(
    'is on a full disk: nothing is half-written, transaction: %s',
    async (transaction) => {
      await using runs = await openRuns({ powers: { db: smallDiskPower(128) } }, { transaction })
      const code = `for (let i = 0; i < 20; i += 1) await db.shop.execute('insert into notes (text) values (?)', [i + 'x'.repeat(30000)])`
      const { error } = await runs.run(code)
      expect(error?.code).toMatch(/^UPSTREAM_DB_(?:UNAVAILABLE|ROLLED_BACK)$/)
      const rows = runs.shop.rows('select length(text) from notes where id > 2')
      expect(transaction === 'run' ? rows : []).toEqual([])
      expect(runs.markers()).toHaveLength(rows.length)
      expect(runs.shop.rows('pragma integrity_check')).toEqual([['ok']])
    },
  )

  it('is gone: a coded error, and the next statement finds it again', async () => {
    await using runs = await openRuns()
    const policy = writePolicy(runs.shop, { file: runs.shop.folder('nowhere.db') })
    expect(await runs.run(ADD, { policy })).toMatchObject({
      status: 'failed',
      error: { code: 'UPSTREAM_DB_UNAVAILABLE' },
    })
    expect(Object.keys(runs.shop.snapshot())).toEqual(['shop.db'])
  })

  it('has a journal that a killed writer left: told to who may only read, rolled back by who may write', async () => {
    await using runs = await openRuns()
    const { shop } = runs
    const copy = shop.folder('copy.db')
    {
      using _held = shop.hold(
        'pragma cache_size = 1; pragma cache_spill = 1; begin; update orders set total = 0; insert into cells (value) with recursive r (n) as (values (1) union all select n + 1 from r where n < 20000) select zeroblob(100) from r',
      )
      copyFileSync(shop.file, copy)
      copyFileSync(`${shop.file}-journal`, `${copy}-journal`)
    }
    const entry = { file: copy }
    const read = `return (await db.shop.get('select total from orders where id = 1')).total`
    expect(await runs.run(read, { policy: writePolicy(shop, { ...entry, write: {} }) })).toMatchObject({
      status: 'failed',
      error: {
        code: 'UPSTREAM_DB_UNAVAILABLE',
        message: expect.stringContaining('a writer was killed') as string,
      },
    })
    expect(await runs.run(read, { policy: writePolicy(shop, entry) })).toMatchObject({ value: 9.5 })
    expect(await runs.run(read, { policy: writePolicy(shop, { ...entry, write: {} }) })).toMatchObject({
      value: 9.5,
    })
  })
})
