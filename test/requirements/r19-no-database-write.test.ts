import { expect, it } from 'vitest'
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

it.each([
  { db_write: true },
  { db: { shop: { engine: 'sqlite', file: './shop.db', read: { orders: '*' } } } },
])('R19: a grant on a database, which this version could not bound, is refused: %j', async (permissions) => {
  await using gate = await openGateOf({})
  await expect(gate.run({ code: WRITE, policy: { permissions } })).rejects.toMatchObject({
    code: 'CONFIG_NOT_BUILT',
  })
})
