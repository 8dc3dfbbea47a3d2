import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { askShop, openShop, shopPolicy } from '../capabilities/db/shops.ts'
import { openGate } from '../harness/gate.ts'

const STACKED = [
  'select 1; delete from orders',
  'select 1;delete from orders;',
  'select 1; select 2',
  "select ';'; delete from orders",
  "select '--'; delete from orders",
  'select "id;" from orders; delete from orders',
  'select 1 /* ; */ ; delete from orders',
  'select 1; /* hidden */ delete from orders',
  'select 1; -- hidden\ndelete from orders',
  'select 1;;;; delete from orders',
  'select 1;\v delete from orders',
  'select 1;\u00a0delete from orders',
  'select $$;$$; delete from orders',
  'values (1); delete from orders',
]

it('H33: what follows the first statement is an error, and nothing of it happens', async () => {
  using shop = openShop()
  await using gate = await openGate()
  const before = shop.snapshot()
  const { verdicts } = await askShop(gate, shopPolicy(shop), STACKED)
  for (const [at, verdict] of verdicts.entries())
    expect([STACKED[at], verdict]).toEqual([
      STACKED[at],
      expect.stringMatching(/^(?:DENIED_STATEMENT|DENIED_NAME|GUEST_SQL) at perform$/u),
    ])
  expect(shop.snapshot()).toEqual(before)
})

it('H33: the engine alone would drop such a tail in silence, or do it', () => {
  using shop = openShop()
  const database = new DatabaseSync(shop.file)
  expect(database.prepare(STACKED[0] ?? '').all()).toHaveLength(1)
  database.exec(STACKED[0] ?? '')
  expect(database.prepare('select * from orders').all()).toEqual([])
  database.close()
})
