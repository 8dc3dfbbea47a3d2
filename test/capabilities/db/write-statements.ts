/** SQLite statements that write, each with the verdict that it must have under the grant `WRITE` of shops.ts over {@link LINKED}. */

const KIND = 'DENIED_STATEMENT at authorize'
const GRANT = 'DENIED_STATEMENT at perform'
const NAME = 'DENIED_NAME at perform'
const SQL = 'GUEST_SQL at perform'

/** Tables that set others off: triggers and foreign keys, some into what is granted and some beyond. */
export const LINKED = `
  CREATE TABLE log (text TEXT);
  CREATE TABLE silent (id INTEGER PRIMARY KEY, text TEXT);
  CREATE TRIGGER silent_log AFTER INSERT ON silent BEGIN INSERT INTO log VALUES (NEW.text); END;
  CREATE TRIGGER silent_spread AFTER UPDATE ON silent BEGIN UPDATE customers SET name = NEW.text; END;
  CREATE TRIGGER silent_clear AFTER DELETE ON silent BEGIN DELETE FROM notes; END;
  CREATE TABLE quitting (id INTEGER PRIMARY KEY);
  CREATE TRIGGER quitting_ends AFTER INSERT ON quitting BEGIN SELECT RAISE(ROLLBACK, 'no'); END;
  CREATE TABLE peeking (id INTEGER PRIMARY KEY, text TEXT);
  CREATE TRIGGER peeking_reads AFTER INSERT ON peeking BEGIN UPDATE peeking SET text = (SELECT value FROM secrets); END;
  CREATE TABLE taking (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT REPLACE);
  INSERT INTO taking VALUES (1, 'a');
  CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT);
  INSERT INTO parents VALUES (1, 'p'), (2, 'q'), (3, 'r');
  CREATE TABLE kept (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id) ON DELETE CASCADE);
  INSERT INTO kept VALUES (1, 1);
  CREATE TABLE members (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id));
  CREATE TABLE self (id INTEGER PRIMARY KEY, above INTEGER REFERENCES self (id) ON DELETE CASCADE, tenant TEXT);
  INSERT INTO self VALUES (1, NULL, 'alpha'), (2, 1, 'beta'), (3, NULL, 'alpha');
  CREATE VIEW named AS SELECT id, name FROM customers;
  INSERT INTO silent VALUES (1, 'first');
`

/** Grants on them. */
export const LINKED_GRANT = {
  read: {
    silent: '*',
    quitting: '*',
    peeking: '*',
    taking: '*',
    parents: '*',
    members: '*',
    self: { show: ['id', 'above'], where: 'tenant = :principal' },
  },
  write: {
    silent: ['insert', 'update', 'delete'],
    quitting: ['insert'],
    peeking: ['insert', 'update'],
    taking: ['insert'],
    parents: ['insert', 'update', 'delete'],
    members: ['insert'],
    self: ['insert', 'update', 'delete'],
  },
} as const

/** Refused by their words. */
const OTHER_KINDS = [
  'values (1)',
  'with x as (select 1) select * from x',
  'create table x (a)',
  'create temp trigger x after insert on orders begin select 1; end',
  'create trigger x after insert on orders begin delete from secrets; end',
  'drop table orders',
  'alter table orders add column x',
  'create index x on orders (total)',
  "attach '/tmp/tollgate-attached.db' as x",
  "vacuum into '/tmp/tollgate-vacuumed.db'",
  'vacuum',
  'reindex',
  'analyze',
  'pragma user_version = 7',
  'pragma foreign_keys = off',
  'pragma recursive_triggers = off',
  'pragma query_only = off',
  'begin',
  'commit',
  'end',
  'rollback',
  'rollback to statement',
  'savepoint a',
  'release statement',
  'explain delete from orders',
  'update or rollback orders set id = 1',
  "insert or /* */ rollback into notes (text) values ('good')",
  'truncate orders',
  'merge into orders using notes on true when matched then delete',
] as const

