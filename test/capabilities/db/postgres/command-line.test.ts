import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { definePolicy } from '../../../../src/policy.ts'
import { openFolder, tollgate } from '../../../harness/command-line.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { serveShop, statementsFor } from './served-shops.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const CODE = `return await db.shop.query('select name, email from customers order by id')`

it('setup-role prints SQL that makes a server fit, or runs it; check --connect says what is still too much', async ({
  skip,
}) => {
  needPostgres(skip)
  const shop = await serveShop(server, { isSetUp: false })
  using folder = openFolder({ 'policy.json': JSON.stringify(shop.policy) })
  const env = { ...shop.options.powers?.env, OWNER_URL: server.url(shop.name) }
  const call = (...args: string[]) => tollgate(args, { cwd: folder.path, env })

  const before = await call('check', 'policy.json', '--connect')
  expect(before.exit).toBe(2)
  expect(before.stdout).toContain('setup-role')

  const printed = await call('db', 'setup-role', '--policy', 'policy.json')
  expect(printed.exit).toBe(0)
  await shop.exec(printed.stdout)
  const ran = await call('run', '--code', CODE, '--policy', 'policy.json', '--json')
  expect(ran.stdout).toContain('"status": "done"')

  await shop.exec(`GRANT SELECT ON secrets TO ${shop.role}`)
  const wider = await call('check', 'policy.json', '--connect')
  expect(wider.exit).toBe(2)
  expect(wider.stdout).toContain('may SELECT public.secrets')
  await shop.exec(`REVOKE SELECT ON secrets FROM ${shop.role}`)

  const applied = await call(
    'db',
    'setup-role',
    '--policy',
    'policy.json',
    '--database',
    'shop',
    '--apply',
    '--url',
    'env:OWNER_URL',
  )
  expect(applied).toMatchObject({ exit: 0 })
  const after = await call('check', 'policy.json', '--connect', '--json')
  expect(after.exit).toBe(0)
  const { warnings } = JSON.parse(after.stdout) as { warnings: { message: string }[] }
  expect(warnings.map(({ message }) => message)).toContain(
    `the role ${shop.role} may call pg_catalog.set_config`,
  )
  expect(await call('check', 'policy.json', '--connect', '--strict')).toMatchObject({ exit: 2 })
  expect(JSON.stringify([before, printed, wider, applied, after])).not.toMatch(/p-agent|p-admin/u)
})

it('setup-role takes no schema that somebody else has made', async ({ skip }) => {
  needPostgres(skip)
  const shop = await serveShop(server, { isSetUp: false })
  const statements = statementsFor(shop.policy)
  const [, name = ''] = /CREATE SCHEMA IF NOT EXISTS "(\w+)"/u.exec(statements.join('\n')) ?? []
  await shop.exec(`CREATE ROLE squatter; CREATE SCHEMA ${name} AUTHORIZATION squatter`)
  const setUp = async () => {
    for (const sql of statements) await shop.exec(sql)
  }
  await expect(setUp()).rejects.toThrow('belongs to somebody else')
  await shop.exec(`ALTER SCHEMA ${name} OWNER TO admin`)
  await setUp()
})

it('setup-role calls nothing that others have put in its way, and neither do the filters of its views', async ({
  skip,
}) => {
  needPostgres(skip)
  const read = { customers: { show: ['id'], where: 'lower(tenant) = :principal' } }
  const shop = await serveShop(server, { entry: { read }, isSetUp: false })
  const trap = (name: string, type: string, result: string) =>
    `CREATE FUNCTION public.${name} RETURNS ${type} LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.secrets VALUES ('trap', current_user); RETURN ${result}; END $$;`
  await shop.exec(
    `ALTER TABLE customers ALTER tenant TYPE varchar; CREATE SCHEMA tollgate_old;
    ${trap('format(text, text, text)', 'text', "'SELECT 1'")} ${trap('lower(varchar)', 'text', "'alpha'")}
    ${trap('alike(name, name)', 'boolean', 'true')}
    CREATE OPERATOR public.~~ (FUNCTION = public.alike, LEFTARG = name, RIGHTARG = name)`,
  )
  using folder = openFolder({ 'policy.json': JSON.stringify(shop.policy) })
  const env = { ...shop.options.powers?.env, OWNER_URL: server.url(shop.name) }
  const call = (...args: string[]) => tollgate(args, { cwd: folder.path, env })
  const setUp = ['db', 'setup-role', '--policy', 'policy.json', '--apply', '--url', 'env:OWNER_URL']
  expect(await call(...setUp)).toMatchObject({ exit: 0 })
  const code = `return await db.shop.query('select id from customers order by id')`
  const ran = await call('run', '--code', code, '--policy', 'policy.json', '--principal', 'beta', '--json')
  expect(JSON.parse(ran.stdout)).toMatchObject({ status: 'done', value: [{ id: 2 }] })
  expect(await shop.exec("SELECT value FROM secrets WHERE key = 'trap'")).toEqual([])
  const naive = statementsFor(shop.policy).filter((sql) => !sql.includes('search_path'))
  for (const sql of naive) await shop.exec(sql)
  expect(await shop.exec("SELECT DISTINCT value FROM secrets WHERE key = 'trap'")).toEqual([['admin']])
})

