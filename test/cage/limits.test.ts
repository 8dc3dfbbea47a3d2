import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { CageDriver, type Outcome } from './cage-driver.ts'

const driver = new CageDriver()
afterAll(() => driver.close())

const SEGMENT_MS = 200
/** What a busy machine may add. */
const GRACE_MS = 1_000

/** How a run was ended: its fault, or the signal by which the watchdog ended the cage; on a busy machine that may come first. */
const endOf = ({ fault, exit }: Outcome): string => fault ?? exit?.signal ?? 'none'

const expectTimeout = (outcome: Outcome): void => {
  expect(['timeout', 'SIGKILL']).toContain(endOf(outcome))
  expect(outcome.tookMs).toBeGreaterThanOrEqual(SEGMENT_MS)
  expect(outcome.tookMs).toBeLessThan(SEGMENT_MS + GRACE_MS)
}

describe('a tool that never stops computing ends as timeout', () => {
  const loops = {
    'a plain loop': 'export default () => { for (;;); }',
    'a loop at the top level': 'for (;;);',
    'a loop at the top level, after an await': 'await 1; for (;;);',
    'a loop after an await': 'export default async () => { await 1; for (;;); }',
    'a loop after a call': 'export default async (_, { tools }) => { await tools.echo(1); for (;;); }',
    'a loop in a timer': 'export default () => new Promise(() => setTimeout(() => { for (;;); }, 5))',
    'a storm of microtasks':
      'export default () => new Promise(() => { const again = () => Promise.resolve().then(again); again() })',
    'a loop in a getter of what it throws': 'export default () => { throw { get message() { for (;;); } } }',
    'a loop in a getter of what it returns': 'export default () => ({ get a() { for (;;); } })',
    'a loop in a trap of what it passes':
      'export default (_, { tools }) => tools.echo(new Proxy({}, { ownKeys() { for (;;); } }))',
    'a loop in the comparison of a sort': 'export default () => [3, 2, 1].sort(() => { for (;;); })',
    'a regular expression that backtracks': 'export default () => /^(a+)+$/.test("a".repeat(40) + "b")',
    'recursion that never gives up':
      'export default () => { const dive = () => { try { dive() } finally { dive() } }; dive() }',
    'a loop that fills arrays':
      'export default () => { const kept = []; for (;;) { kept.push(new Array(50).fill(7)); if (kept.length > 100) kept.length = 0 } }',
    'a loop that is caught':
      'export default () => { for (;;) try { for (;;); } catch {} finally { for (;;); } }',
  }
  for (const [name, code] of Object.entries(loops))
    it(`${name}`, async () => {
      expectTimeout(
        await driver.run({ code, ops: ['tools.echo'], answer: () => ({ value: 1 }), segmentMs: SEGMENT_MS }),
      )
      expect(await driver.valueOf('return "still here"')).toBe('still here')
    })
})

describe('a tool that the engine cannot stop', () => {
  it('is ended from outside: a getter that loops while its top-level error is read', async () => {
    const outcome = await driver.run({
      code: 'throw { get message() { for (;;); } }',
      segmentMs: SEGMENT_MS,
      deadlineMs: 600,
    })
    expect(outcome.exit?.signal).toBe('SIGKILL')
    expect(await driver.valueOf('return "still here"')).toBe('still here')
  })

  it('is ended from outside: a promise that never settles, with nothing under way', async () => {
    const outcome = await driver.run({
      code: 'export default () => new Promise(() => undefined)',
      deadlineMs: 400,
    })
    expect(outcome.exit?.signal).toBe('SIGKILL')
  })
})

const residentMb = (pid: number | undefined): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}

describe('a tool that takes all memory ends as memory', () => {
  const bombs = {
    'objects that are kept':
      'export default () => { globalThis.kept = []; for (;;) kept.push(new Array(1_000).fill(7)) }',
    'at the top level': 'globalThis.kept = []; for (;;) kept.push({ a: [kept.length] })',
    strings:
      'export default () => { globalThis.kept = []; for (let i = 0; ; i += 1) kept.push(String(i).padEnd(1_000, "x").split("").join("-")) }',
    buffers:
      'export default () => { globalThis.kept = []; for (;;) kept.push(new Uint8Array(1_000_000).fill(1)) }',
    'after a call':
      'export default async (_, { tools }) => { await tools.echo(1); globalThis.kept = []; for (;;) kept.push({ a: [kept.length] }) }',
    'while caught':
      'export default () => { globalThis.kept = []; for (;;) try { for (;;) kept.push(new Array(1_000).fill(7)) } catch {} }',
  }
  for (const [name, code] of Object.entries(bombs))
    it(`${name}`, async () => {
      const outcome = await driver.run({
        code,
        ops: ['tools.echo'],
        answer: () => ({ value: 1 }),
        segmentMs: 8_000,
      })
      expect(['memory', 'SIGKILL']).toContain(endOf(outcome))
      expect(residentMb(driver.pid)).toBeLessThan(400)
      expect(await driver.valueOf('return "still here"')).toBe('still here')
    })

  it('or as the death of the process, when V8 itself gives up', async () => {
    const outcome = await driver.run({
      code: 'export default () => "a".repeat(2 ** 28).split("")',
      segmentMs: 8_000,
    })
    expect(outcome.exit?.signal ?? outcome.fault).toMatch(/SIGTRAP|SIGABRT|SIGILL|SIGKILL|memory/)
    expect(await driver.valueOf('return "still here"')).toBe('still here')
  })
})

describe('floods', () => {
  it('of log lines are cut after logBytesMax, with one mark', async () => {
    const code =
      'export default () => { for (let i = 0; i < 100_000; i += 1) console.log("line", i); return "done" }'
    const outcome = await driver.run({ code, logBytesMax: 1_000, segmentMs: 8_000 })
    expect(outcome.value).toBe('done')
    const texts = outcome.logs.map(({ text }) => text)
    expect(texts.slice(0, -1).join('').length).toBeLessThanOrEqual(1_000)
    expect(texts.at(-1)).toBe('… [cut]')
    expect(texts.filter((text) => text.includes('[cut]'))).toHaveLength(1)
  })

  it('of calls wait for the host: the cage holds no more than it may', async () => {
    const code = `export default async (_, { tools }) => {
      const all = []
      for (let i = 0; i < 20_000; i += 1) all.push(tools.echo({ i, text: 'x'.repeat(500) }))
      await Promise.all(all)
      return all.length
    }`
    const outcome = await driver.run({
      code,
      ops: ['tools.echo'],
      answer: () => ({ value: 1 }),
      segmentMs: 20_000,
      deadlineMs: 25_000,
      memoryMb: 128,
    })
    expect(outcome.value).toBe(20_000)
    expect(outcome.calls).toHaveLength(20_000)
    expect(residentMb(driver.pid)).toBeLessThan(400)
  })

  it('of timers end as an error of the guest', async () => {
    const body =
      'try { for (let i = 0; i < 1_000; i += 1) setTimeout(() => null, 1_000) } catch (error) { return error.code }'
    const outcome = await driver.run({ code: `export default () => { ${body} }` })
    expect(outcome.value).toBe('LIMIT_TIMERS')
    expect(outcome.timers).toHaveLength(256)
  })
})