/** Statements that write what is not granted, or not so. */
export const REFUSED_WRITES: readonly (readonly [sql: string, verdict: string])[] = [
  ...OTHER_KINDS.map((sql) => [sql, KIND] as const),
  ['insert into cells values (9, 1, 1)', GRANT],
  ["update cells set kind = 'x'", GRANT],
  ['delete from cells', GRANT],
  ['delete from notes', GRANT],
  ['with x as (select 1) delete from notes', GRANT],
  ["replace into notes (id, text) values (1, 'x')", GRANT],
  ["insert or replace into notes (text) values ('good')", GRANT],
  ["update or replace notes set text = 'bad' where id = 1", GRANT],
  ["insert into taking (name) values ('a')", GRANT],
  ['insert into secrets values (1, 2)', NAME],
  ["update secrets set value = ''", NAME],
  ['delete from secrets', NAME],
  ['insert into log values (1)', NAME],
  ['insert into _tollgate_commits values (1, 2, 3)', NAME],
  ['delete from _tollgate_commits', NAME],
  ['update sqlite_schema set sql = null', SQL],
  ['delete from sqlite_schema', SQL],
  ['delete from sqlite_sequence', NAME],
  ['insert into main.orders values (9, 9, 9)', NAME],
  ['delete from temp.orders', NAME],
  ["update notes set hidden = 'x'", NAME],
  ["insert into notes (text, hidden) values ('x', 'y')", NAME],
  ["insert into notes values (9, 1, 'x', 3, 'y')", SQL],
  ["insert into notes values (9, 1, 'x', 3)", NAME],
  ['update notes set text = hidden', NAME],
  ["update notes set stars = 1 where hidden = 'h1'", NAME],
  ['update notes set stars = 1 where id = 1 returning hidden', NAME],
  ['update notes set stars = 1 where id = 1 returning *', NAME],
  ['update orders set total = (select count(*) from secrets)', NAME],
  ['update orders set total = length((select value from secrets))', NAME],
  ['insert into orders (customer_id) select key from secrets', NAME],
  ['update orders set total = s.value from secrets as s', NAME],
  ['update orders set total = random()', NAME],
  ["update customers set email = 'x'", NAME],
  ["insert into customers (name, tenant, email) values ('x', 'alpha', 'y')", NAME],
  ["insert into customers (name, tenant, ssn) values ('x', 'alpha', 'y')", NAME],
  ["insert into customers (name, tenant) values ('x', 'beta')", GRANT],
  ["insert into customers (name) values ('x')", GRANT],
  ['insert into customers default values', GRANT],
  ["update customers set tenant = 'beta' where id = 1", GRANT],
  ['update customers set tenant = null', GRANT],
  ["insert into customers (id, name, tenant) values (2, 'x', 'alpha')", SQL],
  ["replace into customers (id, name, tenant) values (2, 'x', 'alpha')", SQL],
  ['update or replace customers set id = 2 where id = 1', SQL],
  ["update customers set name = 'x' returning id", GRANT],
  ["insert into customers (name, tenant) values ('x', 'alpha') on conflict do nothing", NAME],
  ["insert into notes (text) values ('good')", SQL],
  ["insert into notes (text, stars) values ('x', 6)", SQL],
  ['insert into notes (stars) values (1)', SQL],
  ["insert into notes (text) values ('a'), ('b'), ('good')", SQL],
  ["insert or fail into notes (text) values ('a'), ('good')", SQL],
  ["insert or abort into notes (text) values ('a'), ('good')", SQL],
  ['update orders set total = 0; delete from orders', GRANT],
  ['update orders set total = 0; select 1', GRANT],
  ['with x as (delete from orders returning *) update orders set total = 0', SQL],
  ["insert into silent (text) values ('x')", NAME],
  ["update silent set text = 'x'", NAME],
  ['delete from silent', NAME],
  ["insert into peeking (text) values ('x')", NAME],
  ['delete from parents where id = 1', NAME],
  ['insert into members (customer) values (1)', NAME],
  ['delete from self where id = 1', GRANT],
  ['insert into self (id) values (9)', GRANT],
]

type Written = {
  readonly changes: number
  readonly lastInsertRowid?: number
  readonly rows?: readonly object[]
}

/** Statements that are granted, in the order in which one run sends them, each with what it answers. */
export const GRANTED_WRITES: readonly (readonly [sql: string, written: Written])[] = [
  ['insert into orders (customer_id, total) values (1, 2)', { changes: 1, lastInsertRowid: 4 }],
  ['insert into orders (customer_id, total) values (1, 2), (1, 3)', { changes: 2, lastInsertRowid: 6 }],
  [
    'insert into orders values (9, 2, 3) returning id, total',
    { changes: 1, lastInsertRowid: 9, rows: [{ id: 9, total: 3 }] },
  ],
  [
    'insert into orders (customer_id) select id from customers returning *',
    {
      changes: 2,
      lastInsertRowid: 11,
      rows: [
        { id: 10, customer_id: 1, total: null },
        { id: 11, customer_id: 3, total: null },
      ],
    },
  ],
  [
    'insert into orders (id, total) values (1, 5) on conflict (id) do update set total = excluded.total',
    { changes: 1 },
  ],
  ['insert into orders (id, total) values (1, 6) on conflict do nothing', { changes: 0 }],
  ['insert or ignore into orders (id, total) values (1, 6)', { changes: 0 }],
  ['update orders set total = total + 1 where id in (select order_id from notes)', { changes: 2 }],
  ['with x as (select 9 as id) update orders set total = 0 from x where orders.id = x.id', { changes: 1 }],
  ['replace into orders (id, total) values (2, 8)', { changes: 1, lastInsertRowid: 2 }],
  ['insert or replace into orders (id, total) values (2, 9)', { changes: 1, lastInsertRowid: 2 }],
  ['delete from orders where id > 9', { changes: 2 }],
  [
    'with x as (select 9 as id) delete from orders where id in (select id from x) returning id',
    { changes: 1, rows: [{ id: 9 }] },
  ],
  ["/* a */ insert into notes (text) values ('or replace') -- b", { changes: 1, lastInsertRowid: 3 }],
  [
    "insert into notes (text, stars) values ('x', 1) on conflict (text) do update set stars = 2",
    { changes: 1 },
  ],
  ["update notes set stars = 4 where text like 'x'", { changes: 1 }],
  ["insert into customers (name, tenant) values ('new', 'alpha')", { changes: 1 }],
  ["update customers set name = lower(name) || '!' where id > 0", { changes: 3 }],
  ["update customers set name = 'none' where email is not null", { changes: 0 }],
  ['update customers set name = n.text from notes as n where customers.id = n.id', { changes: 3 }],
  ['update customers set id = id + 10', { changes: 3 }],
  ['delete from customers where id = 13', { changes: 1 }],
]
