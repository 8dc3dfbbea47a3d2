import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { checkout } from '../../../harness/command-line.ts'
import { openGate } from '../../../harness/gate.ts'
import { needPostgres, startPostgres } from '../../../harness/postgres.ts'
import { statementsFor } from './served-shops.ts'

const example = join(checkout, 'examples/orders')

const SHOP = `
  CREATE TABLE customers (id integer PRIMARY KEY, name text, email text, tenant text);
  INSERT INTO customers VALUES (1, 'ada', 'ada@example.com', 'north'), (2, 'bob', 'bob@example.com', 'south');
  CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer, total double precision);
  INSERT INTO orders VALUES (1, 1, 9.5);
  CREATE TABLE cards (id integer PRIMARY KEY, number text);
  INSERT INTO cards VALUES (1, '4111')`

it('the tool and the policy of the example orders do on PostgreSQL what they do on SQLite', async ({
  skip,
}) => {
  needPostgres(skip)
  await using server = await startPostgres()
  const written = parse(readFileSync(join(example, 'policy.yaml'), 'utf8')) as {
    permissions: { db: { shop: object } }
  }
  const { file: _file, ...entry } = written.permissions.db.shop as { file: string }
  const shop = { ...entry, engine: 'postgres', url: 'secret:shop_url', role: 'orders_agent' }
  const secrets = { shop_url: { from: 'env:SHOP_URL' } }
  const policy = { ...written, permissions: { ...written.permissions, db: { shop } }, secrets }
  for (const sql of [SHOP, ...statementsFor(policy), "ALTER ROLE orders_agent PASSWORD 'p-orders-1c52'"])
    await server.exec(sql)

  const env = { SHOP_URL: server.url('postgres', 'orders_agent', 'p-orders-1c52') }
  let willApprove = true
  await using gate = await openGate({ approve: () => willApprove, powers: { env } })
  const add = (id: number) =>
    gate.run({
      file: join(example, 'tool.ts'),
      input: { id, customer: 'ada', total: 20 },
      policy,
      principal: 'north',
    })
  const orders = () => server.exec('select id from orders order by id')

  expect(await add(2)).toMatchObject({
    status: 'done',
    value: { customers: [{ name: 'ada', email: null }], denied: 'DENIED_NAME', added: 1, orders: 2 },
  })
  expect(await orders()).toEqual([[1], [2]])
  willApprove = false
  expect(await add(3)).toMatchObject({ status: 'failed', error: { code: 'APPROVAL_DENIED' } })
  expect(await orders()).toEqual([[1], [2]])
})