it('a server that takes connections and says nothing is one that cannot be reached', async () => {
  const sockets: Socket[] = []
  const mute = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined).resume())
  }).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const shop = { engine: 'postgres', url: 'secret:shop_url', role: 'agent', read: { orders: '*' } }
  const policy = { permissions: { db: { shop } }, secrets: { shop_url: { from: 'env:SHOP_URL' } } }
  using folder = openFolder({ 'policy.json': JSON.stringify(policy) })
  const env = { SHOP_URL: `postgres://agent:p@127.0.0.1:${(mute.address() as AddressInfo).port}/shop` }
  const call = (...args: string[]) => tollgate(args, { cwd: folder.path, env })
  const [checked, applied] = await Promise.all([
    call('check', 'policy.json', '--connect'),
    call('db', 'setup-role', '--policy', 'policy.json', '--apply', '--url', 'env:SHOP_URL'),
  ])
  expect(checked).toMatchObject({ exit: 2, stdout: expect.stringContaining('cannot be reached') as unknown })
  expect(applied).toMatchObject({ exit: 2, stderr: expect.stringContaining('cannot be reached') as unknown })
  for (const socket of sockets) socket.destroy()
  mute.close()
})

it('check --connect says what writes would set off', async ({ skip }) => {
  needPostgres(skip)
  const entry = { read: { orders: '*' }, write: { orders: ['insert', 'delete'] } }
  const extra =
    'CREATE TABLE lines (id integer PRIMARY KEY, order_id integer REFERENCES orders ON DELETE CASCADE)'
  const shop = await serveShop(server, { entry, extra, isWritable: true })
  using folder = openFolder({ 'policy.json': JSON.stringify(shop.policy) })
  const check = () =>
    tollgate(['check', 'policy.json', '--connect'], {
      cwd: folder.path,
      env: { ...shop.options.powers?.env },
    })
  const told = await check()
  expect(told.exit).toBe(2)
  expect(told.stdout).toContain('by which lines would be written')
  await shop.exec('DROP TABLE lines')
  expect(await check()).toMatchObject({ exit: 0 })
})

it('setup-role refuses a filter that reads more than its row, and a url without --apply', async () => {
  const entry = {
    engine: 'postgres',
    url: 'secret:shop_url',
    role: 'agent',
    read: { orders: { show: ['id'], where: '' } },
  }
  const policyOf = (where: string): string => {
    const shop = { ...entry, read: { orders: { show: ['id'], where } } }
    return JSON.stringify({ permissions: { db: { shop } }, secrets: { shop_url: { from: 'env:SHOP_URL' } } })
  }
  using folder = openFolder({
    'table.json': policyOf('id in (select id from secrets)'),
    'function.json': policyOf("pg_sleep(9)::text = 'x'"),
    'member.json': policyOf("(9).pg_sleep::text = 'x'"),
    'two.json': policyOf('id = 1, 2'),
    'good.json': policyOf("tenant = :principal and orders.name <> 'x'"),
  })
  const call = (...args: string[]) => tollgate(['db', 'setup-role', ...args], { cwd: folder.path })
  expect(await call('--policy', 'table.json')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('CONFIG_DB_UNFIT') as unknown,
  })
  for (const file of ['function.json', 'member.json'])
    expect(await call('--policy', file)).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('pg_sleep') as unknown,
    })
  expect(await call('--policy', 'good.json', '--url', 'env:X')).toMatchObject({ exit: 2 })
  expect(await call('--policy', 'good.json', '--database', 'other')).toMatchObject({ exit: 2 })
  const good = await call('--policy', 'good.json')
  expect(good.stdout).toContain(
    `(tenant =  pg_catalog.current_setting('tollgate.principal')  and orders.name <> 'x')`,
  )
})

it.each([
  ['another form of url', { url: 'postgres://u:p@h/d' }, 'url'],
  ['no url', { url: null }, 'url'],
  ['a secret that is not declared', { url: 'secret:other' }, 'url'],
  ['a secret that is a header', { url: 'secret:token' }, 'url'],
  ['no role', { role: undefined }, 'role'],
  ['a role of the engine', { role: 'pg_read_all_data' }, 'role'],
  ['a file', { file: './x.db' }, 'file'],
  ['a table of the engine', { read: { pg_class: '*' } }, 'read.pg_class'],
  ['a function that the engine lacks', { functions: ['strftime'] }, 'functions[0]'],
  ['a function that does more than compute', { functions: ['pg_read_file'] }, 'functions[0]'],
  ['a name that the engine would cut', { read: { ['a'.repeat(64)]: '*' } }, `read.${'a'.repeat(64)}`],
])('a policy with %s is refused', (_, entry, path) => {
  const shop = { engine: 'postgres', url: 'secret:url', role: 'agent', ...entry }
  const secrets = { url: { from: 'env:X' }, token: { from: 'env:Y', bearer: {} } }
  expect(() => definePolicy({ permissions: { db: { shop } }, secrets })).toThrow(
    `permissions.db.shop.${path}`,
  )
})
