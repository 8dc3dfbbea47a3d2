import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TollgateOptions } from '../../../../src/index.ts'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { openGateOf, withGrant } from '../../../run/gates.ts'
import { WRITE, writeShop } from '../shops.ts'
import { withoutJudging } from '../weak-power.ts'
import { serveShop } from './served-shops.ts'
import { noFitness, noGate, withParts } from './weak-parts.ts'
import { GRANTED_WRITES, NOTES, REFUSED_WRITES } from './write-statements.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const serveWritable = (entry: object = {}, extra = '') =>
  serveShop(server, { entry: { ...WRITE, ...entry }, extra: NOTES + extra, isWritable: true })

const approving = (options: TollgateOptions): TollgateOptions => ({ ...options, approve: () => true })

const ROWS = `SELECT (SELECT json_agg(o ORDER BY id) FROM orders o)::text, (SELECT json_agg(c ORDER BY id) FROM customers c)::text,
  (SELECT json_agg(n ORDER BY id) FROM notes n)::text, (SELECT json_agg(s) FROM secrets s)::text`

describe('statements that write', () => {
  it('are refused by code and gate where they are not granted, and change no row', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveWritable()
    await using gate = await openGate(approving(shop.options))
    const before = await shop.exec(ROWS)
    const statements = REFUSED_WRITES.map(([sql]) => sql)
    const { verdicts, result } = await writeShop(gate, shop.policy, statements)
    expect(REFUSED_WRITES.map(([sql], at) => [sql, verdicts[at]])).toEqual(REFUSED_WRITES)
    expect(result).toMatchObject({ status: 'done' })
    expect(await shop.exec(ROWS)).toEqual(before)
  })

  it('do what they say where they are granted, and the server has it when the run is done', async ({
    skip,
  }) => {
    needPostgres(skip)
    const shop = await serveWritable()
    await using gate = await openGate(approving(shop.options))
    const { verdicts, texts, result } = await writeShop(
      gate,
      shop.policy,
      GRANTED_WRITES.map(([sql]) => sql),
    )
    expect(texts).toEqual([])
    expect(GRANTED_WRITES.map(([sql], at) => [sql, verdicts[at]])).toEqual(
      GRANTED_WRITES.map(([sql, written]) => [sql, [written]]),
    )
    expect(result).toMatchObject({ status: 'done' })
    expect(await shop.exec('select id, hidden from notes order by id')).toContainEqual([1, 'h1'])
    expect(await shop.exec("select id, ssn from customers where tenant = 'beta'")).toEqual([[2, 'ssn-bob']])
    const marker = `select run_id, entry, part from ${await schemaOf(shop)}._tollgate_commits`
    expect(await shop.exec(marker)).toEqual([[result.runId, 'shop', 1]])
  })

  it('are refused by the role alone, where nobody reads them', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveWritable()
    const weak = shop.weakened(withParts(noGate))
    await using gate = await openGateOf(approving(weak), withGrant('db', withoutJudging))
    const before = await shop.exec(ROWS)
    // That no guest sets the principal, and none leaves a mark, is the gate's to see to.
    const harmful = REFUSED_WRITES.map(([sql]) => sql).filter(
      (sql) =>
        /secrets|hidden|ssn|email|beta|cells|pg_|public|tenant/u.test(sql) && !/^set|on conflict/u.test(sql),
    )
    const { verdicts } = await writeShop(gate, shop.policy, [...harmful, 'delete from notes'])
    const passed = [...harmful, 'delete from notes'].filter((_, at) => typeof verdicts[at] !== 'string')
    expect(passed).toEqual([])
    expect(await shop.exec(ROWS)).toEqual(before)
  })

  it('would change anything as a role that may, were the gate not there', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveWritable()
    await shop.exec(`ALTER ROLE ${shop.role} SUPERUSER`)
    const weak = shop.weakened(withParts({ ...noGate, ...noFitness }))
    await using gate = await openGateOf(approving(weak), withGrant('db', withoutJudging))
    await writeShop(gate, shop.policy, ["update public.notes set hidden = 'x'", 'delete from public.secrets'])
    expect(
      await shop.exec(
        "select (select count(*)::int from secrets), (select count(*)::int from notes where hidden = 'x')",
      ),
    ).toEqual([[0, 2]])
  })

  it('meet no row that a filter hides, not even in a condition that fails on it', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveWritable()
    await using gate = await openGate(approving(shop.options))
    const leak = "1 / (case when name = 'bob' then 0 else 1 end) > 0"
    const { verdicts } = await writeShop(gate, shop.policy, [
      `update customers set name = 'x' where ${leak}`,
      `delete from customers where ${leak} returning name`,
    ])
    expect(verdicts).toEqual([[{ changes: 2 }], [{ changes: 2, rows: [{ name: 'x' }, { name: 'x' }] }]])
    expect(await shop.exec('select name from customers')).toEqual([['bob']])
  })
})

