import type { DbGrant } from '../../../../src/capabilities/db/grant.ts'
import { roleStatements } from '../../../../src/capabilities/db/postgres/role-sql.ts'
import type { TollgateOptions } from '../../../../src/index.ts'
import { definePolicy } from '../../../../src/policy.ts'
import { createDbPowers, type DbPowers } from '../../../../src/run/db-powers.ts'
import type { PostgresServer } from '../../../harness/postgres.ts'
import { READ } from '../shops.ts'

/** The shop of the SQLite tests, on a server. */
const SHOP = `
  CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer, total double precision);
  INSERT INTO orders VALUES (1, 1, 9.5), (2, 1, 20), (3, 2, 30.25);
  CREATE TABLE customers (id integer PRIMARY KEY, name text, email text, tenant text, ssn text);
  INSERT INTO customers VALUES (1, 'ada', 'ada@a.test', 'alpha', 'ssn-ada'), (2, 'bob', 'bob@b.test', 'beta', 'ssn-bob'),
    (3, 'eve', 'eve@a.test', 'alpha', 'ssn-eve');
  CREATE TABLE secrets (key text, value text);
  INSERT INTO secrets VALUES ('master', 'hunter2-hunter2');
  CREATE TABLE cells (id integer PRIMARY KEY, big bigint, exact numeric, real double precision, bytes bytea, flag boolean, doc jsonb,
    day date, list integer[]);
  INSERT INTO cells VALUES (1, 9223372036854775807, 12.50, 'Infinity', '\\x00ff10', true, '{"a": 1}', '2026-01-02', '{1,2}'),
    (2, 7, 123456789012345678.25, 0.1, NULL, false, NULL, NULL, NULL);
  CREATE SEQUENCE numbers;
  CREATE FUNCTION note_writes() RETURNS integer LANGUAGE sql VOLATILE AS 'INSERT INTO secrets VALUES (''x'', ''y''); SELECT 1';
  REVOKE EXECUTE ON FUNCTION note_writes() FROM PUBLIC;
`
const FUNCTIONS = ['count', 'sum', 'lower', 'like', 'generate_series', 'repeat', 'now']
const PASSWORD = 'p-agent-77d1e0'

let made = 0

/** A database of a server, with a role of its own that was set up for a policy. */
export type ServedShop = {
  readonly name: string
  readonly role: string
  readonly policy: object
  readonly options: TollgateOptions
  /** Options whose locks are other ones. */
  weakened(powers: Partial<DbPowers>): TollgateOptions
  exec(sql: string): Promise<readonly (readonly unknown[])[]>
  /** All rows, objects, roles and settings. */
  snapshot(): Promise<string>
}

const grantOf = (policy: object): DbGrant => definePolicy(policy).grants.get('db') as DbGrant

/** The statements of `tollgate db setup-role` for the database `shop` of a policy. */
export const statementsFor = (policy: object): readonly string[] => {
  const database = grantOf(policy).databases.get('shop')
  if (database?.server === undefined) throw new Error('the policy has no shop on a server')
  return roleStatements(database, database.server)
}

/** Makes a database with a shop in it. `isSetUp: false` leaves the role as it is after CREATE ROLE … LOGIN. */
export const serveShop = async (
  server: PostgresServer,
  {
    entry = {},
    rest = {},
    extra = '',
    isSetUp = true,
    isWritable = false,
  }: { entry?: object; rest?: object; extra?: string; isSetUp?: boolean; isWritable?: boolean } = {},
): Promise<ServedShop> => {
  const name = `shop_${(made += 1)}`
  const role = `agent_${made}`
  await server.exec(`CREATE DATABASE ${name}`)
  await server.exec(SHOP + extra, name)
  const policy = {
    permissions: {
      db_write: isWritable,
      db: {
        shop: {
          engine: 'postgres',
          url: 'secret:shop_url',
          role,
          read: READ,
          functions: FUNCTIONS,
          ...entry,
        },
      },
    },
    secrets: { shop_url: { from: 'env:SHOP_URL' } },
    limits: { max_tool_calls: 500, max_duration_seconds: 60 },
    ...rest,
  }
  if (isSetUp) for (const sql of statementsFor(policy)) await server.exec(sql, name)
  else await server.exec(`CREATE ROLE ${role} LOGIN`)
  await server.exec(`ALTER ROLE ${role} PASSWORD '${PASSWORD}'`)
  const env = { SHOP_URL: server.url(name, role, PASSWORD) }
  return {
    name,
    role,
    policy,
    options: { powers: { env } },
    weakened: (powers) => ({ powers: { env, db: { ...createDbPowers(), ...powers } } }),
    exec: (sql) => server.exec(sql, name),
    snapshot: async () => JSON.stringify(await server.exec(SNAPSHOT, name)),
  }
}

const SNAPSHOT = `SELECT
  (SELECT json_agg(o ORDER BY id) FROM orders o), (SELECT json_agg(c ORDER BY id) FROM customers c),
  (SELECT json_agg(s ORDER BY key) FROM secrets s), (SELECT json_agg(x ORDER BY id) FROM cells x),
  (SELECT last_value || ' ' || is_called FROM numbers),
  (SELECT json_agg(oid ORDER BY oid) FROM pg_class WHERE relkind <> 't' AND relname NOT LIKE 'pg_toast%'), (SELECT count(*) FROM pg_proc),
  (SELECT json_agg(oid) FROM pg_largeobject_metadata), (SELECT json_agg(rolname ORDER BY 1) FROM pg_roles),
  (SELECT json_agg(s) FROM pg_db_role_setting s), (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tollgate' AND wait_event_type = 'Lock'),
  (SELECT count(*) FROM pg_prepared_xacts), (SELECT json_agg(l.pid) FROM pg_locks l WHERE locktype = 'advisory')`
