import { attempting, refused, refusedInTurn, type Attempt, type Attempts } from './attempts.ts'
import { ALWAYS, endedBy, endOf, holds, isDone, returned, seconds, stoppedBy } from './checks.ts'
import type { AttackCase, Check, Evidence, World } from './evidence.ts'

const LIMITS = { max_tool_calls: 300, max_duration_seconds: 30, max_cpu_seconds: 30, max_memory_mb: 128 }

/** Orders as a whole, customers of one tenant without their hidden columns. */
const READ = {
  orders: '*',
  customers: { show: ['id', 'name', 'card'], mask: ['email'], where: "tenant = 'alpha'" },
}
const FUNCTIONS = ['abs', 'count', 'group_concat', 'lower', 'max', 'printf']

const policyOf =
  (entry: object = {}, isWritten = false) =>
  ({ database }: World): object => ({
    permissions: {
      tools: { report: {} },
      db: { shop: { engine: 'sqlite', file: database, read: READ, functions: FUNCTIONS, ...entry } },
      db_write: isWritten,
    },
    limits: LIMITS,
  })

const WRITE = {
  read: { ...READ, notes: '*', people: { show: ['id', 'name'], mask: ['email'] } },
  write: {
    orders: ['insert', 'update'],
    customers: ['insert', 'update'],
    notes: ['insert', 'update'],
    people: ['insert', 'update'],
  },
}

const asking = (all: readonly string[]): Attempt[] => all.map((sql) => ['query', sql])
const writing = (all: readonly string[]): Attempt[] => all.map((sql) => ['execute', sql])
const shop = (attempts: Omit<Attempts, 'at'>) => attempting({ at: 'db.shop', ...attempts })

/** It works on, for the same run. */
const COUNT: Attempt = ['query', 'select count(*) as n from orders']
const COUNTED = [{ n: 3 }]

const DENIED = /^(?:DENIED_STATEMENT|DENIED_NAME|GUEST_SQL)$/
const nothing = (): string => 'all refused; nothing was read, and nothing changed'

const database = (
  id: string,
  what: string,
  setup: AttackCase['setup'] & object,
  checks: readonly Check[],
  tell: NonNullable<AttackCase['tell']> = nothing,
): AttackCase => ({ id, group: 'E', what, setup, checks: [...checks, ...ALWAYS], tell })

const STACKED = [
  'select 1; update orders set total = 0',
  'select 1;update orders set total = 0;',
  'select 1; select 2',
  "select ';'; update orders set total = 0",
  'select 1 /* ; */ ; update orders set total = 0',
  'select 1; -- hidden\nupdate orders set total = 0',
  'select 1;;;; update orders set total = 0',
  'select 1;\u00a0update orders set total = 0',
  'select $$;$$; update orders set total = 0',
  'update orders set total = 1; update orders set total = 0',
  'insert into orders (id) values (7); update orders set total = 0',
]

const ENDING = [
  'commit',
  'end',
  'rollback',
  'begin immediate',
  'savepoint a',
  'release statement',
  'set role admin',
  'reset all',
  "select set_config('a', 'b', true)",
  'prepare x as delete from orders',
  'do $$ begin end $$',
  'listen x',
  'pragma query_only = off',
  'pragma journal_mode = off',
  'update orders set total = 1; commit',
  'update or rollback orders set id = 1',
]

const statements: readonly AttackCase[] = [
  database(
    'H33',
    'stack statements, behind comments and quotes',
    {
      policy: policyOf(WRITE, true),
      runs: () => [shop({ refused: [...asking(STACKED), ...writing(STACKED)], last: [COUNT] })],
    },
    [isDone, refused('db', 2 * STACKED.length, DENIED), returned([COUNTED])],
  ),
  database(
    'H34',
    'end the transaction of a run that fails, and settings',
    {
      policy: policyOf(WRITE, true),
      runs: () => [
        shop({
          first: writing(['update orders set total = 0']),
          refused: writing(ENDING),
          last: [COUNT],
          fails: true,
        }),
      ],
    },
    [endedBy('GUEST_THREW'), refused('db', ENDING.length, DENIED)],
    () => 'all refused; what the run had written is not there',
  ),
]

