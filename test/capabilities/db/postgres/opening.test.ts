import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { askShop, writeShop } from '../shops.ts'
import { serveShop, statementsFor, type ServedShop } from './served-shops.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const verdictOf = async (shop: ServedShop, policy = shop.policy) => {
  await using gate = await openGate(shop.options)
  const { verdicts, texts } = await askShop(gate, policy, ['select count(*) from orders'])
  return { verdict: verdicts[0], text: texts.join() }
}
const schemaOf = async (shop: ServedShop): Promise<string> =>
  String((await shop.exec("select nspname from pg_namespace where nspname like 'tollgate\\_%'"))[0]?.[0])

describe('a role that can do more than the policy says is not used:', () => {
  it.for<[string, (role: string, schema: string) => string]>([
    ['a superuser', (role) => `ALTER ROLE ${role} SUPERUSER`],
    ['one that bypasses row security', (role) => `ALTER ROLE ${role} BYPASSRLS`],
    ['one that creates roles', (role) => `ALTER ROLE ${role} CREATEROLE`],
    ['one that creates databases', (role) => `ALTER ROLE ${role} CREATEDB`],
    ['one that replicates', (role) => `ALTER ROLE ${role} REPLICATION`],
    ['a member of another role', (role) => `GRANT pg_read_server_files TO ${role}`],
    ['one that reads all data', (role) => `GRANT pg_read_all_data TO ${role}`],
    ['an owner', (role) => `CREATE TABLE own (a int); ALTER TABLE own OWNER TO ${role}`],
    ['one that reads a base table', (role) => `GRANT SELECT ON orders TO ${role}`],
    ['one that reads a column of a base table', (role) => `GRANT SELECT (ssn) ON customers TO ${role}`],
    ['one that reads what PUBLIC reads', () => 'GRANT SELECT ON secrets TO PUBLIC'],
    ['one that writes through a view', (role, schema) => `GRANT UPDATE ON ${schema}.orders TO ${role}`],
    ['one that inserts', (role) => `GRANT INSERT ON secrets TO ${role}`],
    ['one that reads passwords', (role) => `GRANT SELECT ON pg_authid TO ${role}`],
    ['one that uses a sequence', (role) => `GRANT USAGE ON SEQUENCE numbers TO ${role}`],
    ['one that creates in a schema', (role) => `GRANT CREATE ON SCHEMA public TO ${role}`],
    [
      'one that creates schemas',
      (role) =>
        `DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO ${role}', current_database()); END $$`,
    ],
    ['one that reads files', (role) => `GRANT EXECUTE ON FUNCTION pg_read_file(text) TO ${role}`],
    ['one that reads samples of hidden columns', (role) => `GRANT SELECT ON pg_statistic TO ${role}`],
    [
      'one that reads a hidden column of a catalog',
      (role) => `GRANT SELECT (subconninfo) ON pg_subscription TO ${role}`,
    ],
    ['one that does what PUBLIC may not', (role) => `GRANT EXECUTE ON FUNCTION pg_promote TO ${role}`],
    ['one that changes the server', (role) => `GRANT ALTER SYSTEM ON PARAMETER work_mem TO ${role}`],
    [
      'one that reads a large object',
      (role) => `SELECT lo_create(77); GRANT SELECT ON LARGE OBJECT 77 TO ${role}`,
    ],
    [
      'one that runs what a language does not hold in',
      () =>
        `CREATE LANGUAGE wild HANDLER plpgsql_call_handler; CREATE FUNCTION leave() RETURNS integer LANGUAGE wild AS 'BEGIN RETURN 1; END'`,
    ],
    [
      'one that makes servers',
      (role) =>
        `CREATE FOREIGN DATA WRAPPER elsewhere; GRANT USAGE ON FOREIGN DATA WRAPPER elsewhere TO ${role}`,
    ],
    [
      'one that is given what will be made',
      (role) => `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO ${role}`,
    ],
    [
      'one that calls what its definer may',
      () =>
        "CREATE FUNCTION leak() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT value FROM secrets'",
    ],
    [
      'one that calls what its definer may, in a schema of the engine',
      () =>
        "SET allow_system_table_mods = on; CREATE FUNCTION pg_catalog.leak() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT value FROM public.secrets'",
    ],
    [
      'one that reads what was put into a schema of the engine',
      () =>
        'SET allow_system_table_mods = on; CREATE VIEW pg_catalog.leak AS SELECT * FROM public.secrets; GRANT SELECT ON pg_catalog.leak TO PUBLIC',
    ],
    [
      'one that reads views of another policy',
      (role) =>
        `CREATE SCHEMA tollgate_other; CREATE VIEW tollgate_other.x AS SELECT * FROM secrets; GRANT USAGE ON SCHEMA tollgate_other TO ${role}; GRANT SELECT ON tollgate_other.x TO ${role}`,
    ],
  ])('%s', async ([, change], { skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await shop.exec(change(shop.role, await schemaOf(shop)))
    const { verdict, text } = await verdictOf(shop)
    expect(verdict).toBe('CONFIG_DB_UNFIT at perform')
    expect(text).toContain('check --connect')
  })
})

it('a role that was set up for more is fit again once it is set up for less', async ({ skip }) => {
  needPostgres(skip)
  const extra = 'CREATE TABLE notes (id serial PRIMARY KEY, text text)'
  const read = { orders: '*', notes: '*' }
  const entry = { read, write: { notes: ['insert'] } }
  const shop = await serveShop(server, { entry, extra, isWritable: true })
  expect((await verdictOf(shop)).verdict).toEqual([[3]])
  for (const less of [
    { read, write: {} },
    { read: { orders: '*' }, write: {} },
  ]) {
    const { permissions } = shop.policy as { permissions: { db: { shop: object } } }
    const shopLess = { ...permissions.db.shop, ...less }
    const policy = { ...shop.policy, permissions: { ...permissions, db: { shop: shopLess } } }
    await shop.exec(statementsFor(shop.policy).join(';'))
    expect((await verdictOf(shop, policy)).verdict).toBe('CONFIG_DB_UNFIT at perform')
    await shop.exec(statementsFor(policy).join(';'))
    expect((await verdictOf(shop, policy)).verdict).toEqual([[3]])
  }
})

describe('a database that does not fit its grant is not used:', () => {
  it.for<[string, (schema: string) => string]>([
    ['a view is gone', (schema) => `DROP VIEW ${schema}.customers`],
    [
      'a view lets conditions see what it hides',
      (schema) => `ALTER VIEW ${schema}.customers RESET (security_barrier)`,
    ],
    [
      'a table stands in place of a view',
      (schema) => `DROP VIEW ${schema}.orders; CREATE TABLE ${schema}.orders AS SELECT * FROM orders`,
    ],
    [
      'a view shows more',
      (schema) =>
        `CREATE OR REPLACE VIEW ${schema}.customers WITH (security_barrier) AS SELECT id, name, email, ssn FROM customers`,
    ],
  ])('%s', async ([, change], { skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await shop.exec(change(await schemaOf(shop)))
    const { verdict, text } = await verdictOf(shop)
    expect(verdict).toBe('CONFIG_DB_UNFIT at perform')
    expect(text).toContain('setup-role')
  })

  it('its role was not set up', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server, { isSetUp: false })
    expect((await verdictOf(shop)).verdict).toBe('CONFIG_DB_UNFIT at perform')
  })

  it('its policy has changed since', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    const { permissions, ...rest } = shop.policy as { permissions: { db: { shop: object } } }
    const wider = {
      ...rest,
      permissions: { db: { shop: { ...permissions.db.shop, read: { orders: '*', customers: '*' } } } },
    }
    expect((await verdictOf(shop, wider)).verdict).toBe('CONFIG_DB_UNFIT at perform')
    for (const sql of statementsFor(wider)) await shop.exec(sql)
    expect((await verdictOf(shop, wider)).verdict).toEqual([[3]])
    expect((await verdictOf(shop)).verdict).toBe('CONFIG_DB_UNFIT at perform')
  })

  it('its url logs in as another user', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    const options = { powers: { env: { SHOP_URL: server.url(shop.name) } } }
    expect((await verdictOf({ ...shop, options })).verdict).toBe('CONFIG_DB_UNFIT at perform')
  })
})

