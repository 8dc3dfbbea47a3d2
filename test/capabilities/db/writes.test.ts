import { describe, expect, it } from 'vitest'
import { definePolicy, explainPolicy, policyProblems } from '../../../src/policy.ts'
import { openGate } from '../../harness/gate.ts'
import { openGateOf, withGrant } from '../../run/gates.ts'
import { openShop, WRITE, writePolicy, writeShop } from './shops.ts'
import { weakPower, withoutJudging } from './weak-power.ts'
import { GRANTED_WRITES, LINKED, LINKED_GRANT, REFUSED_WRITES } from './write-statements.ts'

const LIKE = ['count', 'sum', 'lower', 'like']
const ALL = {
  read: { ...WRITE.read, ...LINKED_GRANT.read },
  write: { ...WRITE.write, ...LINKED_GRANT.write },
  functions: [...LIKE, 'length'],
}

describe('statements that write', () => {
  it('are refused by code and gate where they are not granted, and change no row, file or setting', async () => {
    using shop = openShop(LINKED)
    await using gate = await openGate({ approve: () => true })
    const before = shop.snapshot()
    const statements = REFUSED_WRITES.map(([sql]) => sql)
    const { verdicts, result } = await writeShop(gate, writePolicy(shop, ALL), statements)
    expect(result).toMatchObject({ status: 'done' })
    const wrong = REFUSED_WRITES.filter(([, verdict], at) => verdicts[at] !== verdict)
    expect(wrong.map(([sql]) => [sql, verdicts[statements.indexOf(sql)]])).toEqual(wrong)
    expect(shop.snapshot()).toEqual(before)
  })

  it('do what they say where they are granted, and the file has it when the run is done', async () => {
    using shop = openShop()
    await using gate = await openGate({ approve: () => true })
    const policy = writePolicy(shop, { functions: LIKE })
    const { verdicts, texts, result } = await writeShop(
      gate,
      policy,
      GRANTED_WRITES.map(([sql]) => sql),
    )
    expect(result).toMatchObject({ status: 'done' })
    expect(texts).toEqual([])
    expect(GRANTED_WRITES.map(([sql], at) => [sql, verdicts[at]])).toEqual(
      GRANTED_WRITES.map(([sql, written]) => [sql, [written]]),
    )
  })

  it('say in the same words where a foreign key leads beyond the grant, be it to a filter or to what is hidden', async () => {
    using shop = openShop(`
      CREATE TABLE lines (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id));
      CREATE TABLE spies (id INTEGER PRIMARY KEY, key TEXT REFERENCES secrets (key));`)
    await using gate = await openGate()
    const policy = writePolicy(shop, {
      read: { ...WRITE.read, lines: '*', spies: '*' },
      write: { lines: ['insert'], spies: ['insert'] },
    })
    const statements = ['insert into lines (id) values (1)', 'insert into spies (id) values (1)']
    const { verdicts, texts } = await writeShop(gate, policy, statements)
    expect(verdicts).toEqual(['DENIED_NAME at perform', 'DENIED_NAME at perform'])
    expect(texts[0]).toContain('by a foreign key to a table that is hidden or has a filter')
    expect(new Set(texts).size).toBe(1)
  })

  it('would change rows, were the process of the database to do whatever it is told', async () => {
    using shop = openShop(LINKED)
    await using gate = await openGateOf(
      { approve: () => true, powers: { db: weakPower() } },
      withGrant('db', withoutJudging),
    )
    const statements = [
      "update notes set hidden = 'x'",
      "update customers set ssn = ''",
      'delete from secrets',
    ]
    const { result } = await writeShop(gate, writePolicy(shop, ALL), statements)
    expect(result.status).toBe('done')
    expect(shop.rows('select count(*) from secrets')).toEqual([[0]])
    expect(shop.rows("select count(*) from customers where ssn = ''")).toEqual([[3]])
  })

  it.each([
    ['no db_write', {}, {}],
    ['db_write: false', {}, { db_write: false }],
    ['db_write: null', {}, { db_write: null }],
    ['no table', { write: {} }, { db_write: true }],
    ['no verb', { write: { orders: [] } }, { db_write: true }],
  ])('have no op with %s', async (_, entry, more) => {
    using shop = openShop()
    await using gate = await openGate({ approve: () => true })
    const before = shop.snapshot()
    const { permissions } = writePolicy(shop, entry) as { permissions: object }
    const { db_write: _written, ...rest } = permissions as { db_write: boolean }
    const policy = { permissions: { ...rest, ...more } }
    const code = `try { await db.shop.query('delete from orders') } catch ({ code, gate }) { return [typeof db.shop.execute, code, gate] }`
    expect(await gate.run({ code, policy })).toMatchObject({
      value: ['undefined', 'DENIED_STATEMENT', 'authorize'],
    })
    expect(shop.snapshot()).toEqual(before)
  })

  it('write tables whose key is a text, whose columns the grant names in another order, and whose triggers write them again', async () => {
    using shop = openShop(`
      CREATE TABLE texts (key TEXT PRIMARY KEY, value TEXT, at INTEGER DEFAULT 0);
      CREATE UNIQUE INDEX texts_key ON texts (key);
      CREATE TRIGGER texts_at AFTER UPDATE ON texts BEGIN UPDATE texts SET at = at + 1 WHERE key = NEW.key; END;
    `)
    await using gate = await openGate({ approve: () => true })
    const entry = { read: { texts: ['at', 'value', 'key'] }, write: { texts: ['insert', 'update'] } }
    const { verdicts } = await writeShop(gate, writePolicy(shop, entry), [
      "insert into texts values ('k', 'v', 1)",
      "insert into texts (key, value) values ('k', 'w') on conflict (key) do update set value = excluded.value",
      'select * from texts',
    ])
    expect(verdicts).toEqual([[{ changes: 1 }], [{ changes: 1 }], [['k', 'w', 2]]])
  })

  it('meet no row that a filter hides, not even in a condition that fails on it', async () => {
    using shop = openShop()
    await using gate = await openGate({ approve: () => true })
    // Bob is of another tenant: on his row the condition would overflow.
    const leak = "abs(case when name = 'bob' then -9223372036854775807 - 1 else 1 end) > 0"
    const { verdicts } = await writeShop(gate, writePolicy(shop, { functions: ['abs'] }), [
      `update customers set name = 'x' where ${leak}`,
      `delete from customers where ${leak}`,
      `update orders set total = 1 where id in (select id from customers where ${leak})`,
    ])
    expect(verdicts).toEqual([[{ changes: 2 }], [{ changes: 2 }], [{ changes: 0 }]])
    expect(shop.rows('select name from customers')).toEqual([['bob']])
  })
})

