import { expect, it } from 'vitest'
import { askShop, openShop, shopPolicy } from '../capabilities/db/shops.ts'
import { pooledPower, withoutJudging } from '../capabilities/db/weak-power.ts'
import { openGate } from '../harness/gate.ts'
import { openGateOf, withGrant } from '../run/gates.ts'

const POISON = [
  'create temp table orders as select 666 as id',
  'create temp view customers as select * from secrets',
  'begin exclusive',
  'pragma case_sensitive_like = on',
  'pragma query_only = on',
  "attach ':memory:' as main2",
  'with x as (select 1) delete from orders',
]

it('H40: what one principal leaves behind, the next does not find', async () => {
  using shop = openShop()
  await using gate = await openGate()
  const policy = shopPolicy(shop)
  const look = ['select count(*) from orders', 'select name from customers order by id']
  const [first, second] = [
    await askShop(gate, policy, [...POISON, ...look], 'alpha'),
    await askShop(gate, policy, look, 'beta'),
  ]
  expect(first.verdicts.slice(POISON.length)).toEqual([[[3]], [['ada'], ['eve']]])
  expect(second.verdicts).toEqual([[[3]], [['bob']]])
  // Nothing is locked: the owner writes at once.
  shop.exec('insert into orders values (4, 4, 4)')
})

it('H40: two principals at once see each their own rows', async () => {
  using shop = openShop()
  await using gate = await openGate()
  const look = Array.from({ length: 10 }, () => 'select name from customers order by id')
  const asked = ['alpha', 'beta', 'gamma'].map((principal) =>
    askShop(gate, shopPolicy(shop), look, principal),
  )
  const [alpha, beta, gamma] = await Promise.all(asked)
  expect(alpha?.verdicts).toEqual(look.map(() => [['ada'], ['eve']]))
  expect(beta?.verdicts).toEqual(look.map(() => [['bob']]))
  expect(gamma?.verdicts).toEqual(look.map(() => []))
})

it('H40, negative control: in one process for all, the next principal finds what was left', async () => {
  using shop = openShop()
  const db = pooledPower()
  await using gate = await openGateOf({ powers: { db } }, withGrant('db', withoutJudging))
  const policy = shopPolicy(shop)
  const look = ['select count(*) from orders', 'select name from customers order by id']
  await askShop(gate, policy, POISON, 'alpha')
  const { verdicts } = await askShop(gate, policy, look, 'beta')
  db.end()
  expect(verdicts).toEqual([[['1']], 'GUEST_SQL at perform'])
})