it('a role can be set up again, and what PUBLIC may on a new server is taken away', async ({ skip }) => {
  needPostgres(skip)
  const shop = await serveShop(server)
  for (const sql of statementsFor(shop.policy)) await shop.exec(sql)
  expect((await verdictOf(shop)).verdict).toEqual([[3]])
  const [row] = await shop.exec(`SELECT has_database_privilege('${shop.role}', current_database(), 'TEMP'),
    has_function_privilege('${shop.role}', 'lo_put(oid,bigint,bytea)', 'EXECUTE'), has_schema_privilege('${shop.role}', 'public', 'CREATE')`)
  expect(row).toEqual([false, false, false])
})

it('names with anything in them neither end a quote nor a block of the set-up', async ({ skip }) => {
  needPostgres(skip)
  const shop = await serveShop(server, { isSetUp: false })
  const role = `r'"\\$tollgate$; ROLLBACK; DROP TABLE orders; --`
  const table = `t'"\\$tollgate$ $$ %s %I`
  const named = (name: string): string => `"${name.replaceAll('"', '""')}"`
  await shop.exec(`CREATE TABLE ${named(table)} (id integer GENERATED BY DEFAULT AS IDENTITY, "é;'\\" text);
    CREATE ROLE ${named(role)} LOGIN PASSWORD 'p'`)
  const entry = {
    engine: 'postgres',
    url: 'secret:shop_url',
    role,
    read: { [table]: '*' },
    write: { [table]: ['insert'] },
  }
  const policy = { ...shop.policy, permissions: { db_write: true, db: { shop: entry } } }
  for (const sql of statementsFor(policy)) await shop.exec(sql)
  const env = { SHOP_URL: server.url(shop.name, encodeURIComponent(role), 'p') }
  await using gate = await openGate({ powers: { env }, approve: () => true })
  const { verdicts } = await writeShop(gate, policy, [
    `insert into ${named(table)} ("é;'\\") values ('x') returning *`,
  ])
  expect(verdicts).toEqual([[{ changes: 1, rows: [{ id: 1, "é;'\\": 'x' }] }]])
  expect(await shop.exec('select count(*)::int from orders')).toEqual([[3]])
})
