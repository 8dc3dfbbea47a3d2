import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunEvent } from '../../src/index.ts'
import { LOOPBACK } from '../harness/gate.ts'
import { openSite } from '../harness/site.ts'
import { openGateOf } from './gates.ts'
import { mailPolicy, MESSAGE, Outbox, SEND_ONE } from './mail.ts'

const buy = (real?: number) =>
  defineTool({
    name: 'buy',
    description: 'Costs a cent.',
    input: z.strictObject({}),
    output: z.null(),
    effect: 'write',
    costUsd: 0.01,
    perform: (_, { charge }) => {
      if (real !== undefined) charge(real)
      return null
    },
  })
const policyOf = (limits: object, more: object = {}) => ({
  permissions: { tools: { buy: {} } },
  limits: { max_tool_calls: 100, ...limits },
  ...more,
})

describe('usage', () => {
  it('counts calls by op, bytes in and out, refusals and money, and is kept with the result', async () => {
    await using site = await openSite((_, response) => void response.end('x'.repeat(1_000)))
    await using gate = await openGateOf({ tools: [buy()] })
    const policy = {
      permissions: { http: { allowed_domains: [site.origin], ...LOOPBACK }, tools: { buy: {} } },
      prices: { http_call_usd: 0.002 },
    }
    const code = `await http.get(input); await tools.buy({})
      for (const act of [() => http.get('https://evil.example/'), () => tools.buy({ wrong: 1 })]) { try { await act() } catch {} }`
    const result = await gate.run({ code, input: site.origin, policy })
    const { calls, byOp, ingressBytes, egressBytes, costUsd } = result.usage
    expect(calls).toBe(4)
    expect(byOp).toMatchObject({
      'http.request': { calls: 2, denied: 1, costUsd: 0.002 },
      'tools.buy': { calls: 2, denied: 1, costUsd: 0.01 },
    })
    expect(ingressBytes).toBeGreaterThanOrEqual(1_000)
    expect(egressBytes).toBeGreaterThan(site.origin.length)
    expect(egressBytes).toBe(byOp['http.request']?.egressBytes)
    expect(costUsd).toBeCloseTo(0.012, 9)
    expect(await gate.runs.get(result.runId)).toEqual(result)
    const [ended] = (await gate.audit.read({ runId: result.runId })).slice(-1)
    expect(ended?.facts).toMatchObject({
      calls: 4,
      cost_micro_usd: 12_000,
      egress_bytes: egressBytes,
      ingress_bytes: ingressBytes,
    })
  })

  it('measures time, CPU and memory of the run alone', async () => {
    await using gate = await openGateOf({})
    const limits = { max_memory_mb: 128 }
    const idle = await gate.run({
      code: 'await new Promise((resolve) => setTimeout(resolve, 300))',
      policy: { limits },
    })
    const busy = await gate.run({
      code: 'let x = 0; for (let i = 0; i < 3e8; i += 1) x += i; return x > 0',
      policy: { limits },
    })
    const large = await gate.run({
      code: 'const all = []; for (let i = 0; i < 40; i += 1) all.push(new Uint8Array(2 ** 20).fill(1)); await new Promise((resolve) => setTimeout(resolve, 100)); return all.length',
      policy: { limits },
    })
    expect(idle.usage.wallMs).toBeGreaterThanOrEqual(300)
    expect(idle.usage.cpuMs).toBeLessThan(busy.usage.cpuMs)
    expect(busy.usage.cpuMs).toBeGreaterThan(20)
    expect(large.usage.memoryPeakBytes).toBeGreaterThan(30 * 2 ** 20)
    expect(large.usage.memoryPeakBytes).toBeLessThan(128 * 2 ** 20)
  })
})

