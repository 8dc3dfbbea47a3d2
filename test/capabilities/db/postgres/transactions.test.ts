import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunOptions, TollgateOptions } from '../../../../src/index.ts'
import type { Dial } from '../../../../src/capabilities/db/postgres/connection.ts'
import { createDbPowers } from '../../../../src/run/db-powers.ts'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { WRITE, toolThat, withTool } from '../shops.ts'
import { serveShop, type ServedShop } from './served-shops.ts'
import { NOTES } from './write-statements.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const ADD = `await db.shop.execute('insert into orders (customer_id, total) values (?, ?)', [1, 2])`

const openRuns = async (options: Partial<TollgateOptions> = {}, entry: object = {}, rest: object = {}) => {
  const shop = await serveShop(server, {
    entry: { ...WRITE, ...entry },
    extra: NOTES,
    isWritable: true,
    rest,
  })
  const gate = await openGate({ approve: () => true, ...shop.options, ...options })
  const run = (code: string, more: Partial<RunOptions> = {}) =>
    gate.run({ code, policy: shop.policy, ...more })
  return {
    shop,
    gate,
    run,
    orders: async () => (await shop.exec('select count(*)::int from orders'))[0]?.[0],
    markers: () => markersOf(shop),
    [Symbol.asyncDispose]: () => gate.close(),
  }
}

const markersOf = async (shop: ServedShop) => {
  const [[schema] = []] = await shop.exec("select nspname from pg_namespace where nspname like 'tollgate%'")
  return shop.exec(
    `select run_id, entry, part, digest from ${String(schema)}._tollgate_commits order by part`,
  )
}

/** Transactions of Tollgate that are open on the server, those of other databases included. */
const openOnes = () =>
  server.exec("select pid from pg_stat_activity where application_name = 'tollgate' and state <> 'idle'")