/** Fails where a row of the name exists, if the engine looks at that row at all. */
const failsFor = (name: string): string =>
  `select id from customers where case when name = '${name}' then abs(-9223372036854775807 - 1) else 1 end`

const HIDDEN = [
  'select ssn from customers',
  'select c.tenant from customers c',
  "select id from customers where ssn like 'p%'",
  'select name from customers order by ssn',
  'select * from secrets',
  'select value from main.secrets',
  'select value from temp.secrets',
  'select * from peek',
  'select 1 from orders join secrets',
  'with s as (select * from secrets) select * from s',
  'with recursive r (v) as (select value from secrets union select v from r) select v from r',
  'select sql from sqlite_schema',
  "select * from pragma_table_info('secrets')",
  'select rowid, * from main.customers',
]
const SHOWN: readonly (readonly [sql: string, rows: readonly object[]])[] = [
  [failsFor('bob'), [{ id: 1 }, { id: 3 }]],
  ['select card from customers', [{ card: 'card-1' }, { card: 'card-3' }]],
  ['select max(email) as email from customers', [{ email: null }]],
  ['select id from customers where email is not null', []],
  ['select count(*) as n from orders o join customers c on c.id = o.customer_id', [{ n: 2 }]],
]

const UNGRANTED = [
  'delete from orders where id = 1',
  'with x as (select 1) delete from orders',
  'explain update orders set total = 0',
  "insert into notes (text) values ('x')",
  "update notes set text = 'x'",
  "update secrets set value = 'x'",
  'with x as (select 1) update secrets set value = 1',
  "insert into customers (id, name) values (9, 'x')",
  "insert into customers (id, name, tenant) values (9, 'x', 'alpha')",
  "update people set name = 'x' returning *",
  "update people set name = 'x' returning email",
  "insert into people (id) values ('p') on conflict (id) do update set name = excluded.email returning name",
  "insert into people (rowid, id) values (70, 'x')",
  "insert into people values ('q', 'x', 'written')",
  "update people set rowid = 70 where id = 'p'",
  'insert into orders (id, total) select 9, value from secrets',
]

const hidden: readonly AttackCase[] = [
  database(
    'H35',
    'read hidden tables, columns and rows',
    {
      policy: policyOf(),
      runs: () => [shop({ refused: asking(HIDDEN), last: asking(SHOWN.map(([sql]) => sql)) })],
    },
    [isDone, refused('db', HIDDEN.length, DENIED), returned(SHOWN.map(([, rows]) => rows))],
  ),
  database(
    'H35',
    'write what is not granted, by trigger, RETURNING, rowid',
    {
      policy: policyOf(WRITE, true),
      runs: () => [shop({ refused: [...writing(UNGRANTED), ...asking(UNGRANTED)], last: [COUNT] })],
    },
    [
      isDone,
      refused('db', 2 * UNGRANTED.length, /^(?:DENIED_STATEMENT|DENIED_NAME|GUEST_SQL|APPROVAL_DENIED)$/),
      returned([COUNTED]),
    ],
  ),
]

const escaping = ({ beside, database: file }: World): readonly string[] => [
  `vacuum into '${beside}/vacuumed.db'`,
  `vacuum main into '${beside}/vacuumed.db'`,
  `attach '${beside}/attached.db' as x`,
  `attach '${file}' as x`,
  `attach 'file:${beside}/uri.db?mode=rwc' as x`,
  'create temp table x as select 1',
  'create temp trigger x after update on orders begin select 1; end',
  'pragma writable_schema = on',
  'pragma user_version = 9',
  'pragma journal_mode = wal',
  `pragma temp_store_directory = '${beside}'`,
  "select load_extension('x')",
  "select fts3_tokenizer('simple', x'00')",
  `select writefile('${beside}/written', 'x')`,
  `select readfile('${beside}/secret.csv')`,
  'select * from pragma_database_list',
  'reindex',
  'analyze',
]
const ESCAPES = 18

const COUNTING = 'with recursive r (n) as (values (1) union all select n + 1 from r)'
const TIMEOUT_MS = 1_000
/** What the process of a database takes to start, and what the other statements take. */
const BESIDE_MS_MAX = 3_000
const HEAVY = [
  `${COUNTING} select n from r limit 10000000`,
  `${COUNTING} select printf('%1000000c', 'x') from r`,
  "select printf('%200000000c', 'x')",
  `${COUNTING} select count(*) from r`,
]

