import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { createDbPowers } from '../../../../src/run/db-powers.ts'
import { askShop } from '../shops.ts'
import { serveShop, type ServedShop } from './served-shops.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())
afterEach(() => vi.unstubAllEnvs())

const urlOf = (shop: ServedShop): string => shop.options.powers?.env?.['SHOP_URL'] ?? ''
const ask = async (shop: ServedShop, url: string, secret: object = {}) => {
  const policy = { ...shop.policy, secrets: { shop_url: { from: 'env:SHOP_URL', ...secret } } }
  await using gate = await openGate({ powers: { env: { SHOP_URL: url } } })
  const { verdicts, texts, result } = await askShop(gate, policy, ['select count(*) from orders'])
  const records = await gate.audit.read({ runId: result.runId })
  return { verdict: verdicts[0], told: texts.join() + JSON.stringify(records) }
}

describe('a server that cannot be used is a coded error, without a word of its url:', () => {
  it.for<[string, (url: string) => string, string]>([
    ['nobody listens', (url) => url.replace(/:\d+\//u, ':1/'), 'UPSTREAM_DB_UNAVAILABLE'],
    [
      'no such host',
      (url) => url.replace('127.0.0.1', 'nowhere.invalid') + '?sslmode=disable',
      'UPSTREAM_DB_UNAVAILABLE',
    ],
    ['a wrong password', (url) => url.replace('p-agent', 'p-other'), 'UPSTREAM_DB_UNAVAILABLE'],
    ['no such user', (url) => url.replace(/agent_\d+/u, 'nobody_here'), 'UPSTREAM_DB_UNAVAILABLE'],
    ['no such database', (url) => url.replace(/shop_\d+/u, 'shop_none'), 'UPSTREAM_DB_UNAVAILABLE'],
    ['no TLS there', (url) => `${url}?sslmode=verify-full`, 'UPSTREAM_DB_UNAVAILABLE'],
    ['no TLS there, and nobody to be verified', (url) => `${url}?sslmode=require`, 'UPSTREAM_DB_UNAVAILABLE'],
    ['a mode that falls back', (url) => `${url}?sslmode=prefer`, 'CONFIG_DB_UNFIT'],
    ['a parameter', (url) => `${url}?options=-cx=y`, 'CONFIG_DB_UNFIT'],
    ['no url', () => 'this-is-no-url-at-all', 'CONFIG_DB_UNFIT'],
    ['a url of http', (url) => url.replace('postgres', 'http'), 'CONFIG_DB_UNFIT'],
    ['no password', (url) => url.replace(/:p-agent[^@]*/u, ''), 'CONFIG_DB_UNFIT'],
  ])('%s', async ([, change, code], { skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    const url = change(urlOf(shop))
    const { verdict, told } = await ask(shop, url)
    expect(verdict).toBe(`${code} at perform`)
    expect(told).not.toMatch(/p-agent|p-other|127\.0\.0\.1|nowhere\.invalid|nobody_here|shop_none/u)
  })

  it('a host to which its secret may not go', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    expect((await ask(shop, urlOf(shop), { hosts: ['db.example.com'] })).verdict).toBe(
      'CONFIG_DB_UNFIT at perform',
    )
    expect((await ask(shop, urlOf(shop), { hosts: [`127.0.0.1:${server.port}`] })).verdict).toEqual([[3]])
  })
})

it('takes nothing from the environment', async ({ skip }) => {
  needPostgres(skip)
  const shop = await serveShop(server)
  const wrong = {
    PGHOST: 'nowhere.invalid',
    PGPORT: '1',
    PGUSER: 'nobody',
    PGPASSWORD: 'x',
    PGDATABASE: 'none',
    PGOPTIONS: '-c search_path=public -c default_transaction_read_only=off',
    PGSSLMODE: 'require',
    PGSSLNEGOTIATION: 'direct',
    PGREPLICATION: 'database',
    PGCLIENTENCODING: 'LATIN1',
    PGCLIENT_ENCODING: 'LATIN1',
    PGAPPNAME: 'x',
  }
  for (const [name, value] of Object.entries(wrong)) vi.stubEnv(name, value)
  expect((await ask(shop, urlOf(shop))).verdict).toEqual([[3]])
})

it('a table that somebody locks is busy, and then it is not', async ({ skip }) => {
  needPostgres(skip)
  const shop = await serveShop(server)
  await using gate = await openGate(shop.options)
  const { default: pg } = await import('pg')
  const holder = new pg.Client({ connectionString: server.url(shop.name) })
  await holder.connect()
  await holder.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE')
  const { verdicts } = await askShop(gate, shop.policy, ['select count(*) from orders'])
  await holder.end()
  expect(verdicts).toEqual(['UPSTREAM_DB_BUSY at perform'])
  expect((await askShop(gate, shop.policy, ['select count(*) from orders'])).verdicts).toEqual([[[3]]])
})

it('a connection that is ended is a coded error, and the next call connects anew', async ({ skip }) => {
  needPostgres(skip)
  const shop = await serveShop(server)
  await using gate = await openGate(shop.options)
  const kill = () =>
    shop.exec("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tollgate'")
  const running = gate.run({
    code: `const code = await db.shop.query('select count(*) from generate_series(1, 100000) a (n), generate_series(1, 100000) b (n) where a.n <> b.n').catch(({ code }) => code)
      return [code, (await db.shop.get('select count(*) from orders')).count]`,
    policy: shop.policy,
  })
  await expect
    .poll(
      () =>
        shop.exec("select 1 from pg_stat_activity where application_name = 'tollgate' and state = 'active'"),
      { timeout: 10_000 },
    )
    .toHaveLength(1)
  await kill()
  expect(await running).toMatchObject({ value: ['UPSTREAM_DB_UNAVAILABLE', 3] })
})

describe('a server that is none does no harm:', () => {
  const READY = Buffer.from('5a0000000549', 'hex')
  const OK = Buffer.from('520000000800000000', 'hex')
  it.for<[string, (socket: Socket) => void]>([
    ['it hangs up', (socket) => socket.destroy()],
    ['it announces a giant', (socket) => socket.write(Buffer.from('447fffffff', 'hex'))],
    [
      'it sends what nobody asked for',
      (socket) => socket.write(Buffer.concat([OK, READY, Buffer.from('6400000008aaaaaaaa', 'hex')])),
    ],
    [
      'it never stops',
      (socket) => {
        socket.write(Buffer.concat([OK, READY]))
        const chunk = Buffer.alloc(64 * 1024, 'N')
        const more = (): void => {
          while (!socket.destroyed && socket.write(chunk));
        }
        socket.on('drain', more)
        more()
      },
    ],
  ])('%s', async ([, act], { skip }) => {
    needPostgres(skip)
    const liar = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => act(socket))
    }).listen(0, '127.0.0.1')
    await once(liar, 'listening')
    const shop = await serveShop(server)
    const { port } = liar.address() as AddressInfo
    const { verdict } = await ask(shop, urlOf(shop).replace(/:\d+\//u, `:${port}/`))
    expect(verdict).toMatch(/^UPSTREAM_DB_UNAVAILABLE|^LIMIT_RESPONSE_SIZE/u)
    liar.close()
  })
})

it('a server that says that a statement is over before its rows are asked for does no harm', async ({
  skip,
}) => {
  needPostgres(skip)
  const suspended = Buffer.from('7300000004', 'hex')
  const over = Buffer.from('430000000d53454c454354203100', 'hex')
  const liar = createServer((socket) => {
    const behind = connect(server.port, '127.0.0.1')
    socket.on('error', () => undefined).on('close', () => behind.destroy())
    behind.on('error', () => undefined).on('close', () => socket.destroy())
    socket.pipe(behind)
    behind.on('data', (bytes: Buffer) =>
      socket.write(
        bytes.subarray(-suspended.length).equals(suspended) ? Buffer.concat([bytes, over]) : bytes,
      ),
    )
  }).listen(0, '127.0.0.1')
  await once(liar, 'listening')
  const shop = await serveShop(server)
  const { port } = liar.address() as AddressInfo
  await using gate = await openGate({
    powers: { env: { SHOP_URL: urlOf(shop).replace(/:\d+\//u, `:${port}/`) } },
  })
  const { verdicts } = await askShop(gate, shop.policy, ['select n from generate_series(1, 900) as g (n)'])
  expect(verdicts).toEqual(['UPSTREAM_DB_UNAVAILABLE at perform'])
  liar.close()
})

it('a server that keeps what asks it to stop a statement open keeps nothing of the host', async ({
  skip,
}) => {
  needPostgres(skip)
  const kept: Socket[] = []
  const liar = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes: Buffer) => {
      if (bytes.includes(Buffer.from('04d2162e', 'hex'))) return void kept.push(socket.resume())
      const behind = connect(server.port, '127.0.0.1')
      behind.on('error', () => undefined).on('close', () => socket.destroy())
      socket.on('close', () => behind.destroy()).pipe(behind)
      behind.write(bytes)
      behind.pipe(socket)
    })
  }).listen(0, '127.0.0.1')
  await once(liar, 'listening')
  const shop = await serveShop(server, { entry: { timeout_seconds: 0.5 } })
  const { port } = liar.address() as AddressInfo
  await using gate = await openGate({
    powers: { env: { SHOP_URL: urlOf(shop).replace(/:\d+\//u, `:${port}/`) } },
  })
  const { verdicts } = await askShop(gate, shop.policy, [
    'select count(*) from generate_series(1, 100000) a (n), generate_series(1, 100000) b (n)',
  ])
  expect(verdicts).toEqual(['UPSTREAM_TIMEOUT at perform'])
  await expect.poll(() => kept.length).toBe(1)
  // Who writes to a connection that is gone at the other end is told so.
  await expect.poll(() => kept[0]?.write('?') === false || kept[0]?.destroyed).toBe(true)
  liar.close()
})

it('the host that the url names is the one that is dialled', async ({ skip }) => {
  needPostgres(skip)
  const shop = await serveShop(server)
  const dialled: string[] = []
  const powers = createDbPowers()
  const db = {
    ...powers,
    dial: (host: string, port: number) => {
      dialled.push(`${host}:${port}`)
      return powers.dial(host, port)
    },
  }
  await using gate = await openGate({ powers: { ...shop.options.powers, db } })
  expect((await askShop(gate, shop.policy, ['select 1'])).verdicts).toEqual([[[1]]])
  expect(dialled).toEqual([`127.0.0.1:${server.port}`])
})
