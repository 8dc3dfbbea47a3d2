import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { askShop, openShop, shopPolicy } from '../capabilities/db/shops.ts'
import { openGate } from '../harness/gate.ts'

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
