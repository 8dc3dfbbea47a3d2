import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { askShop } from '../shops.ts'
import { serveShop } from './served-shops.ts'
import { HARMLESS, REFUSED } from './statements.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

describe('statements of every kind', () => {
  it('are refused by code and gate, and change no row, file or setting', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const before = await shop.snapshot()
    const statements = REFUSED.map(([sql]) => sql)
    const { verdicts } = await askShop(gate, shop.policy, statements)
    expect(REFUSED.map(([sql], at) => [sql, verdicts[at]])).toEqual(REFUSED)
    expect(await shop.snapshot()).toEqual(before)
    expect(REFUSED.length).toBeGreaterThan(150)
  })

  it('that only read what is granted are answered, before and after', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const statements = HARMLESS.map(([sql]) => sql)
    const { verdicts } = await askShop(gate, shop.policy, [
      ...statements,
      'delete from orders',
      ...statements,
    ])
    const answers = HARMLESS.map(([, rows]) => rows)
    expect(verdicts).toEqual([...answers, 'DENIED_STATEMENT at authorize', ...answers])
  })

  it('that name hidden things are told apart from ones that name nothing by no word', async ({ skip }) => {
    needPostgres(skip)
    const shop = await serveShop(server)
    await using gate = await openGate(shop.options)
    const ask = async (name: string, column: string): Promise<readonly string[]> => {
      const { texts, result } = await askShop(gate, shop.policy, [
        `select * from ${name}`,
        `select ${column} from ${name}`,
        `select count(*) from ${name}`,
        `select * from public.${name}`,
        `select id from ${name}, orders`,
        `select ${column} from customers`,
        `select c.${column} from customers c`,
        `select (c).${column} from customers c`,
        `select ${name}.id from orders`,
        `select ${name} from orders`,
        `select '${name}'::regclass`,
        `select ('x').${name}`,
        `select ('{}')._${name}`,
        `select (o.id).${name} from orders o`,
        `select g.${name} from generate_series(1, 1) as g`,
        `with ${name} as (select 1 as a) select count(*) from ${name}`,
        `with ${name} (${column}) as (select 1) select ${column}, count(*) from ${name}, orders group by 1`,
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
