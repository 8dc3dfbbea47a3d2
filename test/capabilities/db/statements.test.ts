import { describe, expect, it } from 'vitest'
import { openGate } from '../../harness/gate.ts'
import { askShop, openShop, shopPolicy } from './shops.ts'
import { HARMLESS, REFUSED } from './statements.ts'

describe('statements of every kind', () => {
  it('are refused by code and gate, and change no row, file or setting', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const before = shop.snapshot()
    const { verdicts } = await askShop(
      gate,
      shopPolicy(shop),
      REFUSED.map(([sql]) => sql),
    )
    expect(REFUSED.map(([sql], at) => [sql, verdicts[at]])).toEqual(REFUSED)
    expect(shop.snapshot()).toEqual(before)
    expect(REFUSED.length).toBeGreaterThan(50)
  })

  it('that only read what is granted are answered, before and after', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const before = shop.snapshot()
    const statements = HARMLESS.map(([sql]) => sql)
    const { verdicts } = await askShop(gate, shopPolicy(shop), [
      ...statements,
      'delete from orders',
      ...statements,
    ])
    const answers = HARMLESS.map(([, rows]) => rows)
    expect(verdicts).toEqual([...answers, 'DENIED_STATEMENT at authorize', ...answers])
    expect(shop.snapshot()).toEqual(before)
  })

  it('that name hidden things are told apart from ones that name nothing by no word', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const ask = async (name: string, column: string): Promise<readonly string[]> => {
      const { texts, result } = await askShop(gate, shopPolicy(shop), [
        `select * from ${name}`,
        `select ${column} from ${name}`,
        `select nowhere from ${name}`,
        `select count(*) from ${name}`,
        `select id from ${name}, orders`,
        `select * from ${name} union select 1, 2, 3, 4`,
        `with x as (select 1) delete from ${name}`,
        `select ${column} from customers`,
        `with ${name} as (select 1 as a) select count(*) from ${name}`,
        `with ${name} as (select 1 as a) select a from ${name}`,
        `with ${name} (${column}) as (select 1) select ${column}, count(*) from ${name}, orders`,
        `select count(*) from orders as ${name}`,
        `select ${name}.id from orders as ${name}`,
        `with x as (select count(*) from ${name}) select 1`,
      ])
      const all = [...texts, JSON.stringify(result.value)]
      return all.map((text) => text.replaceAll(name, 'NAME').replaceAll(column, 'COLUMN'))
    }
    expect(await ask('secrets', 'ssn')).toEqual(await ask('phantoms', 'zzz'))
  })
})
