import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunEvent, type RunResult, type Tollgate } from '../../src/index.ts'
import { openGateOf } from '../run/gates.ts'
import { until } from '../run/until.ts'

const POLICY = {
  permissions: { tools: { act: {} } },
  limits: { max_concurrent_calls: 1, max_tool_calls: 100, max_cost_usd: 10 },
}

/** An effect that waits until the test lets it go on. */
class Slow {
  readonly started: number[] = []
  readonly #waiting = new Map<number, () => void>()
  #seen: { n: number; resolve: () => void } | undefined

  readonly tool = defineTool({
    name: 'act',
    description: 'Acts.',
    input: z.strictObject({ n: z.number() }),
    output: z.number(),
    effect: 'write',
    costUsd: 0.01,
    perform: async ({ n }) => {
      this.started.push(n)
      if (this.#seen?.n === n) this.#seen.resolve()
      await new Promise<void>((resolve) => {
        this.#waiting.set(n, resolve)
      })
      return n
    },
  })

  /** Resolves when the act was begun. */
  begun(n: number): Promise<void> {
    if (this.started.includes(n)) return Promise.resolve()
    return new Promise((resolve) => {
      this.#seen = { n, resolve }
    })
  }

  finish(n: number): void {
    this.#waiting.get(n)?.()
  }
}

const ACT = `export default ({ from, to }, { tools }) => Promise.all(Array.from({ length: to - from }, async (_, i) => {
  try { return await tools.act({ n: from + i }, { idempotencyKey: 'act-' + (from + i) }) } catch ({ code }) { return code }
}))`
const act = (gate: Tollgate, from: number, to: number, more: object = {}): Promise<RunResult> =>
  gate.run({ code: ACT, input: { from, to }, policy: POLICY, ...more })

describe('an effect that waits for a place when its run ends', () => {
  it('never happened: it costs nothing, is recorded so, and its key is free', async () => {
    const slow = new Slow()
    await using gate = await openGateOf({ tools: [slow.tool] })
    const cancel = new AbortController()
    const running = act(gate, 1, 3, { signal: cancel.signal })
    await slow.begun(1)
    cancel.abort()
    const { status, usage, runId } = await running
    expect(status).toBe('cancelled')
    expect(slow.started).toEqual([1])
    // The first may have happened, so it is charged; the second did not.
    expect(usage.byOp['tools.act']).toMatchObject({ calls: 2, denied: 2, costUsd: 0.01 })
    const calls = (await gate.audit.read({ runId })).filter(({ event }) => event === 'call')
    expect(calls.map(({ facts }) => [facts['code'], facts['gate']])).toEqual(
      Array(2).fill(['UPSTREAM_TIMEOUT', 'perform']),
    )

    const again = act(gate, 1, 3)
    await slow.begun(2)
    slow.finish(2)
    expect((await again).value).toEqual(['IDEMPOTENCY_UNCERTAIN', 2])
  })
})

describe('a tool that returns before its calls are answered', () => {
  it('ends with its value; what it left under way is recorded, and no later call is taken', async () => {
    const slow = new Slow()
    await using gate = await openGateOf({ tools: [slow.tool] })
    const code = `setTimeout(() => tools.act({ n: 2 }), 1); tools.act({ n: 1 }); return 'gone'`
    const { value, usage, runId } = await gate.run({ code, policy: POLICY })
    expect([value, usage.calls]).toEqual(['gone', 1])
    expect(slow.started).toEqual([1])
    const events = (await gate.audit.read({ runId })).map(({ event, facts }) => [event, facts['code'] ?? ''])
    expect(events).toEqual([
      ['run.started', ''],
      ['call.intended', ''],
      ['call', 'UPSTREAM_TIMEOUT'],
      ['run.ended', ''],
    ])
    expect(await gate.audit.verify()).toMatchObject({ intact: true })
  })
})

describe('what a call came to', () => {
  it('is told in the order of the journal, before the guest hears of it', async () => {
    const events: RunEvent[] = []
    const slow = new Slow()
    await using gate = await openGateOf({ tools: [slow.tool] })
    const running = act(gate, 1, 3, {
      onEvent: (event: RunEvent) => events.push(event),
      policy: { ...POLICY, limits: { ...POLICY.limits, max_concurrent_calls: 2 } },
    })
    await slow.begun(2)
    slow.finish(2)
    await until(() => events.length > 0)
    slow.finish(1)
    const { runId, value } = await running
    const records = (await gate.audit.read({ runId })).filter(({ event }) => event === 'call')
    expect(value).toEqual([1, 2])
    expect(events.map((event) => event.kind === 'call' && event.seq)).toEqual([2, 1])
    expect(records.map(({ facts }) => facts['seq'])).toEqual([2, 1])
  })
})

describe('the error that a tool leaves uncaught', () => {
  const uncaught = async (code: string): Promise<RunResult> => {
    await using gate = await openGateOf({ tools: [new Slow().tool] })
    return await gate.run({ code, policy: POLICY })
  }

  it('is the refusal that the host gave, with its gate, op and rule', async () => {
    const { error } = await uncaught('await tools.act({ wrong: 1 })')
    expect(error).toMatchObject({ code: 'GUEST_ARGUMENTS', gate: 'decode', op: 'tools.act' })
    expect(error?.stack).toContain('tool.js:1')
  })

  it.each([
    'const error = new Error("no"); error.code = "DENIED_DOMAIN"; error.gate = "authorize"; throw error',
    'throw { name: "CallError", code: "LIMIT_COST", message: "no" }',
    'try { await tools.act({ wrong: 1 }) } catch (error) { throw Object.assign(new Error("no"), error) }',
    'try { await tools.act({ wrong: 1 }) } catch (error) { throw Object.create(error) }',
    'try { await tools.act({ wrong: 1 }) } catch (error) { throw new Proxy(error, {}) }',
  ])('is GUEST_THREW when the guest made it: %s', async (code) => {
    expect((await uncaught(code)).error).toMatchObject({ code: 'GUEST_THREW', gate: 'cage' })
  })
})
