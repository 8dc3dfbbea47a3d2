import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import type { RunResult } from '../../src/index.ts'
import { Bystander, type Beside } from '../run/bystander.ts'
import { openGateOf, type Replace } from '../run/gates.ts'
import { withoutWatch } from '../run/weak-parts.ts'

const MB = 1024 * 1024
const MEMORY_MB = 32
const grow = (one: string): string => `const all = []; for (let i = 0; ; i += 1) all.push(${one})`

/** Each kind of memory that an engine keeps in a place of its own. */
const KINDS = {
  'objects of the heap': grow('{ i }'),
  closures: grow('() => i'),
  promises: grow('new Promise(() => undefined).then(() => i)'),
  'a map': 'const map = new Map(); for (let i = 0; ; i += 1) map.set(i, i)',
  'ArrayBuffers that are written': grow('new Uint8Array(2 ** 20).fill(1)'),
  'ArrayBuffers that nobody touches': grow('new ArrayBuffer(2 ** 20)'),
  'one huge ArrayBuffer': 'return new Uint8Array(2 ** 31).fill(1).length',
  ropes:
    'let s = "abcdefgh"; const all = []; for (let i = 0; ; i += 1) { s += s.slice(0, 1000) + i; all.push(s) }',
  'flat texts':
    'const all = []; for (let i = 0; ; i += 1) { const s = "x".repeat(2 ** 18) + i; /y/.test(s); all.push(s) }',
  'JSON that doubles': 'let o = {}; for (;;) { o = { a: o, b: o }; JSON.stringify(o) }',
  'parsed JSON':
    'const s = JSON.stringify(Array(1000).fill({ a: [1, 2, 3] })); const all = []; for (;;) all.push(JSON.parse(s))',
  'number formats of Intl': grow('new Intl.NumberFormat("en", { minimumFractionDigits: i % 20 })'),
  'date formats of Intl': grow('new Intl.DateTimeFormat("de", { dateStyle: "full" })'),
  'collators of Intl': grow('new Intl.Collator("sv")'),
  symbols: grow('Symbol(`s${i}`)'),
  'registered symbols': 'for (let i = 0; ; i += 1) Symbol.for(`s${i}`)',
  BigInts: 'const all = []; for (let i = 0n; ; i += 1n) all.push(2n ** 100000n + i)',
  'proxies of proxies': 'let p = {}; for (;;) p = new Proxy(p, {})',
  'instants of Temporal': grow('Temporal.Instant.fromEpochMilliseconds(i)'),
}
const LIMITS = { max_duration_seconds: 100, max_cpu_seconds: 100, max_memory_mb: MEMORY_MB }

/** The largest resident size that a process ever had, in bytes. */
const peakOf = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

describe.each(Object.entries(KINDS))('growth of %s', (_, code) => {
  it(
    'is ended at max_memory_mb; others are answered and the next run works',
    { timeout: 110_000 },
    async () => {
      const bystander = new Bystander()
      await using gate = await openGateOf({ tools: [bystander.tool], concurrentRunsMax: 4 })
      const { outcome, ...beside } = await bystander.beside(gate, () =>
        gate.run({ code, policy: { limits: LIMITS } }),
      )
      const next = await gate.run({ code: 'return "next"', policy: { limits: LIMITS } })
      expect(outcome.status).toBe('failed')
      expect(outcome.error).toMatchObject({
        code: 'LIMIT_MEMORY',
        gate: 'watchdog',
        rule: 'limits.max_memory_mb',
      })
      expect(outcome.usage.memoryPeakBytes).toBeLessThan(20 * MEMORY_MB * MB)
      expect(beside.bystander.status).toBe('done')
      expect(next.value).toBe('next')
    },
  )
})

/** Takes 300 MB in pieces and gives each time to look at it. */
const HOARD = `const all = []
  for (let i = 0; i < 300; i += 1) {
    all.push(new Uint8Array(2 ** 20).fill(1))
    await tools.still_wanted({})
  }
  return all.length`

const hoard = async (replace?: Replace): Promise<Beside<RunResult> & { peakBytes: number }> => {
  const bystander = new Bystander()
  const cages: Cage[] = []
  const launch = (): Cage => {
    const cage = launchCage()
    cages.push(cage)
    return cage
  }
  const options = { tools: [bystander.tool], concurrentRunsMax: 4, powers: { launchCage: launch } }
  await using gate = await openGateOf(options, replace)
  let peakBytes = 0
  const beside = await bystander.beside(gate, () =>
    gate.run({
      code: HOARD,
      policy: { permissions: { tools: { still_wanted: {} } }, limits: { ...LIMITS, max_tool_calls: 1000 } },
      // The cage of the hoarder is the one that was started last.
      onEvent: () => {
        peakBytes = Math.max(peakBytes, peakOf(cages.at(-1)?.nodePid() ?? 0))
      },
    }),
  )
  return { ...beside, peakBytes }
}

describe('a tool that hoards 300 MB and waits between', () => {
  it('never becomes larger than its limit and what an isolate needs beside it', async () => {
    const { outcome, peakBytes } = await hoard()
    expect(outcome.error).toMatchObject({ code: 'LIMIT_MEMORY', gate: 'watchdog' })
    expect(peakBytes).toBeLessThan(250 * MB)
  })

  it('negative control: hoards it all when nobody watches', async () => {
    const { outcome, peakBytes } = await hoard(withoutWatch)
    expect(outcome.value).toBe(300)
    expect(peakBytes).toBeGreaterThan(300 * MB)
  })
})

describe('a cage that served a large run', () => {
  it('does not let the next run grow from there', async () => {
    await using gate = await openGateOf({})
    const code =
      'const all = []; for (let i = 0; i < 20; i += 1) all.push(new Uint8Array(2 ** 20).fill(1)); return all.length'
    const peaks: number[] = []
    for (let run = 0; run < 12; run += 1) {
      const { value, usage } = await gate.run({ code, policy: { limits: LIMITS } })
      expect(value).toBe(20)
      peaks.push(usage.memoryPeakBytes)
    }
    expect(Math.max(...peaks)).toBeLessThan((MEMORY_MB + 48) * MB)
  })
})