const CUT_OFF = ['LIMIT_ROWS', 'LIMIT_RESPONSE_SIZE', 'LIMIT_RESPONSE_SIZE', 'UPSTREAM_TIMEOUT']

const HOSTILE_TEXTS = [
  "' or '1'='1",
  "'; delete from orders; --",
  'a" or 1=1',
  'a\0b',
  '%',
  '$.a[0]',
  '\u202e',
  'x'.repeat(10_000),
]
const pasted = (text: string): string => `select name from customers where name = '${text}'`
const INJECTED: readonly Attempt[] = [
  ['query', pasted("' union select value from secrets --")],
  ['query', pasted("' union select ssn from customers --")],
  ['query', pasted("'; update orders set total = 0; --")],
  ['query', 'select 1 from "orders"" where 1"'],
  ['query', 'select 1 from [secrets]'],
  ['query', 'select 1 from "main"."secrets"'],
  ['query', 'select :a', { 'a; drop': 1 }],
]
const bound = (text: string): Attempt[] => [
  ['query', 'select ? as given', [text]],
  ['query', 'select id from customers where name = :name', { name: text }],
]

const reaching: readonly AttackCase[] = [
  database(
    'H37',
    'make files, load code and change settings by SQL',
    {
      policy: policyOf(),
      runs: (world) => [shop({ refused: asking(escaping(world)), last: [COUNT] })],
    },
    [isDone, refused('db', ESCAPES, DENIED), returned([COUNTED])],
  ),
  database(
    'H38',
    'ask for too many rows, too large a cell, and without end',
    {
      policy: policyOf({ timeout_seconds: TIMEOUT_MS / 1000 }),
      runs: () => [shop({ refused: asking(HEAVY), last: [COUNT] })],
      patienceMs: 10_000,
    },
    [
      isDone,
      // On a busy machine the time of a statement may be over before its rows are too many.
      { ...refusedInTurn('db', CUT_OFF), isTiming: true },
      stoppedBy(TIMEOUT_MS + BESIDE_MS_MAX),
      returned([COUNTED]),
    ],
    (seen) => `each cut off; answered again after ${seconds(seen.tookMs)}`,
  ),
  database(
    'H39',
    'inject by parameters and by names',
    {
      policy: policyOf(),
      runs: () => [shop({ refused: INJECTED, last: HOSTILE_TEXTS.flatMap(bound) })],
    },
    [
      isDone,
      refused('db', INJECTED.length, /^(?:DENIED_STATEMENT|DENIED_NAME|GUEST_SQL|GUEST_ARGUMENTS)$/),
      returned(HOSTILE_TEXTS.flatMap((given) => [[{ given }], []])),
    ],
    () => 'a parameter is a value, whatever is in it',
  ),
]

const LEFT_OPEN = ['begin exclusive', "attach ':memory:' as main2"]
const POISON = [
  'create temp table orders as select 666 as id',
  "create temp view customers as select 1 as id, 'mallory' as name",
  'pragma case_sensitive_like = on',
  'pragma query_only = on',
  ...LEFT_OPEN,
]
const LOOK = asking(['select count(*) as n from orders', 'select name from customers order by id'])
const LOOKED = [COUNTED, [{ name: 'ada' }, { name: 'eve' }]]

const endings = ({ results }: Evidence): string => results.map(endOf).join(', ')

/** E. Databases: H33 to H35 and H37 to H40, on SQLite. */
export const DATABASE_CASES: readonly AttackCase[] = [
  ...statements,
  ...hidden,
  ...reaching,
  database(
    'H40',
    'leave something behind for the next principal',
    {
      policy: policyOf(WRITE, true),
      runs: () => [
        shop({
          first: writing(['update orders set total = 0']),
          refused: writing(LEFT_OPEN),
          fails: true,
        }),
        shop({ refused: asking(POISON) }),
        { ...shop({ refused: [], last: LOOK }), isOfAnother: true },
      ],
    },
    [
      holds('the runs did not end as they should', (seen) => endings(seen) === 'GUEST_THREW, done, done'),
      refused('db', LEFT_OPEN.length + POISON.length, DENIED),
      returned(LOOKED),
    ],
    () => 'the next one finds the database as it was, and no lock',
  ),
]
