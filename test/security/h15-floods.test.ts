import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { CUT_MARK } from '../../runtime/abi/crossing.ts'
import { Ledger } from '../../src/budget/ledger.ts'
import { defineTool, type HostTool, type RunResult, type Tollgate } from '../../src/index.ts'
import { Bystander, type Beside } from '../run/bystander.ts'
import { openGateOf, type Replace } from '../run/gates.ts'
import { weakLedgers } from '../run/weak-parts.ts'

/** A host tool that counts what reaches it, and how much of it at once. */
class Counter {
  performed = 0
  atOnceMax = 0
  #atOnce = 0

  readonly tool: HostTool = defineTool({
    name: 'count',
    description: 'Counts.',
    input: z.strictObject({ text: z.string().optional() }),
    output: z.number(),
    effect: 'read',
    costUsd: 0.001,
    perform: async () => {
      this.performed += 1
      this.#atOnce += 1
      this.atOnceMax = Math.max(this.atOnceMax, this.#atOnce)
      await new Promise(setImmediate)
      this.#atOnce -= 1
      return this.performed
    },
  })
}

const policyOf = (limits: object) => ({
  permissions: { tools: { count: {} } },
  limits: {
    max_duration_seconds: 100,
    max_cpu_seconds: 100,
    max_memory_mb: 256,
    max_cost_usd: 100,
    ...limits,
  },
})

type Flood = Beside<RunResult> & { counter: Counter; next: RunResult }

const flood = async (code: string, limits: object, replace?: Replace): Promise<Flood> => {
  const [bystander, counter] = [new Bystander(), new Counter()]
  await using gate = await openGateOf(
    { tools: [bystander.tool, counter.tool], concurrentRunsMax: 4 },
    replace,
  )
  const beside = await bystander.beside(gate, () => gate.run({ code, policy: policyOf(limits) }))
  return { ...beside, counter, next: await gate.run({ code: 'return "next"', policy: policyOf(limits) }) }
}

const expectOthersFine = ({ bystander, next }: Flood): void => {
  expect(bystander.status).toBe('done')
  expect(next.value).toBe('next')
}

const ENDLESS_CALLS = 'for (let i = 0; i < 1_000_000; i += 1) { try { await tools.count({}) } catch {} }'
const PARALLEL_CALLS = `const settled = await Promise.allSettled(Array.from({ length: 10_000 }, () => tools.count({})))
  return settled.filter(({ status }) => status === 'fulfilled').length`

describe('a million calls', () => {
  it('end exactly at max_tool_calls, whatever the tool catches', async () => {
    const flooded = await flood(ENDLESS_CALLS, { max_tool_calls: 50 })
    const { outcome, counter } = flooded
    expect(outcome.status).toBe('failed')
    expect(outcome.error).toMatchObject({
      code: 'LIMIT_TOOL_CALLS',
      gate: 'decode',
      rule: 'limits.max_tool_calls',
    })
    expect([outcome.usage.calls, counter.performed]).toEqual([50, 50])
    expect(outcome.usage.byOp['tools.count']).toMatchObject({ calls: 50, denied: 1 })
    expectOthersFine(flooded)
  })

  it('with wrong arguments count as well', async () => {
    const code = 'for (let i = 0; i < 1_000_000; i += 1) { try { await tools.count({ wrong: i }) } catch {} }'
    const { outcome, counter } = await flood(code, { max_tool_calls: 30 })
    expect(outcome.error).toMatchObject({ code: 'LIMIT_TOOL_CALLS', gate: 'decode' })
    expect([outcome.usage.calls, counter.performed]).toEqual([30, 0])
  })

  it('negative control: go on when the ledger counts nothing', async () => {
    class Uncounting extends Ledger {
      override count(): void {
        // Nothing is counted, so nothing is refused.
      }
    }
    const code = 'for (let i = 0; i < 80; i += 1) await tools.count({}); return "all"'
    const { outcome, counter } = await flood(
      code,
      { max_tool_calls: 50 },
      weakLedgers(() => new Uncounting()),
    )
    expect(outcome.value).toBe('all')
    expect(counter.performed).toBe(80)
  })
})

describe('10,000 parallel calls', () => {
  it('end exactly at max_tool_calls', async () => {
    const flooded = await flood(PARALLEL_CALLS, { max_tool_calls: 100 })
    const { outcome, counter } = flooded
    expect(outcome.error).toMatchObject({ code: 'LIMIT_TOOL_CALLS', gate: 'decode' })
    expect(outcome.usage.calls).toBe(100)
    expect(counter.performed).toBeLessThanOrEqual(100)
    expectOthersFine(flooded)
  })

  it('are all served within the limit, max_concurrent_calls at a time, others in between', async () => {
    const flooded = await flood(PARALLEL_CALLS, { max_tool_calls: 10_000, max_concurrent_calls: 7 })
    const { outcome, counter } = flooded
    expect(outcome.value).toBe(10_000)
    expect([outcome.usage.calls, counter.performed, counter.atOnceMax]).toEqual([10_000, 10_000, 7])
    expect(flooded.answered).toBeGreaterThan(0)
    expectOthersFine(flooded)
  })
})

describe('a million lines of log', () => {
  it.each(['"a line of the log"', '""', '"x".repeat(100_000)'])(
    'are kept up to max_log_kb and cut with a mark: %s',
    async (line) => {
      const code = `for (let i = 0; i < 200_000; i += 1) console.log(${line}); return 'logged'`
      const flooded = await flood(code, { max_log_kb: 8 })
      const { logs, value } = flooded.outcome
      expect(value).toBe('logged')
      expect(logs.length).toBeLessThanOrEqual(8 * 1024 + 1)
      expect(logs.map(({ text }) => text).join('').length).toBeLessThan(9 * 1024)
      expect(logs.at(-1)?.text).toBe(CUT_MARK)
      expectOthersFine(flooded)
    },
  )
})

describe('timers', () => {
  it('are refused past the number that may wait, and the tool goes on', async () => {
    const code = `let refused = 0
      for (let i = 0; i < 100_000; i += 1) { try { setTimeout(() => undefined, 1e9) } catch { refused += 1 } }
      return refused`
    const flooded = await flood(code, {})
    expect(flooded.outcome.value).toBe(100_000 - 256)
    expectOthersFine(flooded)
  })

  it('are refused past the number that one run may set', async () => {
    const code = `let [fired, refused] = [0, undefined]
      const round = (resolve) => {
        let waiting = 0
        const fire = () => { fired += 1; waiting -= 1; if (waiting === 0) resolve() }
        try { for (; waiting < 256; waiting += 1) setTimeout(fire, 0) } catch ({ code }) { refused = code }
        if (waiting === 0) resolve()
      }
      while (refused === undefined) await new Promise(round)
      return [refused, fired]`
    const { outcome } = await flood(code, {})
    expect(outcome.value).toEqual(['LIMIT_TIMERS', 10_000])
  })
})

const MB = 1024 * 1024
const withTool = async (
  perform: () => Promise<string>,
  use: (gate: Tollgate) => Promise<RunResult>,
): Promise<RunResult> => {
  const tool = defineTool({
    name: 'count',
    description: 'Answers.',
    input: z.strictObject({ text: z.string().optional() }),
    output: z.string(),
    effect: 'read',
    costUsd: 0.001,
    perform,
  })
  await using gate = await openGateOf({ tools: [tool] })
  return await use(gate)
}

describe('arguments', () => {
  it('of 64 MB never leave the guest', async () => {
    const code = 'await tools.count({ text: "x".repeat(64 * 2 ** 20) })'
    const flooded = await flood(code, { max_memory_mb: 512 })
    expect(flooded.outcome.error).toMatchObject({ code: 'GUEST_THREW', gate: 'cage' })
    expect(flooded.outcome.error?.message).toContain('too large to cross')
    expect([flooded.outcome.usage.calls, flooded.counter.performed]).toEqual([0, 0])
    expectOthersFine(flooded)
  })

  it('of many calls rest in the host up to a bound; what is beyond is refused', async () => {
    const over = Promise.withResolvers<string>()
    const code = `const text = 'x'.repeat(3 * 2 ** 20)
      const codes = { ok: 0 }
      for (let i = 0; i < 60; i += 1) {
        tools.count({ text }).then(() => { codes.ok += 1 }, ({ code, gate }) => { codes[code + '@' + gate] = (codes[code + '@' + gate] ?? 0) + 1 })
      }
      while (!codes['LIMIT_RATE@decode'] || codes['LIMIT_RATE@decode'] < 39) await new Promise((resolve) => setTimeout(resolve, 5))
      return codes`
    const policy = policyOf({ max_tool_calls: 100, max_concurrent_calls: 1 })
    const { value, usage } = await withTool(
      () => over.promise,
      async (gate) => {
        const result = await gate.run({ code, policy })
        over.resolve('late')
        return result
      },
    )
    // 21 texts of 3 MiB are 63 of the 64 Mi code units that may rest.
    expect(value).toEqual({ ok: 0, 'LIMIT_RATE@decode': 39 })
    expect(usage.calls).toBe(60)
  })
})

describe('results', () => {
  it.each([
    ['ASCII', 'x'.repeat(40 * MB)],
    ['three bytes a letter', '€'.repeat(12 * MB)],
  ])('of a call that are giant are refused, and charged once: %s', async (_, text) => {
    const code = 'try { await tools.count({}) } catch ({ code, gate }) { return [code, gate] }'
    const result = await withTool(
      () => Promise.resolve(text),
      (gate) => gate.run({ code, policy: policyOf({}) }),
    )
    expect(result.value).toEqual(['LIMIT_RESPONSE_SIZE', 'seal'])
    expect(result.usage.costUsd).toBe(0.001)
  })

  it.each(['"x".repeat(2 ** 20)', '"x".repeat(2 ** 26)', 'Array(2 ** 20).fill(1)'])(
    'of a tool that are larger than max_output_kb are refused: %s',
    async (value) => {
      const flooded = await flood(`return ${value}`, { max_output_kb: 256, max_memory_mb: 512 })
      expect(flooded.outcome.error).toMatchObject({
        code: 'LIMIT_OUTPUT',
        gate: 'cage',
        rule: 'limits.max_output_kb',
      })
      expect(flooded.outcome.value).toBeUndefined()
      expectOthersFine(flooded)
    },
  )
})
