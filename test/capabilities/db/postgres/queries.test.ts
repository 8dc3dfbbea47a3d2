import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { askShop } from '../shops.ts'
import { serveShop } from './served-shops.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

describe('query', () => {
  it('answers with rows: shown columns, masked ones as NULL, filtered rows, parameters bound', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const { verdicts, texts } = await askShop(gate, shop.policy, [
      'select * from customers order by id',
      'select id, total from orders where total > 10',
      { sql: 'select total from orders where id = ?', params: [1] },
      { sql: 'select total from orders where id = :id', params: { id: 2 } },
      { sql: 'select total from orders where id = $1', params: [3] },
      { sql: "select ? || ''", params: ["'; drop table orders; --"] },
      'select c.name, sum(o.total) from customers c join orders o on o.customer_id = c.id group by c.name',
    ])
    expect(texts).toEqual([])
    expect(verdicts).toEqual([
      [
        [1, 'ada', null],
        [3, 'eve', null],
      ],
      [
        [2, 20],
        [3, 30.25],
      ],
      [[9.5]],
      [[20]],
      [[30.25]],
      [["'; drop table orders; --"]],
      [['ada', 29.5]],
    ])
  })
})
