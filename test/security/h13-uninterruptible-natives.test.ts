import { describe, expect, it } from 'vitest'
import type { RunResult } from '../../src/index.ts'
import { Bystander, type Beside } from '../run/bystander.ts'
import { openGateOf, type Replace } from '../run/gates.ts'
import { withoutWatch } from '../run/weak-parts.ts'

/** One call into native code each, which looks at no clock; only the end of the process ends it. */
const STUCK = {
  'indexOf over a sparse array': 'new Array(2 ** 32 - 1).indexOf(1)',
  'map over a sparse array': 'new Array(2 ** 32 - 1).map((x) => x)',
  'sort of a sparse array': 'new Array(2 ** 32 - 1).sort()',
  'a BigInt as text': '(10n ** 30000000n).toString()',
  'powers of a BigInt': 'let x = 3n ** 1000000n; for (;;) x = (x * x) % (3n ** 2000000n)',
  'an error whose message loops': 'throw { get message() { for (;;); } }',
  'an error whose stack loops': 'throw Object.defineProperty(new Error(), "stack", { get() { for (;;); } })',
  'a rejection whose name loops': 'await Promise.reject({ get name() { for (;;); } })',
  'normalization again and again': 'const s = "\\u0041\\u030a".repeat(2 ** 21); for (;;) s.normalize("NFC")',
  'a scan of a typed array': 'const a = new Uint8Array(2 ** 25); for (;;) a.lastIndexOf(1)',
}
/** Natives that want memory as fast as they compute: which of the two limits is first is the machine's affair. */
const GREEDY = {
  'a fill of a huge array': 'new Array(2 ** 32 - 2).fill(0)',
  'a copy of a huge array': 'new Array(2 ** 32 - 2).with(0, 1)',
  'a text split into letters': '"a".repeat(2 ** 28).split("")',
  'a template of a huge length': 'String.raw({ raw: { length: 2 ** 40 } })',
  'a giant JSON text':
    'const s = "[" + "0,".repeat(2 ** 22) + "0]"; const all = []; for (;;) all.push(JSON.parse(s))',
  'a deep JSON text': 'JSON.parse("[".repeat(2 ** 22) + "]".repeat(2 ** 22))',
  'a giant text padded': '"x".padEnd(2 ** 29 - 25, "ab").replace(/a/g, "bbb")',
}

const POLICY = { limits: { max_duration_seconds: 0.5, max_cpu_seconds: 60, max_memory_mb: 256 } }

const attack = async (code: string, replace?: Replace): Promise<Beside<RunResult> & { next: RunResult }> => {
  const bystander = new Bystander()
  await using gate = await openGateOf({ tools: [bystander.tool], concurrentRunsMax: 4 }, replace)
  const beside = await bystander.beside(gate, () => gate.run({ code, policy: POLICY }))
  return { ...beside, next: await gate.run({ code: 'return "next"', policy: POLICY }) }
}

describe.each(Object.entries(STUCK))('%s', (_, code) => {
  it('is ended with its process at max_duration_seconds; others are answered and the next run works', async () => {
    const { outcome, bystander, answered, next } = await attack(code)
    expect(outcome.status).toBe('failed')
    expect(outcome.error).toMatchObject({ code: 'LIMIT_DURATION', gate: 'watchdog' })
    expect(answered).toBeGreaterThan(0)
    expect(bystander.status).toBe('done')
    expect(next.value).toBe('next')
  })
})

describe.each(Object.entries(GREEDY))('%s', (_, code) => {
  it('is ended by one of the limits; others are answered and the next run works', async () => {
    const { outcome, bystander, answered, next } = await attack(code)
    expect(outcome.status).toBe('failed')
    expect(outcome.error?.gate).toBe('watchdog')
    expect(['LIMIT_DURATION', 'LIMIT_MEMORY']).toContain(outcome.error?.code)
    expect(answered).toBeGreaterThan(0)
    expect(bystander.status).toBe('done')
    expect(next.value).toBe('next')
  })
})

describe('negative control: without the watch', () => {
  it.each([STUCK['indexOf over a sparse array'], STUCK['an error whose message loops']])(
    'nothing ends %s',
    async (code) => {
      const bystander = new Bystander()
      await using gate = await openGateOf({ tools: [bystander.tool], concurrentRunsMax: 4 }, withoutWatch)
      const cancel = new AbortController()
      const { outcome } = await bystander.beside(gate, async () => {
        const running = gate.run({ code, policy: POLICY, signal: cancel.signal })
        await Promise.race([bystander.turns(150), running])
        cancel.abort()
        return running
      })
      expect(outcome.status).toBe('cancelled')
    },
  )
})
