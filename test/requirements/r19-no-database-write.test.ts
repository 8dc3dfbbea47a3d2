import { expect, it } from 'vitest'
import { askShop, openShop, shopPolicy, writePolicy } from '../capabilities/db/shops.ts'
import { openGateOf } from '../run/gates.ts'

const WRITE = `const attempts = {
    capability: () => capabilities.db.query('delete from orders'),
    named: () => capabilities.db.shop.execute('delete from orders'),
    sqlite: () => import('node:sqlite'),
    process: () => process.getBuiltinModule('node:sqlite'),
  }
  const outcomes = {}
  for (const [name, attempt] of Object.entries(attempts)) {
    try { await attempt(); outcomes[name] = 'written' } catch { outcomes[name] = 'nothing' }
  }
  return outcomes`

it.each([{}, { permissions: { db_write: false } }, { permissions: { db: null, db_write: false } }])(
  'R19: db_write false leaves no way to write to a database: %j',
  async (policy) => {
    await using gate = await openGateOf({})
    const { value } = await gate.run({ code: WRITE, policy })
    expect(new Set(Object.values(value as object))).toEqual(new Set(['nothing']))
  },
)

it('R19: a granted database is read, and neither its rows nor its file can be written', async () => {
  using shop = openShop()
  await using gate = await openGateOf({})
  const before = shop.snapshot()
  const { verdicts } = await askShop(gate, shopPolicy(shop), [
    'select count(*) from orders',
    'delete from orders',
    'with x as (select 1) delete from orders',
  ])
  expect(verdicts).toEqual([[[3]], 'DENIED_STATEMENT at authorize', 'DENIED_STATEMENT at perform'])
  const { value } = await gate.run({ code: WRITE, policy: shopPolicy(shop) })
  expect(new Set(Object.values(value as object))).toEqual(new Set(['nothing']))
  expect(shop.snapshot()).toEqual(before)
})

it.each([{}, { db_write: false }, { db_write: null }])(
  'R19: a grant to write is none without db_write: %j',
  async (more) => {
    using shop = openShop()
    await using gate = await openGateOf({ approve: () => true })
    const before = shop.snapshot()
    const { permissions } = shopPolicy(shop, { write: { orders: ['insert', 'update', 'delete'] } }) as {
      permissions: object
    }
    const { value } = await gate.run({ code: WRITE, policy: { permissions: { ...permissions, ...more } } })
    expect(new Set(Object.values(value as object))).toEqual(new Set(['nothing']))
    expect(shop.snapshot()).toEqual(before)
  },
)

it('R19: with db_write, it is one', async () => {
  using shop = openShop()
  await using gate = await openGateOf({ approve: () => true })
  const { value } = await gate.run({ code: WRITE, policy: writePolicy(shop) })
  expect(value).toMatchObject({ capability: 'nothing', named: 'written' })
  expect(shop.rows('select * from orders')).toEqual([])
})