describe('a masked column', () => {
  const read = { customers: { show: ['id', 'name', 'tenant'], mask: ['email'] } }
  const write = { customers: ['insert', 'update', 'delete'] }

  it('is NULL wherever a statement that writes looks at it', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveWritable({ read, write })
    await using gate = await openGate(approving(shop.options))
    const upsert =
      "insert into customers (id, name, tenant) values (1, 'n', 'alpha') on conflict (id) do update set"
    const { verdicts } = await writeShop(gate, shop.policy, [
      `${upsert} name = customers.email returning name, email`,
      `${upsert} name = excluded.email returning name`,
      `${upsert} name = 'seen' where customers.email = 'ada@a.test'`,
      `update customers set name = email where id = 2 returning name`,
      `update customers set name = 'seen' where email is not null`,
      `insert into customers (id, name) select id + 10, email from customers returning name`,
      `delete from customers where email is not null returning *`,
    ])
    const none = [{ changes: 0 }]
    const told = [{ changes: 1, rows: [{ name: null }] }]
    expect(verdicts).toEqual([
      [{ changes: 1, rows: [{ name: null, email: null }] }],
      told,
      none,
      told,
      none,
      [{ changes: 3, rows: [{ name: null }, { name: null }, { name: null }] }],
      [{ changes: 0, rows: [] }],
    ])
    expect(await shop.exec('select email from customers where id < 10 order by id')).toEqual([
      ['ada@a.test'],
      ['bob@b.test'],
      ['eve@a.test'],
    ])
  })
})

const schemaOf = async (shop: Awaited<ReturnType<typeof serveWritable>>): Promise<string> =>
  String((await shop.exec("select nspname from pg_namespace where nspname like 'tollgate%'"))[0]?.[0])

/** A function that does what its owner may, where the role cannot call it. */
const DEFINER = `CREATE SCHEMA away; CREATE FUNCTION away.f(text) RETURNS text LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT $1';`

describe('a table whose writes would set off what is not granted is not opened', () => {
  it.for<[string, string]>([
    [
      'a trigger',
      'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION f()',
    ],
    ['a rule', 'CREATE RULE r AS ON INSERT TO notes DO ALSO DELETE FROM secrets'],
    [
      'a cascade',
      'CREATE TABLE lines (id integer PRIMARY KEY, order_id integer REFERENCES orders ON DELETE CASCADE)',
    ],
    [
      'a key set to NULL',
      'CREATE TABLE lines (id integer PRIMARY KEY, order_id integer REFERENCES orders ON UPDATE SET NULL)',
    ],
    [
      'a reference to filtered rows',
      'ALTER TABLE notes ADD FOREIGN KEY (stars) REFERENCES customers NOT VALID',
    ],
    [
      'a reference to a hidden table',
      'CREATE TABLE hidden_keys (id integer PRIMARY KEY); ALTER TABLE notes ADD FOREIGN KEY (stars) REFERENCES hidden_keys NOT VALID',
    ],
    ['heirs', 'CREATE TABLE heirs () INHERITS (notes)'],
    ['a default by its definer', `${DEFINER} ALTER TABLE notes ALTER hidden SET DEFAULT away.f('x')`],
    ['a check by its definer', `${DEFINER} ALTER TABLE notes ADD CHECK (away.f(text) <> '') NOT VALID`],
    ['an index by its definer', `${DEFINER} CREATE INDEX ON notes (away.f(text))`],
    [
      'a domain on a domain that is checked by its definer',
      `${DEFINER} CREATE DOMAIN away.d AS text CHECK (away.f(VALUE) <> ''); CREATE DOMAIN away.e AS away.d;
        ALTER TABLE notes ALTER hidden TYPE away.e`,
    ],
    [
      'a list of such a domain',
      `${DEFINER} CREATE DOMAIN away.d AS text CHECK (away.f(VALUE) <> ''); ALTER TABLE notes ADD more away.d[]`,
    ],
    [
      'a domain with a default by its definer',
      `${DEFINER} CREATE DOMAIN away.d AS text DEFAULT away.f('x'); ALTER TABLE notes ALTER hidden TYPE away.d`,
    ],
    [
      'a check by an operator of its definer',
      `${DEFINER} CREATE FUNCTION away.g(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT true';
        CREATE OPERATOR away.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = away.g);
        ALTER TABLE notes ADD CHECK (text OPERATOR(away.===) 'x') NOT VALID`,
    ],
    [
      'a domain checked by its definer',
      `${DEFINER} CREATE DOMAIN away.d AS text CHECK (away.f(VALUE) <> ''); ALTER TABLE notes ALTER hidden TYPE away.d`,
    ],
  ])('%s', async ([, extra], { skip }) => {
    needPostgres(skip)
    const shop = await serveWritable({}, extra)
    await using gate = await openGate(approving(shop.options))
    const { verdicts } = await writeShop(gate, shop.policy, ["insert into notes (text) values ('x')"])
    expect(verdicts).toEqual(['CONFIG_DB_UNFIT at perform'])
  })

  it.for<[string, string]>([
    ['more verbs', 'GRANT DELETE ON SCHEMA.notes TO ROLE'],
    ['the table itself', 'GRANT UPDATE ON public.notes TO ROLE'],
    ['the marks of commits', 'GRANT SELECT ON SCHEMA._tollgate_commits TO ROLE'],
    ['a counter of its own', 'GRANT UPDATE ON SEQUENCE order_ids TO ROLE'],
    ['a view without its check', 'ALTER VIEW SCHEMA.customers RESET (check_option)'],
  ])('nor by a role with %s', async ([, sql], { skip }) => {
    needPostgres(skip)
    const shop = await serveWritable()
    await shop.exec(sql.replace('ROLE', shop.role).replace('SCHEMA', await schemaOf(shop)))
    await using gate = await openGate(approving(shop.options))
    const { verdicts } = await writeShop(gate, shop.policy, ["insert into notes (text) values ('x')"])
    expect(verdicts).toEqual(['CONFIG_DB_UNFIT at perform'])
  })
})
