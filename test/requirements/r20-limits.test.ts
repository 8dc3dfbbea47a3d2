import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { openGateOf } from '../run/gates.ts'

const BUY_ON = 'for (;;) { try { await tools.buy({}) } catch {} }'

const buyWith = async (limits: object, code = BUY_ON) => {
  let bought = 0
  const buy = defineTool({
    name: 'buy',
    description: 'Costs ten cents.',
    input: z.strictObject({}),
    output: z.number(),
    effect: 'write',
    costUsd: 0.1,
    perform: () => (bought += 1),
  })
  await using gate = await openGateOf({ tools: [buy] })
  const { status, error, usage } = await gate.run({
    code,
    policy: { permissions: { tools: { buy: {} } }, limits },
  })
  return { status, error, usage, bought }
}

it('R20: max_tool_calls 20 ends the run at the 21st call', async () => {
  const { error, bought } = await buyWith({ max_tool_calls: 20, max_cost_usd: 100 })
  expect(error).toMatchObject({ code: 'LIMIT_TOOL_CALLS', gate: 'decode', rule: 'limits.max_tool_calls' })
  expect(bought).toBe(20)
})

it('R20: max_cost_usd 0.50 refuses the call whose price would pass it, before it is made', async () => {
  const { error, bought, usage } = await buyWith({ max_tool_calls: 100, max_cost_usd: 0.5 })
  expect(error).toMatchObject({ code: 'LIMIT_COST', gate: 'reserve', rule: 'limits.max_cost_usd' })
  expect([bought, usage.costUsd]).toEqual([5, 0.5])
})

it('R20: max_duration_seconds ends the run, whatever it does', async () => {
  for (const code of ['for (;;);', 'await new Promise(() => undefined)']) {
    const { status, error } = await buyWith({ max_duration_seconds: 0.3 }, code)
    expect(status).toBe('failed')
    expect(error).toMatchObject({
      code: 'LIMIT_DURATION',
      gate: 'watchdog',
      rule: 'limits.max_duration_seconds',
    })
  }
})

it('R20: without limits in the policy there are limits all the same', async () => {
  const { error, usage } = await buyWith({})
  expect(error?.code).toBe('LIMIT_COST')
  expect(usage.limits).toEqual({
    calls: 20,
    cpuMs: 10_000,
    wallMs: 60_000,
    memoryBytes: 64 * 2 ** 20,
    costUsd: 0.1,
  })
})
