import { afterAll, beforeAll, expect, it } from 'vitest'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { serveShop } from './served-shops.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const PROGRAM = `
  const told = []
  for (const { caveats, sql } of input) {
    const weak = caveats.reduce((handle, one) => handle.only(one), db.shop)
    told.push(await weak.query(sql).then((rows) => rows.map((row) => Object.values(row)), ({ code, gate }) => code + ' at ' + gate))
  }
  return [told, (await db.shop.only({ tables: 'orders' }).schema()).tables.map(({ name }) => name)]`

const ORDERS = [{ tables: ['orders'] }]
const NAME = 'DENIED_NAME at perform'

it('only() leaves the tables that are named, and lowers the rows, on a server as well', async ({ skip }) => {
  needPostgres(skip)
  const shop = await serveShop(server)
  await using gate = await openGate(shop.options)
  const asked: readonly (readonly [object[], string, unknown])[] = [
    [ORDERS, 'select id from orders order by id', [[1], [2], [3]]],
    [ORDERS, 'select name from customers', NAME],
    [ORDERS, 'select count(*) from orders natural join customers', NAME],
    [ORDERS, 'with c as (select * from customers) select 1', NAME],
    [ORDERS, 'with customers as (select 1 as a) select a from customers', [[1]]],
    [[...ORDERS, { tables: ['customers'] }], 'select id from orders', NAME],
    [[{ rows: 2 }], 'select id from orders order by id', 'LIMIT_ROWS at perform'],
    [[{ rows: 2 }], 'select id from orders order by id limit 2', [[1], [2]]],
    [[], 'select name from customers order by id', [['ada'], ['eve']]],
  ]
  const input = asked.map(([caveats, sql]) => ({ caveats, sql }))
  const { value } = await gate.run({ code: PROGRAM, policy: shop.policy, input, principal: 'alpha' })
  expect(value).toEqual([asked.map(([, , told]) => told), ['orders']])
})
