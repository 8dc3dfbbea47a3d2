import { expect, it } from 'vitest'
import { openShop, writePolicy, writeShop } from '../capabilities/db/shops.ts'
import { weakPower, withoutJudging } from '../capabilities/db/weak-power.ts'
import { openGateOf, withGrant, type Replace } from '../run/gates.ts'
import type { TollgateOptions } from '../../src/index.ts'

/** Each would end, part or change the transaction of the run, its role or its settings. */
const STATEMENTS = [
  'commit',
  'commit transaction',
  'end',
  'rollback',
  'begin',
  'begin immediate',
  'savepoint a',
  'release statement',
  'rollback to statement',
  'set transaction read write',
  'set role admin',
  'reset all',
  "select set_config('a', 'b', true)",
  'prepare x as delete from orders',
  'execute x',
  'do $$ begin end $$',
  'listen x',
  'notify x',
  'select pg_advisory_lock(1)',
  'pragma query_only = off',
  'pragma journal_mode = off',
  'pragma locking_mode = exclusive',
  'update orders set total = 1; commit',
  'update or rollback orders set id = 1',
]

const attack = async (options: TollgateOptions, replace?: Replace, statements = STATEMENTS) => {
  using shop = openShop()
  await using gate = await openGateOf({ approve: () => true, ...options }, replace)
  const written = 'update orders set total = 0'
  const code = `await db.shop.execute('${written}'); for (const sql of input) try { await db.shop.execute(sql) } catch {} throw new Error('no')`
  const { status } = await gate.run({ code, input: statements, policy: writePolicy(shop) })
  const totals = shop.rows('select total from orders where id = 1')
  const { verdicts } = await writeShop(gate, writePolicy(shop), [written, ...statements])
  return { status, totals, verdicts: verdicts.slice(1) }
}

it('H34: no statement of the guest ends the transaction of its run, or changes a setting', async () => {
  const { status, totals, verdicts } = await attack({})
  expect([status, totals]).toEqual(['failed', [[9.5]]])
  for (const verdict of verdicts)
    expect(verdict).toMatch(/^DENIED_(?:STATEMENT|NAME) at (?:authorize|perform)$/)
})

it('H34: the engine refuses them by itself, where nobody looks at their words', async () => {
  const { status, totals } = await attack({}, withGrant('db', withoutJudging))
  expect([status, totals]).toEqual(['failed', [[9.5]]])
})

it('H34: the first of them keeps what a failing run wrote, where a database does whatever it is told', async () => {
  const { status, totals } = await attack(
    { powers: { db: weakPower() } },
    withGrant('db', withoutJudging),
    STATEMENTS.slice(0, 1),
  )
  expect([status, totals]).toEqual(['failed', [[0]]])
})
