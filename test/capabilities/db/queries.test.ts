import { describe, expect, it } from 'vitest'
import { openGate } from '../../harness/gate.ts'
import { askShop, openShop, shopPolicy } from './shops.ts'

describe('a granted database', () => {
  it('answers query with rows: shown columns, masked ones as NULL, filtered rows', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const { verdicts, result } = await askShop(gate, shopPolicy(shop), [
      'select * from customers order by id',
      'select id, total from orders where total > 10',
      { sql: 'select total from orders where id = ?', params: [1] },
      { sql: 'select total from orders where id = :id', params: { id: 2 } },
      'select count(*) from customers',
      'select c.name, sum(o.total) from customers c join orders o on o.customer_id = c.id group by c.name',
    ])
    expect(verdicts, JSON.stringify(result)).toEqual([
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
      [[2]],
      [['ada', 29.5]],
    ])
  })
})
