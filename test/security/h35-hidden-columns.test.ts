import { expect, it } from 'vitest'
import { openGate } from '../harness/gate.ts'
import { openGateOf, withGrant } from '../run/gates.ts'
import { openShop, writePolicy, writeShop } from '../capabilities/db/shops.ts'
import { weakPower, withoutJudging } from '../capabilities/db/weak-power.ts'

/** Tables with columns that nobody is granted (`hidden`), or that are masked (`masked`). */
const TABLES = `
  CREATE TABLE numbered (hidden INTEGER PRIMARY KEY, a TEXT);
  INSERT INTO numbered VALUES (7, 'seven');
  CREATE TABLE named (id INTEGER PRIMARY KEY, oid TEXT DEFAULT 'kept', a TEXT);
  CREATE TABLE made (a TEXT, hidden TEXT DEFAULT 'kept', both AS (a || '!'));
  CREATE TABLE stored (a TEXT, masked TEXT DEFAULT 'kept', both AS (a || '!') STORED);
  CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT, masked TEXT DEFAULT 'by default', doubled AS (masked || masked));
  INSERT INTO people (id, name, masked) VALUES ('p', 'pia', 'secret');
  CREATE TABLE guesses (masked TEXT);
  INSERT INTO guesses VALUES ('secret');
  CREATE TABLE closed (masked TEXT);
`

const GRANT = {
  read: {
    numbered: ['a'],
    named: ['id', 'a'],
    made: ['a', 'both'],
    stored: { show: ['a', 'both'], mask: ['masked'] },
    people: { show: ['id', 'name'], mask: ['masked', 'doubled'] },
    guesses: '*',
  },
  write: {
    numbered: ['insert', 'update', 'delete'],
    named: ['insert', 'update'],
    made: ['insert'],
    stored: ['insert'],
    people: ['insert', 'update', 'delete'],
  },
}

const WRITES = [
  "insert into numbered (rowid, a) values (70, 'x')",
  "insert into numbered (_rowid_, a) values (70, 'x')",
  "insert into numbered (rowid, a) values (7, 'x') on conflict do update set a = 'found'",
  "replace into numbered (oid, a) values (7, 'x')",
  'update numbered set rowid = 70',
  "update numbered set a = 'x' where rowid = 7",
  "insert into named (oid, a) values ('written', 'x')",
  "insert into made values ('x', 'written')",
  'insert into made select a, both from made union all select 1, 2',
  "insert into stored values ('x', 'written')",
]

it('H35: no statement writes a column that is not shown, by the other names of a row or by its position', async () => {
  using shop = openShop(TABLES)
  await using gate = await openGate({ approve: () => true })
  const before = shop.snapshot()
  const { verdicts } = await writeShop(gate, writePolicy(shop, GRANT), WRITES)
  for (const verdict of verdicts)
    expect(verdict).toMatch(/^(?:DENIED_NAME|DENIED_STATEMENT|GUEST_SQL) at perform$/u)
  expect(shop.snapshot()).toEqual(before)
})

const TELLING = [
  "update people set name = 'x' returning *",
  "update people set name = 'x' returning masked",
  "update people set name = 'x' returning people.doubled || ''",
  "insert into people (id) values ('q') returning masked",
  'delete from people returning masked',
  "insert into people (id) values ('p') on conflict (id) do update set name = excluded.masked returning name",
  "update people set name = 'x' where masked = 'secret'",
  'update people set name = o.masked from people as o returning name',
  "insert into people (id, name) select 'q', masked from people returning name",
  "insert into people (id) select 'right' from people natural join guesses",
  "insert into people (id) select 'right' from people as p /**/natural\tleft join guesses where guesses.masked is not null",
  'with x as (select masked from people) update people set name = (select masked from x) returning name',
]

it('H35: no statement that writes tells what is masked, by RETURNING or on a conflict', async () => {
  using shop = openShop(TABLES)
  await using gate = await openGate({ approve: () => true })
  const policy = writePolicy(shop, GRANT)
  const { verdicts, texts } = await writeShop(gate, policy, TELLING)
  expect(new Set(verdicts)).toEqual(new Set(['DENIED_NAME at perform']))
  expect(texts.join()).not.toMatch(/secret|by default/u)
  // What is shown can be had.
  const shown = await writeShop(gate, policy, [
    "insert into people (id, name) values ('p', 'x') on conflict (id) do update set name = excluded.name returning id, name",
    'select masked, doubled from people',
    "insert into people (id, name) values ('natural', 'all natural') -- natural",
  ])
  expect(shown.verdicts).toEqual([
    [{ changes: 1, rows: [{ id: 'p', name: 'x' }] }],
    [[null, null]],
    [{ changes: 1 }],
  ])
})

it('H35: both happen where the process of the database does whatever it is told', async () => {
  using shop = openShop(TABLES)
  await using gate = await openGateOf(
    { approve: () => true, powers: { db: weakPower() } },
    withGrant('db', withoutJudging),
  )
  await writeShop(gate, writePolicy(shop, GRANT), [...WRITES, TELLING[5] ?? ''])
  expect(shop.rows('select hidden from numbered where hidden = 70')).toEqual([[70]])
  expect(shop.rows('select oid from named')).toEqual([['written']])
  expect(shop.rows("select count(*) > 0 from made where hidden = 'written'")).toEqual([[1]])
  expect(shop.rows('select masked from stored')).toEqual([['written']])
  expect(shop.rows("select name from people where id = 'p'")).toEqual([['by default']])
})

it('H35: a table that shows no column to write does not fit a grant to write one', async () => {
  using shop = openShop(TABLES)
  await using gate = await openGate({ approve: () => true })
  const entry = { read: { closed: { show: [], mask: ['masked'] } }, write: { closed: ['insert'] } }
  const { verdicts } = await writeShop(gate, writePolicy(shop, entry), [
    "insert into closed values ('written')",
  ])
  expect(verdicts).toEqual(['CONFIG_DB_UNFIT at perform'])
  expect(shop.rows('select * from closed')).toEqual([])
})
