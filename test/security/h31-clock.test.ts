/**
 * What is promised (README, "What a tool sees"; SECURITY.md, "What is not covered"): while code runs every clock stands still, and
 * nothing in the realm counts beside it; between two stretches time moves by whole milliseconds, as the host says. How long the
 * host took can therefore be seen at that grain: timing is a channel that is named, not closed. No part of this release is handed
 * a token to compare.
 */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { launchCage } from '../../src/cage/launch.ts'
import { defineTool, type RunResult } from '../../src/index.ts'
import { weakCage } from '../cage/weak-cage.ts'
import { openGate } from '../harness/gate.ts'

/** Far from any real clock, so that one that shows through is known. */
const VIRTUAL_MS = Date.UTC(2001, 1, 3, 4, 5, 6, 789)

const CLOCKS = `
  const timed = typeof performance === 'undefined' ? [] : [() => performance.now(), () => performance.timeOrigin]
  const temporal = typeof Temporal === 'undefined' ? [] : [
    () => Temporal.Now.instant(), () => Temporal.Now.zonedDateTimeISO(), () => Temporal.Now.plainDateTimeISO('Asia/Tokyo'),
    () => Temporal.Now.plainTimeISO(), () => Temporal.Now.plainDateISO(),
  ]
  const clocks = () => [
    () => Date.now(), () => Date(), () => new Date().toISOString(), () => new (class extends Date {})().getTime(),
    () => Reflect.construct(Date, [], Object) instanceof Object && new Date().toLocaleString('en', { fractionalSecondDigits: 3 }),
    () => new Intl.DateTimeFormat('en', { timeStyle: 'medium', dateStyle: 'medium' }).format(),
    () => JSON.stringify(new Intl.DateTimeFormat('en', { fractionalSecondDigits: 3 }).formatToParts()),
    ...timed, ...temporal,
  ].map((clock) => String(clock()))
  const busy = () => { let x = 0; for (let i = 0; i < 4e7; i += 1) x += i; return x }
`
const STANDING = `${CLOCKS} const before = clocks(); busy(); return { before, after: clocks() }`

/**
 * Calls every function that can be reached, bare, on its holder and with \`new\`, and every method of what comes back; tells where
 * a value looks like the real time, which is the input.
 */
const SEARCH = String.raw`
  const realMs = input
  const year = '2' + String(new Date(realMs).getUTCFullYear()).slice(1)
  const found = [], seen = new Set(), queue = []
  let calls = 0
  const looksReal = (value) => {
    if (typeof value === 'string') return value.includes(year)
    if (typeof value !== 'number' && typeof value !== 'bigint') return false
    return [1e-3, 1, 1e3, 1e6].some((scale) => Math.abs(Number(value) - realMs * scale) < 864e5 * scale)
  }
  const isThing = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function'
  const judge = (value, path, depth) => {
    if (looksReal(value)) found.push(path)
    if (!isThing(value)) return
    for (const spell of [(v) => String(v), (v) => JSON.stringify(v), (v) => Number(v)]) {
      try { if (looksReal(spell(value))) { found.push(path); break } } catch {}
    }
    if (depth === 0) return
    for (let up = value; up !== null && up !== Object.prototype && up !== Function.prototype; up = Reflect.getPrototypeOf(up)) {
      for (const key of Reflect.ownKeys(up)) {
        let member
        try { member = value[key] } catch { continue }
        if (typeof member === 'function') call(member, value, path + '().' + String(key), depth - 1)
        else judge(member, path + '().' + String(key), 0)
      }
    }
  }
  const call = (work, holder, path, depth) => {
    calls += 1
    for (const way of [() => work.call(holder), () => work(), () => new work(), () => work.call(holder, undefined), () => new work('en')])
      try { judge(way(), path, depth) } catch {}
  }
  const visit = (value, path, holder) => {
    if (!isThing(value) || seen.has(value)) return
    seen.add(value)
    queue.push([value, path, holder])
  }
  visit(globalThis, 'globalThis', undefined)
  const all = []
  while (queue.length > 0) {
    const [value, path, holder] = queue.pop()
    all.push([value, path, holder])
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key)
      for (const part of [descriptor?.value, descriptor?.get]) visit(part, path + '.' + String(key), value)
    }
    visit(Reflect.getPrototypeOf(value), path + '.[[Prototype]]', undefined)
  }
  for (const [value, path, holder] of all) if (typeof value === 'function') call(value, holder, path, 1)
  return { found: [...new Set(found)], calls }`

