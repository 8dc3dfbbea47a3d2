import { expect, it } from 'vitest'
import { askShop, openShop, shopPolicy } from '../capabilities/db/shops.ts'
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

it.each([
  { db_write: true },
  { db: { shop: { engine: 'sqlite', file: './shop.db', write: { orders: ['insert'] } } } },
])('R19: a grant to write, which this version could not bound, is refused: %j', async (permissions) => {
  await using gate = await openGateOf({})
  await expect(gate.run({ code: WRITE, policy: { permissions } })).rejects.toMatchObject({
    code: 'CONFIG_NOT_BUILT',
  })
})