describe('transaction: run', () => {
  it('is committed when the run has succeeded: one call of the host, and a marker in the same transaction', async ({
    skip,
  }) => {
    needPostgres(skip)
    await using runs = await openRuns()
    const result = await runs.run(
      `${ADD}; ${ADD}; return (await db.shop.get('select count(*) as n from orders')).n`,
    )
    expect(result).toMatchObject({ status: 'done', value: 5, usage: { calls: 3 } })
    expect(await runs.orders()).toBe(5)
    const records = await runs.gate.audit.read({ runId: result.runId })
    const calls = records.filter(({ event }) => event === 'call').map(({ facts }) => facts)
    expect(calls.map(({ op, effect, staged }) => [op, effect, staged])).toEqual([
      ['db.shop.execute', 'write', true],
      ['db.shop.execute', 'write', true],
      ['db.shop.query', 'read', undefined],
      ['db.shop.commit', 'write', undefined],
    ])
    const [[runId, entry, part, digest] = []] = await runs.markers()
    expect([runId, entry, part]).toEqual([result.runId, 'shop', 1])
    expect(calls.at(-1)?.['subject']).toBe(`db.shop: commit 2 statements, ${String(digest)}`)
  })

  it.for<[string, string, Partial<RunOptions>, object]>([
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
  ])('is rolled back when the run %s', async ([, code, more, rest], { skip }) => {
    needPostgres(skip)
    await using runs = await openRuns({ approve: () => false }, {}, rest)
    const { status } = await runs.run(code, more)
    expect(status).not.toBe('done')
    expect([await runs.orders(), await runs.markers()]).toEqual([3, []])
    await expect.poll(openOnes).toEqual([])
  })

  it('goes on behind statements that fail, as if they had not been there', async ({ skip }) => {
    needPostgres(skip)
    await using runs = await openRuns()
    const code = `${ADD}; const seen = []
      for (const sql of ["insert into notes (text) values ('a'), ('good')", 'update orders set total = 1 / 0', "insert into customers (name, tenant) values ('x', 'beta')"])
        try { await db.shop.execute(sql) } catch ({ code }) { seen.push(code) }
      try { await db.shop.query('select 1 / 0') } catch ({ code }) { seen.push(code) }
      ${ADD}; return seen`
    expect(await runs.run(code)).toMatchObject({
      status: 'done',
      value: ['GUEST_SQL', 'GUEST_SQL', 'DENIED_STATEMENT', 'GUEST_SQL'],
    })
    expect([await runs.orders(), (await runs.markers()).length]).toEqual([5, 1])
    expect(await runs.shop.exec('select count(*)::int from notes')).toEqual([[2]])
  })

  it('lets a query see what was written, and write nothing itself', async ({ skip }) => {
    needPostgres(skip)
    await using runs = await openRuns()
    const code = `${ADD}; const rows = []
      for await (const { id } of db.shop.query('select id from orders order by id')) { rows.push(id); if (rows.length === 2) break }
      ${ADD}; return [rows, (await db.shop.get('select count(*) as n from orders')).n]`
    expect(await runs.run(code)).toMatchObject({ status: 'done', value: [[1, 2], 5] })
  })

  it('is lost with its connection: nothing of the run goes on, least of all the commit', async ({ skip }) => {
    needPostgres(skip)
    await using runs = await openRuns()
    const cut = toolThat('cut', () =>
      server.exec(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tollgate'",
      ),
    )
    await using gate = await openGate({ approve: () => true, ...runs.shop.options, tools: [cut] })
    const code = `${ADD}; await tools.cut({}); const seen = []
      for (const next of [() => db.shop.query('select 1'), () => db.shop.execute('insert into orders (total) values (1)')])
        try { await next() } catch ({ code }) { seen.push(code) }
      return seen`
    const result = await gate.run({ code, policy: withTool(runs.shop.policy, 'cut') })
    expect(result).toMatchObject({ status: 'failed', error: { code: 'UPSTREAM_DB_ROLLED_BACK' } })
    expect([await runs.orders(), await runs.markers()]).toEqual([3, []])
  })

  it('gives way to another transaction that came first', async ({ skip }) => {
    needPostgres(skip)
    await using runs = await openRuns()
    await using gate = await openGate({
      approve: () => true,
      ...runs.shop.options,
      tools: [toolThat('other', () => runs.shop.exec('update orders set total = 8 where id = 1'))],
    })
    const code = `${ADD}; await tools.other({}); const seen = []
      for (const id of [1, 2]) try { await db.shop.execute('update orders set total = 7 where id = ?', [id]) } catch ({ code }) { seen.push(code) }
      console.log(seen.join())`
    const result = await gate.run({ code, policy: withTool(runs.shop.policy, 'other') })
    expect(result).toMatchObject({ status: 'failed', error: { code: 'UPSTREAM_DB_ROLLED_BACK' } })
    expect(result.logs.map(({ text }) => text)).toEqual(['UPSTREAM_DB_BUSY,UPSTREAM_DB_ROLLED_BACK'])
    expect(await runs.shop.exec('select id, total from orders order by id')).toEqual([
      [1, 8],
      [2, 20],
      [3, 30.25],
    ])
  })

  it('of a host that is killed is rolled back by the server', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server, { entry: WRITE, extra: NOTES, isWritable: true })
    const program = `import { createTollgate } from ${JSON.stringify(new URL('../../../../src/index.ts', import.meta.url).href)}
      const gate = await createTollgate({ state: ':memory:', approve: () => true, powers: { env: process.env } })
      void gate.run({ code: ${JSON.stringify(`${ADD}; console.log('written'); await new Promise(() => setTimeout(() => undefined, 60000))`)}, policy: ${JSON.stringify(shop.policy)}, onEvent: () => console.log('event') })`
    const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
      env: { ...process.env, ...shop.options.powers?.env },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const isWritten = async () =>
      (
        await shop.exec(
          "select 1 from pg_locks l join pg_class c on c.oid = l.relation where c.relname = 'orders' and l.mode = 'RowExclusiveLock'",
        )
      ).length
    await expect.poll(isWritten, { timeout: 20_000 }).toBeGreaterThan(0)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await expect.poll(isWritten).toBe(0)
    expect([await shop.exec('select count(*)::int from orders'), await markersOf(shop)]).toEqual([[[3]], []])
  })
})

