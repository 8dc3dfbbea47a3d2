import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { askShop, openShop, READ, shopPolicy, type Shop } from '../capabilities/db/shops.ts'
import { openGate } from '../harness/gate.ts'

/** Fails where a row of the name exists, if the engine looks at that row at all. */
const fails = (name: string, column = 'name'): string =>
  `select id from customers where case when ${column} = '${name}' then abs(-9223372036854775807 - 1) else 1 end`

const ENTRY = { functions: ['abs', 'count', 'max'] }

/** A filter that the engine finds dearer than a comparison, so that it would look at other conditions first. */
const DEAR = "tenant = (select 'alpha' where customers.id > 0)"

const ask = async (shop: Shop, statements: readonly string[], where: string = READ.customers.where) => {
  await using gate = await openGate()
  const read = { ...READ, customers: { ...READ.customers, where } }
  return (await askShop(gate, shopPolicy(shop, { ...ENTRY, read }), statements)).verdicts
}

it('H35: a condition that fails on a hidden row never sees it', async () => {
  using shop = openShop()
  const verdicts = await ask(shop, [
    fails('ada'),
    fails('bob'),
    fails('nobody'),
    `select max(case when name = 'bob' then abs(-9223372036854775807 - 1) end) from customers`,
    `select 1 from orders o join customers c on case when c.name = 'bob' then abs(-9223372036854775807 - 1) else 1 end where o.id = 1`,
  ])
  expect(verdicts).toEqual(['GUEST_SQL at perform', [[1], [3]], [[1], [3]], [[null]], [[1], [1]]])
})

it('H35: nor where the filter is dearer than the condition', async () => {
  using shop = openShop()
  expect(await ask(shop, [fails('ada'), fails('bob')], DEAR)).toEqual(['GUEST_SQL at perform', [[1], [3]]])
})

it('H35: a masked column is NULL under every name, and in every clause', async () => {
  using shop = openShop()
  const verdicts = await ask(shop, [
    "select id from customers where email = 'ada@a.test'",
    fails('ada@a.test', 'email'),
    'select max(email) from customers',
    'select email from customers group by email having email is not null',
    'select (select c.email from customers c where c.id = o.customer_id) from orders o where o.id = 1',
    'with recursive r (e) as (select email from customers union select e from r) select e from r',
  ])
  expect(verdicts).toEqual([[], [[1], [3]], [[null]], [], [[null]], [[null]]])
})

it('H35: a view without the barrier lets the condition look at hidden rows', () => {
  using shop = openShop()
  const database = new DatabaseSync(shop.file)
  const view = `select id, name from customers where ${DEAR}`
  database.exec(`create temp view seen as ${view}; create temp view barred as ${view} limit -1`)
  const look = (view: string): unknown => {
    try {
      return database.prepare(fails('bob').replace('customers', view)).all().length
    } catch (error) {
      return (error as Error).message
    }
  }
  expect([look('seen'), look('barred')]).toEqual(['integer overflow', 2])
  database.close()
})
