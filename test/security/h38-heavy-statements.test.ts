import { describe, expect, it } from 'vitest'
import type { Tollgate } from '../../src/index.ts'
import { askShop, openShop, shopPolicy, writePolicy } from '../capabilities/db/shops.ts'
import { boundlessPower } from '../capabilities/db/weak-power.ts'
import { openGate } from '../harness/gate.ts'

const COUNTING = 'with recursive r (n) as (values (1) union all select n + 1 from r)'
const ENDLESS = [
  `${COUNTING} select count(*) from r`,
  `${COUNTING} select n from r where n < 0`,
  `select count(*) from ${Array.from({ length: 16 }, (_, at) => `orders o${at}`).join(', ')}, customers, ${Array.from({ length: 12 }, (_, at) => `orders p${at}`).join(', ')}`,
]
const HUGE = [
  `${COUNTING} select n from r limit 10000000`,
  `${COUNTING} select printf('%1000000c', 'x') from r`,
  "select printf('%200000000c', 'x')",
]
const GREEDY = [
  `${COUNTING} select n from (select n, printf('%10000c', 'x') as p from r limit 1000000) order by p, n desc`,
  `${COUNTING} select group_concat(n) from r`,
  `${COUNTING} select count(*) from (select distinct printf('%10000c%d', 'x', n) from r)`,
]
const ENTRY = { functions: ['count', 'printf', 'group_concat'], timeout_seconds: 1 }

const timed = async <T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> => {
  const startMs = performance.now()
  const value = await work()
  return { value, ms: performance.now() - startMs }
}

/** Longest time that another run's statement takes meanwhile. */
const bystand = async (gate: Tollgate, policy: object, until: Promise<unknown>): Promise<number> => {
  let isOver = false
  const over = until.finally(() => {
    isOver = true
  })
  let worstMs = 0
  while (!isOver) {
    const { ms, value } = await timed(() =>
      gate.run({ code: 'return db.shop.get("select 1 as one")', policy }),
    )
    expect(value.value).toEqual({ one: 1 })
    worstMs = Math.max(worstMs, ms)
  }
  await over
  return worstMs
}

describe('H38: a statement without end', () => {
  it.each(ENDLESS)('is killed at its deadline, and the next one is answered: %s', async (sql) => {
    using shop = openShop()
    await using gate = await openGate()
    const asked = askShop(gate, shopPolicy(shop, ENTRY), [sql, 'select count(*) from orders'])
    const [{ value, ms }, worstMs] = await Promise.all([
      timed(() => asked),
      bystand(gate, shopPolicy(shop), asked),
    ])
    expect(value.verdicts).toEqual(['UPSTREAM_TIMEOUT at perform', [[3]]])
    expect(ms).toBeLessThan(4_000)
    expect(worstMs).toBeLessThan(1_500)
  })

  it('goes on where the policy gives it longer', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const policy = shopPolicy(shop, { ...ENTRY, timeout_seconds: 2.5 })
    const { ms } = await timed(() => askShop(gate, policy, ENDLESS.slice(0, 1)))
    expect(ms).toBeGreaterThan(2_400)
  })

  it('ends with its run', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const policy = shopPolicy(
      shop,
      { ...ENTRY, timeout_seconds: 60 },
      { limits: { max_duration_seconds: 1 } },
    )
    const { ms, value } = await timed(() => askShop(gate, policy, ENDLESS.slice(0, 1)))
    expect(value.result.error?.code).toBe('LIMIT_DURATION')
    expect(ms).toBeLessThan(3_000)
  })
})

describe('H38: a result without bound', () => {
  it('is cut off at the first row or byte too many', async () => {
    using shop = openShop()
    await using gate = await openGate()
    const { verdicts } = await askShop(gate, shopPolicy(shop, { ...ENTRY, timeout_seconds: 5 }), HUGE)
    expect(verdicts).toEqual([
      'LIMIT_ROWS at perform',
      'LIMIT_RESPONSE_SIZE at perform',
      'LIMIT_RESPONSE_SIZE at perform',
    ])
  })

  it('of 200 MB in one cell is not read', async () => {
    using shop = openShop('CREATE TABLE large (cell); INSERT INTO large VALUES (zeroblob(200000000))')
    await using gate = await openGate()
    const { verdicts } = await askShop(gate, shopPolicy(shop, { read: { large: '*' }, functions: ['hex'] }), [
      'select cell from large',
      'select hex(cell) from large',
    ])
    expect(verdicts).toEqual(['LIMIT_RESPONSE_SIZE at perform', 'LIMIT_RESPONSE_SIZE at perform'])
  })

  it.each(GREEDY)('within the engine ends at its memory, its time or its length: %s', async (sql) => {
    using shop = openShop()
    await using gate = await openGate()
    const before = process.memoryUsage.rss()
    const { verdicts } = await askShop(gate, shopPolicy(shop, { ...ENTRY, timeout_seconds: 4 }), [
      sql,
      'select 1',
    ])
    expect(verdicts[0]).toMatch(/^(?:LIMIT_STATEMENT|LIMIT_RESPONSE_SIZE|UPSTREAM_TIMEOUT) at perform$/u)
    expect(verdicts[1]).toEqual([[1]])
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024)
  })
})

describe('H38: the memory of a process of a database', () => {
  /** Some 700 MB: sorted by the engine, or written down on their way through a filter. */
  const LARGE = `with recursive r (n) as (values (1) union all select n + 1 from r limit 1000)
    select count(*) from (select ? as x, n from r order by n desc limit -1) where x is not null`
  const FILTERED = `insert into customers (name, tenant) ${COUNTING} select ?, 'alpha' from r limit 1000`
  const attempt = async (options: object) => {
    using shop = openShop()
    await using gate = await openGate({ approve: () => true, ...options })
    const code = `const bytes = new Uint8Array(700_000); const seen = []
      for (const [verb, sql] of input)
        try { await db.shop[verb](sql, [bytes]); seen.push('done') } catch ({ code }) { seen.push(code) }
      return seen`
    const input = [
      ['query', LARGE],
      ['execute', FILTERED],
    ]
    return await gate.run({
      code,
      input,
      policy: writePolicy(shop, { timeout_seconds: 20 }),
      principal: 'alpha',
    })
  }

  it('is bounded by the system, and what is written through a filter besides', async () => {
    const { value } = await attempt({})
    expect(value).toEqual(['LIMIT_STATEMENT', 'LIMIT_STATEMENT'])
  })

  it('is not bounded by the engine: without the system, a statement takes what it wants', async () => {
    const { value } = await attempt({ powers: { db: boundlessPower() } })
    expect(value).toEqual(['done', 'LIMIT_STATEMENT'])
  })
})