describe('a commit whose answer is lost', () => {
  /** Cuts the connection when the COMMIT is sent: before it arrives, or after. */
  const cutting =
    (isDelivered: boolean, isServerGone = false): Dial =>
    (host, port) => {
      const socket = createDbPowers().dial(host, isServerGone && cuts > 0 ? 1 : port)
      const write = socket.write.bind(socket) as (bytes: Uint8Array, ...rest: unknown[]) => boolean
      socket.write = ((bytes: Uint8Array, ...rest: unknown[]): boolean => {
        if (!Buffer.from(bytes).includes('COMMIT')) return write(bytes, ...rest)
        cuts += 1
        if (!isDelivered) {
          socket.destroy()
          return true
        }
        const sent = write(bytes, ...rest)
        socket.removeAllListeners('data')
        socket.on('data', () => socket.destroy())
        return sent
      }) as typeof socket.write
      return socket
    }
  let cuts = 0

  it.for<[string, boolean, 'run' | 'statement', object, number]>([
    ['of a run, that arrived, is found by its mark', true, 'run', { status: 'done' }, 4],
    ['of a statement, that arrived, is found by its mark', true, 'statement', { status: 'done' }, 4],
    [
      'of a run, that did not arrive, is known not to have happened',
      false,
      'run',
      { status: 'failed', error: { code: 'UPSTREAM_DB_UNAVAILABLE' } },
      3,
    ],
  ])('%s', async ([, isDelivered, transaction, expected, orders], { skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server, { entry: { ...WRITE, transaction }, extra: NOTES, isWritable: true })
    await using gate = await openGate({
      approve: () => true,
      ...shop.weakened({ dial: cutting(isDelivered) }),
    })
    const result = await gate.run({ code: ADD, policy: shop.policy })
    expect(result).toMatchObject(expected)
    expect(await shop.exec('select count(*)::int from orders')).toEqual([[orders]])
    expect(await markersOf(shop)).toHaveLength(orders - 3)
  })

  it('of a server that is gone stays uncertain, and says so', async ({ skip }) => {
    needPostgres(skip)
    cuts = 0
    const shop = await serveShop(server, { entry: WRITE, extra: NOTES, isWritable: true })
    await using gate = await openGate({
      approve: () => true,
      ...shop.weakened({ dial: cutting(true, true) }),
    })
    const result = await gate.run({ code: ADD, policy: shop.policy })
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'UPSTREAM_DB_UNAVAILABLE', message: expect.stringContaining('not known') as string },
    })
    expect(result).toMatchObject({ commits: [{ op: 'db.shop.commit', state: 'uncertain' }] })
  })
})

it('a commit whose answer is lost on a server that then says nothing more stays uncertain, and the run ends', async ({
  skip,
}) => {
  needPostgres(skip)
  let isLost = false
  const dial: Dial = (host, port) => {
    const socket = createDbPowers().dial(host, port)
    const write = socket.write.bind(socket) as (bytes: Uint8Array, ...rest: unknown[]) => boolean
    socket.write = ((bytes: Uint8Array, ...rest: unknown[]): boolean => {
      const text = Buffer.from(bytes).toString('latin1')
      if (text.includes('COMMIT')) {
        isLost = true
        socket.destroy()
        return true
      }
      return isLost && text.includes('BEGIN READ WRITE') ? true : write(bytes, ...rest)
    }) as typeof socket.write
    return socket
  }
  const shop = await serveShop(server, { entry: WRITE, extra: NOTES, isWritable: true })
  await using gate = await openGate({ approve: () => true, ...shop.weakened({ dial }) })
  const result = await gate.run({ code: ADD, policy: shop.policy })
  expect(result).toMatchObject({
    status: 'failed',
    commits: [{ op: 'db.shop.commit', state: 'uncertain' }],
  })
})