describe('permissions.db.NAME.write', () => {
  const problemsOf = (entry: object): readonly string[] => {
    try {
      definePolicy({ permissions: { db: { shop: { engine: 'sqlite', file: './shop.db', ...entry } } } })
      return []
    } catch (error) {
      return policyProblems(error).map(({ code, path }) => `${code} ${path}`)
    }
  }

  it.each<[string, object, string]>([
    ['a table that is not under read', { write: { orders: ['insert'] } }, 'write.orders'],
    ['a verb that is none', { read: { orders: '*' }, write: { orders: ['drop'] } }, 'write.orders[0]'],
    ['all verbs at once', { read: { orders: '*' }, write: { orders: '*' } }, 'write.orders'],
    ['a table twice', { read: { orders: '*' }, write: { orders: [], Orders: [] } }, 'write.Orders'],
    ['the marker of Tollgate', { read: { _tollgate_commits: '*' } }, 'read._tollgate_commits'],
    ['a transaction that is none', { transaction: 'never' }, 'transaction'],
  ])('refuses %s', (_, entry, path) => {
    expect(problemsOf(entry)).toEqual([`CONFIG_POLICY_INVALID permissions.db.shop.${path}`])
  })

  it('grants nothing without db_write, and says so', () => {
    const shop = { engine: 'sqlite', file: './shop.db', read: { orders: '*' }, write: { orders: ['insert'] } }
    const policy = definePolicy({ permissions: { db: { shop } } })
    expect(policy.warnings).toMatchObject([{ path: 'permissions.db.shop.write' }])
    expect(explainPolicy(policy).worstCase.run.unattendedEffectsMax).toBe(0)
    const written = definePolicy({ permissions: { db: { shop }, db_write: true } })
    expect(written.warnings).toEqual([])
    expect(written.digest).not.toBe(policy.digest)
    expect(definePolicy(JSON.parse(written.canonical) as object).digest).toBe(written.digest)
    expect(explainPolicy(written).worstCase.run.unattendedEffectsMax).toBeGreaterThan(0)
    expect(explainPolicy(written).grants['db']?.join(' ')).toMatch(/insert into the table orders/)
  })

  it.each([
    [
      'a table with a filter whose key is not shown',
      { customers: { show: ['name'], where: 'id > 0' } },
      { customers: ['update'] },
    ],
    ['a view', { named: '*' }, { named: ['insert'] }],
  ])('does not fit %s', async (_, read, write) => {
    using shop = openShop(LINKED)
    await using gate = await openGate({ approve: () => true })
    const [table] = Object.keys(write)
    const { verdicts } = await writeShop(gate, writePolicy(shop, { read, write }), [
      `insert into ${table} (name) values ('x')`,
      `update ${table} set name = 'x'`,
    ])
    expect(verdicts).toContain('CONFIG_DB_UNFIT at perform')
  })
})