describe('the price of CPU time', () => {
  it('is charged beside the calls', async () => {
    await using gate = await openGateOf({ tools: [buy()] })
    const code = 'await tools.buy({}); let x = 0; for (let i = 0; i < 2e8; i += 1) x += i; return x > 0'
    const { usage } = await gate.run({
      code,
      policy: policyOf({ max_cost_usd: 10 }, { prices: { cpu_second_usd: 0.5 } }),
    })
    expect(usage.costUsd).toBeCloseTo(0.01 + Math.ceil(usage.cpuMs * 500) / 1e6, 5)
  })

  it('ends a run that has computed its money away, with alerts on the way', async () => {
    const alerts: RunEvent[] = []
    await using gate = await openGateOf({
      onEvent: (event) => void (event.kind === 'cost_alert' && alerts.push(event)),
    })
    const policy = {
      limits: { max_cost_usd: 0.01, max_duration_seconds: 60, max_cpu_seconds: 60 },
      prices: { cpu_second_usd: 0.05 },
      cost_alerts: [0.5, 1],
    }
    const { error, usage, costAlerts } = await gate.run({ code: 'for (;;);', policy })
    expect(error).toMatchObject({ code: 'LIMIT_COST', gate: 'watchdog', rule: 'limits.max_cost_usd' })
    expect(usage.cpuMs).toBeGreaterThanOrEqual(200)
    expect(costAlerts).toEqual([0.5, 1])
    expect(alerts).toMatchObject([{ threshold: 0.5 }, { threshold: 1 }])
  })

  it('leaves no money for a call that would need it', async () => {
    let bought = 0
    const counting = defineTool({
      name: 'buy',
      description: 'Costs a cent.',
      input: z.strictObject({}),
      output: z.number(),
      effect: 'write',
      costUsd: 0.01,
      perform: () => (bought += 1),
    })
    await using gate = await openGateOf({ tools: [counting] })
    const code =
      'const end = 4e8; let x = 0; for (let i = 0; i < end; i += 1) x += i; try { return await tools.buy({}) } catch ({ code, gate }) { return [code, gate] }'
    const policy = policyOf(
      { max_cost_usd: 0.01, max_duration_seconds: 60, max_cpu_seconds: 60 },
      { prices: { cpu_second_usd: 0.001 } },
    )
    const { error } = await gate.run({ code, policy })
    expect(error).toMatchObject({ code: 'LIMIT_COST', gate: 'reserve' })
    expect(bought).toBe(0)
  })
})

describe('a hold on money', () => {
  it('refuses the call before the work, and gives back what was not used', async () => {
    await using gate = await openGateOf({ tools: [buy(0.001)] })
    const code = 'let n = 0; for (; n < 20; n += 1) await tools.buy({}); return n'
    const cheap = await gate.run({ code, policy: policyOf({ max_cost_usd: 0.03 }) })
    expect([cheap.value, cheap.usage.costUsd]).toEqual([20, 0.02])
    const dear = await gate.run({ code, policy: policyOf({ max_cost_usd: 0.009 }) })
    expect(dear.error).toMatchObject({ code: 'LIMIT_COST', gate: 'reserve' })
    expect(dear.usage.costUsd).toBe(0)
  })
})

describe('max_duration_seconds', () => {
  it('does not count the time that a human takes, and counts what the tool does meanwhile', async () => {
    const outbox = new Outbox()
    const approve = async (): Promise<boolean> => {
      await new Promise((resolve) => {
        setTimeout(resolve, 800)
      })
      return true
    }
    await using gate = await openGateOf({ tools: [outbox.tool], approve })
    const policy = mailPolicy({}, { limits: { max_duration_seconds: 0.5, max_cpu_seconds: 0.2 } })
    const patient = await gate.run({ code: SEND_ONE, input: MESSAGE, policy })
    expect([patient.status, patient.value]).toEqual(['done', 'mail-1'])
    expect(patient.usage.wallMs).toBeLessThan(500)
    const impatient = await gate.run({
      code: 'export default (m, { tools }) => { tools.send_email(m); for (;;); }',
      input: MESSAGE,
      policy,
    })
    expect(['LIMIT_CPU', 'LIMIT_DURATION']).toContain(impatient.error?.code)
    expect(outbox.sent).toHaveLength(1)
  })

  it('goes on when the last human has answered', async () => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool], approve: () => true })
    const code =
      SEND_ONE.replace('export default', 'const send =') +
      '\nexport default async (m, c) => { await Promise.all([send(m, c), send(m, c)]); await new Promise(() => undefined) }'
    const { error } = await gate.run({
      code,
      input: MESSAGE,
      policy: mailPolicy({}, { limits: { max_duration_seconds: 0.4 } }),
    })
    expect(error).toMatchObject({ code: 'LIMIT_DURATION', gate: 'watchdog' })
    expect(outbox.sent).toHaveLength(2)
  })
})

describe('runs that are kept', () => {
  it('are found by id, and listed newest first, by task and up to a limit', async () => {
    await using gate = await openGateOf({})
    const results = []
    for (const task of ['a', 'b', 'a']) results.push(await gate.run({ code: 'return 1', policy: {}, task }))
    const ids = results.map(({ runId }) => runId)
    expect((await gate.runs.list()).map(({ runId }) => runId)).toEqual([ids[2], ids[1], ids[0]])
    expect((await gate.runs.list({ task: 'a', limit: 1 })).map(({ runId }) => runId)).toEqual([ids[2]])
    expect(await gate.runs.get(ids[1] ?? '')).toEqual(results[1])
    expect(await gate.runs.get('run_none')).toBeUndefined()
  })
})
