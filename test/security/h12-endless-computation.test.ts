import { afterAll, describe, expect, it } from 'vitest'
import type { RunResult } from '../../src/index.ts'
import { Bystander, type Beside } from '../run/bystander.ts'
import { openGateOf } from '../run/gates.ts'
import { withoutWatch } from '../run/weak-parts.ts'

/** Bodies that never come to an end by themselves, and that an engine can interrupt. */
const ENDLESS = {
  'a loop': 'for (;;);',
  'a loop after an await': 'await new Promise((resolve) => setTimeout(resolve, 1)); for (;;);',
  'a loop after a call': 'await tools.still_wanted({}); for (;;);',
  'a storm of microtasks': 'const again = () => Promise.resolve().then(again); await again()',
  'a loop of awaits': 'for (;;) await null',
  'a sort comparator': '[3, 1, 2].sort(() => { for (;;); })',
  'a regular expression that backtracks': 'return /^(a+)+$/.test("a".repeat(40) + "b")',
  'recursion that finally goes on': 'const fall = () => { try { fall() } finally { fall() } }; fall()',
  'a generator without end':
    'const all = (function* () { for (;;) yield 1 })(); for (const one of all) if (one === 2) return one',
  'a promise that never settles': 'await new Promise(() => undefined)',
  'a thenable that never answers': 'await { then() {} }',
  'timers that set timers':
    'const again = () => setTimeout(again, 0); again(); await new Promise(() => undefined)',
}

const limited = (limits: object) => ({ permissions: { tools: { still_wanted: {} } }, limits })
const SHORT = limited({
  max_duration_seconds: 0.4,
  max_cpu_seconds: 60,
  max_tool_calls: 5,
  max_memory_mb: 512,
})

const attack = async (code: string, policy: object = SHORT): Promise<Beside<RunResult>> => {
  const bystander = new Bystander()
  await using gate = await openGateOf({ tools: [bystander.tool], concurrentRunsMax: 4 })
  return await bystander.beside(gate, () => gate.run({ code, policy }))
}

describe.each(Object.entries(ENDLESS))('%s', (_, code) => {
  it('is ended at max_duration_seconds, while another run is answered', async () => {
    const { outcome, bystander, answered } = await attack(code)
    expect(outcome.status).toBe('failed')
    expect(outcome.error).toMatchObject({
      code: 'LIMIT_DURATION',
      gate: 'watchdog',
      rule: 'limits.max_duration_seconds',
    })
    expect(outcome.usage.wallMs).toBeGreaterThanOrEqual(400)
    expect(answered).toBeGreaterThan(0)
    expect(bystander.status).toBe('done')
  })
})

describe('computing', () => {
  it.each(['for (;;);', 'await null; for (;;);', 'for (;;) await null'])(
    'is ended at max_cpu_seconds: %s',
    async (code) => {
      const policy = limited({ max_duration_seconds: 60, max_cpu_seconds: 0.2 })
      const { outcome, bystander } = await attack(code, policy)
      expect(outcome.error).toMatchObject({
        code: 'LIMIT_CPU',
        gate: 'watchdog',
        rule: 'limits.max_cpu_seconds',
      })
      expect(outcome.usage.cpuMs).toBeGreaterThanOrEqual(200)
      expect(bystander.status).toBe('done')
    },
  )

  it('does not count what a waiting tool leaves to others', async () => {
    const policy = limited({ max_duration_seconds: 60, max_cpu_seconds: 0.2 })
    const { outcome } = await attack(
      'await new Promise((resolve) => setTimeout(resolve, 400)); return "waited"',
      policy,
    )
    expect(outcome.value).toBe('waited')
  })
})

describe('after a run that was ended', () => {
  const gate = openGateOf({ spareCages: 1 })
  afterAll(async () => (await gate).close())

  it.each(Object.entries(ENDLESS).filter(([, code]) => !code.includes('tools')))(
    'the next run works: %s',
    async (_, code) => {
      const policy = { limits: { max_duration_seconds: 0.2, max_memory_mb: 512 } }
      const { error } = await (await gate).run({ code, policy })
      const next = await (
        await gate
      ).run({ code: 'return 6 * 7', policy: { limits: { max_duration_seconds: 30 } } })
      const again = await (
        await gate
      ).run({ code: 'return 6 * 7', policy: { limits: { max_duration_seconds: 30 } } })
      expect(error?.code).toBe('LIMIT_DURATION')
      expect([next.value, again.value]).toEqual([42, 42])
    },
  )
})

describe('negative control: without the watch', () => {
  it.each([ENDLESS['a loop'], ENDLESS['a promise that never settles'], ENDLESS['a loop of awaits']])(
    'nothing ends %s',
    async (code) => {
      const bystander = new Bystander()
      await using gate = await openGateOf({ tools: [bystander.tool], concurrentRunsMax: 4 }, withoutWatch)
      const cancel = new AbortController()
      const { outcome } = await bystander.beside(gate, async () => {
        const running = gate.run({ code, policy: SHORT, signal: cancel.signal })
        // Far more than 0.4 s: each turn waits 10 ms.
        await Promise.race([bystander.turns(120), running])
        cancel.abort()
        return running
      })
      expect(outcome.status).toBe('cancelled')
    },
  )
})
