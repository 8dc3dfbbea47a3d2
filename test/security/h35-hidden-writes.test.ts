import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { askShop, openShop, shopPolicy, writePolicy, writeShop } from '../capabilities/db/shops.ts'
import { weakPower, withoutJudging } from '../capabilities/db/weak-power.ts'
import { openGate } from '../harness/gate.ts'
import { openGateOf, withGrant } from '../run/gates.ts'

const WRITES = [
  'with x as (select 1) delete from orders',
  'with x as (select 1) update orders set total = 0',
  'with x as (select 1) insert into orders values (9, 9, 9)',
  'with x as (select 1) replace into orders values (1, 1, 1)',
  'with x as (select 1) delete from orders returning id',
  'with x as (select 1) insert into orders values (1, 1, 1) on conflict do update set total = 0',
  'with recursive x as (select 1) update orders set total = 0 from x',
  'explain delete from orders',
  'delete from orders',
  'update orders set total = 0',
  'insert into orders select * from orders',
]

it('H35: a write in the clothes of a read changes no row', async () => {
  using shop = openShop('CREATE TRIGGER echo AFTER UPDATE ON orders BEGIN DELETE FROM secrets; END;')
  await using gate = await openGate()
  const before = shop.snapshot()
  const { verdicts } = await askShop(gate, shopPolicy(shop), WRITES)
  expect(new Set(verdicts)).toEqual(new Set(['DENIED_STATEMENT at perform', 'DENIED_STATEMENT at authorize']))
  expect(shop.snapshot()).toEqual(before)
})

it('H35: the first of them does its work where nobody judges it', () => {
  using shop = openShop()
  shop.exec(WRITES[0] ?? '')
  const database = new DatabaseSync(shop.file)
  expect(database.prepare('select * from orders').all()).toEqual([])
  database.close()
})

const SIDE_EFFECTS = [
  "insert into notes (text) values ('x')",
  'update orders set total = 1',
  'insert or replace into orders values (1, 1, 1)',
  'delete from orders where id = 3',
  'with x as (select 1) delete from notes',
  'with x as (select 1) delete from customers',
]
const SPREADING = `
  CREATE TABLE audit (text TEXT);
  CREATE TRIGGER on_insert AFTER INSERT ON notes BEGIN INSERT INTO audit VALUES (NEW.text); END;
  CREATE TRIGGER on_update AFTER UPDATE ON orders BEGIN UPDATE secrets SET value = NEW.total; END;
  CREATE TRIGGER on_delete BEFORE DELETE ON orders BEGIN DELETE FROM secrets; END;
`
const GRANT = { write: { notes: ['insert'], orders: ['update', 'insert', 'delete'] } }

it('H35: a write that is granted changes no row of a table that is not, by trigger or by foreign key', async () => {
  using shop = openShop(SPREADING)
  await using gate = await openGate({ approve: () => true })
  const before = shop.snapshot()
  const { verdicts } = await writeShop(gate, writePolicy(shop, GRANT), SIDE_EFFECTS)
  for (const verdict of verdicts) expect(verdict).toMatch(/^DENIED_(?:STATEMENT|NAME) at perform$/)
  expect(shop.snapshot()).toEqual(before)
})

it('H35: it changes them where the database does whatever it is told', async () => {
  using shop = openShop(SPREADING)
  await using gate = await openGateOf({ approve: () => true, powers: { db: weakPower() } })
  await writeShop(gate, writePolicy(shop, GRANT), SIDE_EFFECTS)
  expect(shop.rows('select count(*) from secrets')).toEqual([[0]])
  expect(shop.rows('select text from audit')).toEqual([['x']])
})

it('H35: what was judged by its words is refused where the engine finds another thing', async () => {
  using shop = openShop()
  // A judgement that takes every statement for an INSERT.
  await using gate = await openGateOf(
    { approve: () => true },
    withGrant('db', (grant) => withoutJudging(grant, 'insert into x values (1)')),
  )
  const before = shop.snapshot()
  const { verdicts } = await writeShop(gate, writePolicy(shop), [
    'with x as (select 1) delete from orders',
    'delete from orders',
    'update orders set total = 0',
    'replace into orders values (1, 1, 1)',
    'insert or replace into orders values (1, 1, 1)',
    "update or replace notes set text = 'bad'",
  ])
  expect(new Set(verdicts)).toEqual(new Set(['DENIED_STATEMENT at perform']))
  expect(shop.snapshot()).toEqual(before)
})