it.for([
  ['is committed', 'done', 4, ''],
  ['is rolled back', 'failed', 3, 'throw new Error("no")'],
] as const)(
  'what a run wrote %s where the run, which is %s, has left rows unread that still came',
  async ([, status, count, end], { skip }) => {
    needPostgres(skip)
    await using runs = await openRuns({}, { max_result_kb: 9000, max_rows: 9000 })
    const many = `select n, repeat('x', 1000) as t from generate_series(1, 8000) n`
    const result = await runs.run(
      `${ADD}; for await (const { n } of db.shop.query("${many}")) if (n === 3) break; ${end}`,
    )
    expect(result.status).toBe(status)
    expect(await runs.orders()).toBe(count)
    expect(await runs.markers()).toHaveLength(count - 3)
    expect(await openOnes()).toEqual([])
  },
)

it('a run that failed rolls back in order before its result, so that no lock outlives it', async ({
  skip,
}) => {
  needPostgres(skip)
  const said: string[] = []
  const dial: Dial = (host, port) => {
    const socket = createDbPowers().dial(host, port)
    const write = socket.write.bind(socket) as (bytes: Uint8Array, ...rest: unknown[]) => boolean
    socket.write = ((bytes: Uint8Array, ...rest: unknown[]): boolean => {
      said.push(Buffer.from(bytes).toString('latin1'))
      return write(bytes, ...rest)
    }) as typeof socket.write
    return socket
  }
  const shop = await serveShop(server, { entry: WRITE, extra: NOTES, isWritable: true })
  await using gate = await openGate({ approve: () => true, ...shop.weakened({ dial }) })
  const result = await gate.run({ code: `${ADD}; throw new Error('no')`, policy: shop.policy })
  expect(result.error?.code).toBe('GUEST_THREW')
  const told = said.join('')
  expect(told.indexOf('ROLLBACK\0')).toBeGreaterThan(told.indexOf('RELEASE SAVEPOINT'))
})

describe('a constraint that is only checked at the end', () => {
  /** A server tells how bad an error is in its own language. */
  const speaking: Dial = (host, port) => {
    const socket = createDbPowers().dial(host, port)
    const on = socket.on.bind(socket) as (event: string, listener: (bytes: Buffer) => void) => Duplex
    const heard = (bytes: Buffer): Buffer =>
      Buffer.from(bytes.toString('latin1').replaceAll('SERROR\0', 'SFALLO\0'), 'latin1')
    socket.on = (event: string, listener: (bytes: Buffer) => void) =>
      on(event, event === 'data' ? (bytes) => listener(heard(bytes)) : listener)
    return socket
  }

  it.for([
    ['run', createDbPowers().dial],
    ['statement', createDbPowers().dial],
    ['run', speaking],
  ] as const)('refuses the commit, and nothing of it is kept: %s', async ([transaction, dial], { skip }) => {
    needPostgres(skip)
    const extra = `${NOTES} ALTER TABLE orders ADD UNIQUE (total) DEFERRABLE INITIALLY DEFERRED`
    const shop = await serveShop(server, { entry: { ...WRITE, transaction }, extra, isWritable: true })
    await using gate = await openGate({ approve: () => true, ...shop.weakened({ dial }) })
    const code = `await db.shop.execute('insert into orders (total) values (20)')`
    expect(await gate.run({ code, policy: shop.policy })).toMatchObject({
      status: 'failed',
      error: { code: 'GUEST_SQL' },
    })
    expect([await shop.exec('select count(*)::int from orders'), await markersOf(shop)]).toEqual([[[3]], []])
  })
})

describe('transaction: statement', () => {
  it('is committed at once, each with a mark, also where the same one comes twice and the run fails', async ({
    skip,
  }) => {
    needPostgres(skip)
    await using runs = await openRuns({}, { transaction: 'statement' })
    const result = await runs.run(`${ADD}; ${ADD}; throw new Error('no')`)
    expect(result.status).toBe('failed')
    expect(await runs.orders()).toBe(5)
    expect((await runs.markers()).map(([runId, , part]) => [runId, part])).toEqual([
      [result.runId, 1],
      [result.runId, 2],
    ])
  })
})
