import { describe, expect, it } from 'vitest'
import { definePolicy, explainPolicy, policyProblems } from '../../../src/policy.ts'
import { openGate } from '../../harness/gate.ts'
import { askShop, openShop, shopPolicy } from './shops.ts'

const policyOf = (entry: object, rest: object = {}) =>
  definePolicy({ permissions: { db: { shop: { engine: 'sqlite', file: './shop.db', ...entry } } }, ...rest })

const problemsOf = (entry: object): readonly string[] => {
  try {
    policyOf(entry)
    return []
  } catch (error) {
    return policyProblems(error).map(({ code, path }) => `${code} ${path}`)
  }
}

describe('permissions.db', () => {
  it.each<[string, object, string]>([
    ['no file', { file: undefined }, 'file'],
    ['a URI', { file: 'file:x.db?mode=rwc' }, 'file'],
    ['memory', { file: ':memory:' }, 'file'],
    ['a table of the engine', { read: { sqlite_schema: '*' } }, 'read.sqlite_schema'],
    ['a virtual table of the engine', { read: { PRAGMA_table_info: '*' } }, 'read.PRAGMA_table_info'],
    ['a table twice', { read: { orders: '*', Orders: ['id'] } }, 'read.Orders'],
    ['a column shown and masked', { read: { orders: { show: ['id'], mask: ['ID'] } } }, 'read.orders'],
    ['a function that does more than compute', { functions: ['load_extension'] }, 'functions[0]'],
    ['no bound', { max_rows: 0 }, 'max_rows'],
    ['a timeout without end', { timeout_seconds: Infinity }, 'timeout_seconds'],
    ['a filter that binds more', { read: { orders: { where: 'id = :id' } } }, 'read.orders.where'],
    ['a filter with a place', { read: { orders: { where: 'id = ?' } } }, 'read.orders.where'],
    ['a filter that closes its bracket', { read: { orders: { where: '1) or (1' } } }, 'read.orders.where'],
    ['a filter with a second statement', { read: { orders: { where: '1; select 1' } } }, 'read.orders.where'],
    ['a filter with a comment', { read: { orders: { where: '0 -- ' } } }, 'read.orders.where'],
    ['a filter with an open quote', { read: { orders: { where: "name = 'a" } } }, 'read.orders.where'],
  ])('refuses %s', (_, entry, path) => {
    expect(problemsOf(entry)).toEqual([`CONFIG_POLICY_INVALID permissions.db.shop.${path}`])
  })

  it('takes quoted look-alikes in a filter for what they are', () => {
    expect(
      problemsOf({
        read: { orders: { show: ['id'], where: `"a;b" = 'it''s :x -- )' or [c] = :principal` } },
      }),
    ).toEqual([])
  })

  it('grants nothing by absence: no table, no function, no write', () => {
    const policy = policyOf({})
    expect([...policy.grants.keys()]).toEqual(['db'])
    expect(explainPolicy(policy).grants['db']).toEqual([
      'May open the SQLite database shop (./shop.db), and read nothing of it: no table is granted.',
      'Statements on shop may use no SQL function; they write nothing. Each gives at most 1000 rows and 1024 KB, and is stopped after 5 s.',
    ])
    expect(explainPolicy(policy).worstCase.run).toMatchObject({
      unattendedEffectsMax: 0,
      egressBytesTotalMax: 0,
    })
  })

  it('has one digest, however a table is written', () => {
    const short = policyOf({ read: { orders: ['id'] } })
    const full = policyOf({
      read: { orders: { show: ['id'], mask: [] } },
      write: {},
      transaction: 'run',
      label: [],
    })
    expect(full.digest).toBe(short.digest)
    expect(definePolicy(JSON.parse(full.canonical) as object).digest).toBe(short.digest)
  })

  it.each(['db.shop', 'db.shop.query', 'db.query', 'DB.Shop.Query'])(
    'human_in_loop asks for %s',
    async (action) => {
      using shop = openShop()
      await using gate = await openGate()
      const policy = shopPolicy(shop, {}, { human_in_loop: [action] })
      const { verdicts } = await askShop(gate, policy, ['select 1'])
      expect(verdicts).toEqual(['APPROVAL_UNAVAILABLE at approve'])
    },
  )

  it('a policy without a database has no db, and one with it only what is granted', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const code = 'return [typeof db, typeof db?.shop?.query, typeof db?.shop?.execute, Object.keys(db ?? {})]'
    expect(await gate.run({ code, policy: shopPolicy(shop) })).toMatchObject({
      value: ['object', 'function', 'undefined', ['shop']],
    })
    expect((await gate.run({ code: 'return typeof capabilities.db', policy: {} })).value).toBe('undefined')
  })
})
