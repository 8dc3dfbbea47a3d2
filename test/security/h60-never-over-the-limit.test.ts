import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Ledger, type Hold } from '../../src/budget/ledger.ts'
import {
  defineTool,
  type HostTool,
  type RunResult,
  type Tollgate,
  type TollgateOptions,
} from '../../src/index.ts'
import { openGateOf, type Replace } from '../run/gates.ts'
import { weakLedgers } from '../run/weak-parts.ts'

/** A host tool that is paid for; each performance waits a turn, so that calls overlap. */
class Shop {
  performed = 0
  readonly #real: ((n: number) => number) | undefined
  readonly #fails: boolean

  /** `real` says what a performance really cost, in dollars. */
  constructor({ real, fails = false }: { real?: (n: number) => number; fails?: boolean } = {}) {
    this.#real = real
    this.#fails = fails
  }

  readonly tool: HostTool = defineTool({
    name: 'buy',
    description: 'Buys.',
    input: z.strictObject({}),
    output: z.number(),
    effect: 'write',
    costUsd: 0.01,
    perform: async (_, { charge }) => {
      this.performed += 1
      await new Promise(setImmediate)
      if (this.#real !== undefined) charge(this.#real(this.performed))
      if (this.#fails) throw new Error('sold out')
      return this.performed
    },
  })
}

const policyOf = (limits: object, entry: object = {}) => ({
  permissions: { tools: { buy: entry } },
  limits: { max_tool_calls: 1_000, max_cost_usd: 100, max_concurrent_calls: 64, ...limits },
})
const buy = (count: number): string => `
  const settled = await Promise.allSettled(Array.from({ length: ${count} }, () => tools.buy({})))
  return settled.map(({ status, reason }) => reason ? reason.code + '@' + reason.gate : status)`
const BUY_ON = 'for (let i = 0; i < 200; i += 1) { try { await tools.buy({}) } catch {} } return "all"'

const shopping = async (
  shop: Shop,
  use: (gate: Tollgate) => Promise<RunResult[]>,
  replace?: Replace,
  more: TollgateOptions = {},
) => {
  await using gate = await openGateOf({ tools: [shop.tool], concurrentRunsMax: 8, ...more }, replace)
  return await use(gate)
}

const sum = (results: readonly RunResult[], field: 'calls' | 'costUsd' | 'cpuMs'): number =>
  results.reduce((total, { usage }) => total + usage[field], 0)

describe('a hundred parallel calls at one below the limit', () => {
  const atOneBelow = async (
    policy: object,
    below: number,
    replace?: Replace,
  ): Promise<{ shop: Shop; results: RunResult[] }> => {
    const shop = new Shop()
    const results = await shopping(
      shop,
      async (gate) => {
        const first = await gate.run({ code: buy(below), policy, task: 'shopping' })
        return [first, await gate.run({ code: buy(100), policy, task: 'shopping' })]
      },
      replace,
    )
    return { shop, results }
  }

  it('make exactly one more, for max_tool_calls', async () => {
    const { shop, results } = await atOneBelow(policyOf({ max_tool_calls: 20 }), 19)
    expect(results[1]?.error).toMatchObject({ code: 'LIMIT_TOOL_CALLS', gate: 'decode' })
    expect([shop.performed, sum(results, 'calls')]).toEqual([20, 20])
  })

  it('make exactly one more, for max_cost_usd', async () => {
    const { shop, results } = await atOneBelow(policyOf({ max_cost_usd: 0.2 }), 19)
    expect(results[1]?.error).toMatchObject({
      code: 'LIMIT_COST',
      gate: 'reserve',
      rule: 'limits.max_cost_usd',
    })
    expect(shop.performed).toBe(20)
    expect(sum(results, 'costUsd')).toBeLessThanOrEqual(0.2)
  })

  it('make exactly one more, for max_calls of the tool', async () => {
    const { shop, results } = await atOneBelow(policyOf({}, { max_calls: 20 }), 19)
    const outcomes = results[1]?.value as string[]
    const refusal = 'LIMIT_OP_CALLS@reserve'
    expect(outcomes.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'fulfilled',
      ...Array<string>(99).fill(refusal),
    ])
    expect(shop.performed).toBe(20)
  })

  it('negative control: make more where budgets are not held before the work', async () => {
    class Unholding extends Ledger {
      override hold(...asked: Parameters<Ledger['hold']>): Hold {
        const hold = super.hold(...asked)
        const [quotas] = asked
        hold.release()
        return {
          ...hold,
          settle: (costMicroUsd) => this.charge('cost', costMicroUsd ?? quotas[0]?.amount ?? 0),
        }
      }
    }
    const ledger = new Unholding()
    const { shop } = await atOneBelow(
      policyOf({ max_cost_usd: 0.2 }),
      19,
      weakLedgers(() => ledger),
    )
    expect(shop.performed).toBeGreaterThan(20)
  })
})

describe('runs of one task side by side', () => {
  it('share max_tool_calls and max_cost_usd to the last', async () => {
    const shop = new Shop()
    const policy = policyOf({ max_tool_calls: 30, max_cost_usd: 0.25 })
    const results = await shopping(shop, (gate) =>
      Promise.all([1, 2, 3, 4].map(() => gate.run({ code: BUY_ON, policy, task: 'shopping' }))),
    )
    expect(results.map(({ error }) => error?.code)).toEqual(Array(4).fill('LIMIT_COST'))
    expect(shop.performed).toBe(25)
    expect(sum(results, 'costUsd')).toBeCloseTo(0.25, 9)
  })

  it('share max_cpu_seconds', async () => {
    const policy = { limits: { max_cpu_seconds: 0.5, max_duration_seconds: 60 } }
    const results = await shopping(new Shop(), (gate) =>
      Promise.all([1, 2, 3].map(() => gate.run({ code: 'for (;;);', policy, task: 'computing' }))),
    )
    expect(results.map(({ error }) => [error?.code, error?.gate])).toEqual(
      Array(3).fill(['LIMIT_CPU', 'watchdog']),
    )
    expect(sum(results, 'cpuMs')).toBeGreaterThanOrEqual(500)
    expect(sum(results, 'cpuMs')).toBeLessThan(1_000)
  })

  it('and one after the other share max_duration_seconds and max_cpu_seconds; a task that is used up runs nothing', async () => {
    const shop = new Shop()
    const spent = await shopping(shop, async (gate) => {
      const cpu = policyOf({ max_cpu_seconds: 0.3, max_duration_seconds: 60 })
      const time = policyOf({ max_duration_seconds: 0.3 })
      return [
        await gate.run({ code: 'for (;;);', policy: cpu, task: 'cpu' }),
        await gate.run({ code: BUY_ON, policy: cpu, task: 'cpu' }),
        await gate.run({ code: 'await new Promise(() => undefined)', policy: time, task: 'time' }),
        await gate.run({ code: BUY_ON, policy: time, task: 'time' }),
      ]
    })
    expect(spent.map(({ error }) => error?.code)).toEqual([
      'LIMIT_CPU',
      'LIMIT_CPU',
      'LIMIT_DURATION',
      'LIMIT_DURATION',
    ])
    expect([shop.performed, sum(spent, 'calls')]).toEqual([0, 0])
  })

  it('nested in each other share them as well', async () => {
    let nested: Tollgate | undefined
    const policy = policyOf({ max_tool_calls: 10 }, {})
    const shop = new Shop()
    const ask = defineTool({
      name: 'ask_another',
      description: 'Runs another tool of the same task.',
      input: z.strictObject({}),
      output: z.string(),
      effect: 'read',
      perform: async (_, { taskId }) =>
        (await nested?.run({ code: buy(4), policy, task: taskId }))?.error?.code ?? 'done',
    })
    const both = { ...policy, permissions: { tools: { buy: {}, ask_another: {} } } }
    const [result] = await shopping(
      shop,
      async (gate) => {
        nested = gate
        const code =
          'const all = []; for (let i = 0; i < 5; i += 1) all.push(await tools.ask_another({})); return all'
        return [await gate.run({ code, policy: both, task: 'deep' })]
      },
      undefined,
      { tools: [shop.tool, ask] },
    )
    // Each question is a call and asks for four more: 1 + 4, 1 + 4, and none is left.
    expect(result?.error).toMatchObject({ code: 'LIMIT_TOOL_CALLS', gate: 'decode' })
    expect(shop.performed).toBe(8)
  })
})

describe('a price that lies', () => {
  it('upwards is charged as it is, and nothing more is bought', async () => {
    const shop = new Shop({ real: () => 5 })
    const [result] = await shopping(shop, async (gate) => [
      await gate.run({ code: BUY_ON, policy: policyOf({ max_cost_usd: 1 }) }),
    ])
    expect(result?.error).toMatchObject({ code: 'LIMIT_COST' })
    expect([shop.performed, result?.usage.costUsd]).toEqual([1, 5])
  })

  it.each([-1, NaN, -Infinity, Infinity])('as %d is refused, and the worst case charged', async (lie) => {
    const shop = new Shop({ real: () => lie })
    const [result] = await shopping(shop, async (gate) => [
      await gate.run({ code: BUY_ON, policy: policyOf({ max_cost_usd: 0.05 }) }),
    ])
    expect(result?.error).toMatchObject({ code: 'LIMIT_COST', gate: 'reserve' })
    expect([shop.performed, result?.usage.costUsd]).toEqual([5, 0.05])
  })

  it('downwards gives back what was held', async () => {
    const shop = new Shop({ real: () => 0.001 })
    const [result] = await shopping(shop, async (gate) => [
      await gate.run({ code: buy(20), policy: policyOf({ max_cost_usd: 0.05, max_concurrent_calls: 1 }) }),
    ])
    expect(result?.error?.code).toBe('LIMIT_COST')
    const again = new Shop({ real: () => 0.001 })
    const [inTurn] = await shopping(again, async (gate) => [
      await gate.run({
        code: 'for (let i = 0; i < 30; i += 1) await tools.buy({}); return 1',
        policy: policyOf({ max_cost_usd: 0.05 }),
      }),
    ])
    expect([inTurn?.value, inTurn?.usage.costUsd, again.performed]).toEqual([1, 0.03, 30])
  })
})

describe('retries', () => {
  it('of calls that fail after they began are charged in full', async () => {
    const shop = new Shop({ fails: true })
    const [result] = await shopping(shop, async (gate) => [
      await gate.run({ code: BUY_ON, policy: policyOf({ max_cost_usd: 0.05 }) }),
    ])
    expect(result?.error).toMatchObject({ code: 'LIMIT_COST', gate: 'reserve' })
    expect([shop.performed, result?.usage.costUsd]).toEqual([5, 0.05])
  })
})

describe('a clock that jumps', () => {
  it.each([
    ['forwards', 10 * 365 * 86_400_000],
    ['backwards', -10 * 365 * 86_400_000],
  ])('%s neither ends nor prolongs a run, and adds nothing to its budget', async (_, jumpMs) => {
    let nowMs = Date.now()
    const shop = new Shop({ real: () => ((nowMs += jumpMs), 0.01) })
    const now = () => Math.max(0, Math.min(nowMs, 8e15))
    const [calls, time] = await shopping(
      shop,
      async (gate) => [
        await gate.run({
          code: BUY_ON,
          policy: policyOf({ max_tool_calls: 20, max_duration_seconds: 60 }),
          task: 'jump',
        }),
        await gate.run({
          code: 'try { await tools.buy({}) } catch {} ; await new Promise(() => undefined)',
          policy: policyOf({ max_duration_seconds: 0.5 }),
        }),
      ],
      undefined,
      { powers: { now } },
    )
    expect(calls?.error?.code).toBe('LIMIT_TOOL_CALLS')
    expect(time?.error?.code).toBe('LIMIT_DURATION')
    expect(shop.performed).toBe(21)
  })

  it('does not refill a rate', async () => {
    let nowMs = Date.now()
    const shop = new Shop({ real: () => ((nowMs += 3_600_000), 0) })
    const policy = {
      ...policyOf({}),
      permissions: {
        http: {
          allowed_domains: ['https://127.0.0.1:1'],
          private_networks: ['127.0.0.0/8'],
          rate: { calls: 2, per_seconds: 3600 },
        },
        tools: { buy: {} },
      },
    }
    const code = `const codes = []
      for (let i = 0; i < 4; i += 1) {
        await tools.buy({})
        try { await http.get('https://127.0.0.1:1/') } catch ({ code, gate }) { codes.push(code + '@' + gate) }
      }
      return codes`
    const [result] = await shopping(shop, async (gate) => [await gate.run({ code, policy })], undefined, {
      powers: { now: () => nowMs },
    })
    expect(result?.value).toEqual([
      'UPSTREAM_UNREACHABLE@perform',
      'UPSTREAM_UNREACHABLE@perform',
      'LIMIT_RATE@reserve',
      'LIMIT_RATE@reserve',
    ])
  })
})