const LIMITS = { limits: { max_duration_seconds: 20, max_memory_mb: 256 } }
const WEAK_CLOCK = `const nothing = () => undefined
  export const installClock = () => new Proxy({ now: () => 0 }, { get: (known, name) => known[name] ?? nothing })`

type Given = { readonly input?: unknown; readonly entry?: string; readonly now?: () => number }

const run = async (
  code: string,
  { input = null, entry, now = () => VIRTUAL_MS }: Given = {},
): Promise<RunResult> => {
  const slow = defineTool({
    name: 'slow',
    description: 'Takes a while.',
    input: z.strictObject({}),
    output: z.null(),
    effect: 'read',
    perform: () =>
      new Promise<null>((resolve) => {
        setTimeout(() => resolve(null), 3)
      }),
  })
  const powers = { now, ...(entry !== undefined && { launchCage: () => launchCage({ entry }) }) }
  await using gate = await openGate({ tools: [slow], powers })
  return await gate.run({ code, input, policy: { permissions: { tools: { slow: {} } }, ...LIMITS } })
}

describe('a clock', () => {
  it('shows what the host said, and stands still while code runs, whichever it is', async () => {
    const { value } = await run(STANDING)
    const { before, after } = value as { before: string[]; after: string[] }
    expect(after).toEqual(before)
    expect(before[0]).toBe(String(VIRTUAL_MS))
    expect(before.every((text) => !text.includes(String(new Date().getFullYear())))).toBe(true)
  })

  it('of the machine shows through no function of the realm, however it is called', async () => {
    const { value } = await run(SEARCH, { input: Date.now() })
    const { found, calls } = value as { found: string[]; calls: number }
    expect(found).toEqual([])
    expect(calls).toBeGreaterThan(1_000)
  })

  it('cannot be made from a second thread, shared memory, the collector or another realm', async () => {
    const names = [
      'SharedArrayBuffer',
      'Atomics',
      'WebAssembly',
      'Worker',
      'MessageChannel',
      'BroadcastChannel',
      'WeakRef',
      'FinalizationRegistry',
      'ShadowRealm',
      'setImmediate',
      'requestAnimationFrame',
      'process',
    ]
    const { value } = await run(`return input.filter((name) => name in globalThis)`, { input: names })
    expect(value).toEqual([])
  })

  it('cannot be made from timers within a stretch: none fires until code has yielded', async () => {
    const code = `${CLOCKS}
      let ticks = 0
      const id = setInterval(() => { ticks += 1 }, 0)
      for (let n = 0; n < 50; n += 1) setTimeout(() => { ticks += 1 }, n)
      busy(); queueMicrotask(() => undefined); busy()
      const within = ticks
      await new Promise((resolve) => setTimeout(resolve, 60))
      clearInterval(id)
      return { within, later: ticks }`
    const { value } = await run(code)
    expect(value).toMatchObject({ within: 0 })
    expect((value as { later: number }).later).toBeGreaterThan(0)
  })
})

describe('between stretches', () => {
  const WAITS = `
    const seen = []
    for (let n = 0; n < 8; n += 1) { await tools.slow({}); seen.push(Date.now(), performance.now()) }
    return seen`

  it('time moves by whole milliseconds', async () => {
    const { value } = await run(WAITS, { now: () => VIRTUAL_MS + Math.floor(performance.now()) })
    const seen = value as number[]
    expect(seen.every((moment) => Number.isInteger(moment))).toBe(true)
    expect((seen[14] ?? 0) > (seen[0] ?? 0)).toBe(true)
  })

  it('time never goes back, whatever the clock of the machine does', async () => {
    let nowMs = VIRTUAL_MS
    const { value } = await run(WAITS, { now: () => (nowMs -= 1_000) })
    const dates = (value as number[]).filter((_, at) => at % 2 === 0)
    expect(new Set(dates).size).toBe(1)
  })
})

describe('negative control: with a kernel that leaves the clocks of the language as they are', () => {
  it('they move while code runs', async () => {
    const { value } = await run(STANDING, {
      entry: await weakCage('h31-standing', { 'runtime/kernel/clock.ts': WEAK_CLOCK }),
    })
    const { before, after } = value as { before: string[]; after: string[] }
    expect(after).not.toEqual(before)
  })

  it('the search finds the time of the machine in more than one place', async () => {
    const entry = await weakCage('h31-search', { 'runtime/kernel/clock.ts': WEAK_CLOCK })
    const { value } = await run(SEARCH, { input: Date.now(), entry })
    const { found } = value as { found: string[] }
    expect(found).toEqual(expect.arrayContaining(['globalThis.Date.now']))
    expect(found.length).toBeGreaterThan(2)
  })
})
