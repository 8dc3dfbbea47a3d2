import { afterAll, describe, expect, it } from 'vitest'
import { CageDriver, START_MS } from '../cage/cage-driver.ts'
import { weakCage } from '../cage/weak-cage.ts'

const driver = new CageDriver()
afterAll(() => driver.close())

/** Every way in which the language tells the time, as text. */
const CLOCKS = `
const clocks = () => [
  new Date().toISOString(), Date(), String(Date.now()), String(performance.now()), String(performance.timeOrigin),
  new Intl.DateTimeFormat('en', { dateStyle: 'full', timeStyle: 'full' }).format(),
  new Intl.DateTimeFormat('en', { timeStyle: 'full', fractionalSecondDigits: undefined }).formatToParts().map((part) => part.value).join('').replaceAll('\u202f', ' '),
  new (class extends Date {})().toISOString(), Reflect.construct(Date, []).toISOString(),
  ...(globalThis.Temporal === undefined ? [] : [
    Temporal.Now.instant(), Temporal.Now.zonedDateTimeISO(), Temporal.Now.zonedDateTimeISO('Asia/Tokyo'), Temporal.Now.plainDateISO(),
    Temporal.Now.plainTimeISO(), Temporal.Now.plainDateTimeISO('America/New_York'), Temporal.Now.timeZoneId(),
  ].map(String)),
]
const busy = () => { let x = 0; for (let i = 0; i < 3e7; i += 1) x += i; return x }
`
const STANDING = `${CLOCKS}
export default () => { const before = clocks(); busy(); return { before, after: clocks() } }`

/** What Temporal says at that moment, where the engine has it. */
const TEMPORAL = [
  '2023-11-14T22:13:20Z',
  '2023-11-14T22:13:20+00:00[UTC]',
  '2023-11-15T07:13:20+09:00[Asia/Tokyo]',
  '2023-11-14',
  '22:13:20',
  '2023-11-14T17:13:20',
  'UTC',
]

describe('virtual time', () => {
  it('is what the host said, on every clock', async () => {
    const { value } = await driver.run({ code: `${CLOCKS} export default () => clocks()` })
    expect(value).toEqual([
      '2023-11-14T22:13:20.000Z',
      'Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)',
      String(START_MS),
      '0',
      String(START_MS),
      'Tuesday, November 14, 2023 at 10:13:20 PM Coordinated Universal Time',
      '10:13:20 PM Coordinated Universal Time',
      '2023-11-14T22:13:20.000Z',
      '2023-11-14T22:13:20.000Z',
      ...('Temporal' in globalThis ? TEMPORAL : []),
    ])
  })

  it('stands still while the guest computes', async () => {
    const { value } = await driver.run({ code: STANDING, segmentMs: 8_000 })
    const { before, after } = value as { before: string[]; after: string[] }
    expect(after).toEqual(before)
  })

  it('would not stand still without the kernel’s clock', async () => {
    const weak = new CageDriver(
      await weakCage('no-clock', {
        'runtime/kernel/clock.ts':
          'export const installClock = () => ({ now: () => 0, settleTemporal() {}, start() {}, moveTo() {} })',
      }),
    )
    const code = STANDING.replaceAll('String(performance.now()), String(performance.timeOrigin),', '')
    const { value } = await weak.run({ code, segmentMs: 8_000 })
    weak.close()
    const { before, after } = value as { before: string[]; after: string[] }
    expect(after).not.toEqual(before)
    expect(before[0]).not.toContain('2023')
  })

  it('moves with what the host delivers, and never back', async () => {
    const body = `const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
      const seen = [performance.now()]
      await wait(50); seen.push(performance.now())
      await wait(25); seen.push(performance.now(), Date.now())
      return seen`
    expect(await driver.valueOf(body)).toEqual([0, 50, 75, START_MS + 75])
  })

  it('leaves given dates alone', async () => {
    const body = `return [new Date(0).toISOString(), new Date(2020, 1, 29).toISOString(), new Date('2020-02-29').getTime(), Date.UTC(2020, 0), Date.length, Date.name,
      new Date(0) instanceof Date, new Date(0).constructor === Date, new Intl.DateTimeFormat('en').format(0), typeof Date.parse('x')]`
    expect(await driver.valueOf(body)).toEqual([
      '1970-01-01T00:00:00.000Z',
      '2020-02-29T00:00:00.000Z',
      1582934400000,
      1577836800000,
      7,
      'Date',
      true,
      true,
      '1/1/1970',
      'number',
    ])
  })
})

describe('timers', () => {
  it('fire in the order of their time, then of their making, with their arguments', async () => {
    const body = `const seen = []
      setTimeout((...given) => seen.push(given), 30, 'late', 1)
      setTimeout(() => seen.push('first'), 10)
      setTimeout(() => seen.push('second'), 10)
      setTimeout(() => seen.push('soon'))
      const gone = setTimeout(() => seen.push('never'), 5)
      clearTimeout(gone)
      await new Promise((resolve) => setTimeout(resolve, 40))
      return seen`
    const outcome = await driver.run({ code: `export default async () => { ${body} }` })
    expect(outcome.value).toEqual(['soon', 'first', 'second', ['late', 1]])
    expect(outcome.timers).toEqual([30, 10, 10, 0, 5, 40])
    expect(outcome.calls).toEqual([])
  })

  it('repeat until they are cleared', async () => {
    const body = `let n = 0
      await new Promise((resolve) => { const id = setInterval(() => { n += 1; if (n === 4) { clearInterval(id); resolve() } }, 10) })
      return [n, performance.now()]`
    expect(await driver.valueOf(body)).toEqual([4, 40])
  })

  it('take any delay, and only a function', async () => {
    const body = `for (const delay of [undefined, null, NaN, -5, '7', 1.9, 1e99, Infinity, {}]) setTimeout(() => null, delay)
      const failures = []
      for (const work of ['code()', null, undefined, {}]) try { setTimeout(work, 1) } catch (error) { failures.push(error.constructor === TypeError) }
      return failures`
    const outcome = await driver.run({ code: `export default () => { ${body} }` })
    expect(outcome.value).toEqual([true, true, true, true])
    expect(outcome.timers).toEqual([0, 0, 0, 0, 7, 1, 2 ** 31 - 1, 2 ** 31 - 1, 0])
  })

  it('that throw end in the log, not in the run', async () => {
    const body = `setTimeout(() => { throw new Error('lost') }, 1); queueMicrotask(() => { throw 'lost too' })
      await new Promise((resolve) => setTimeout(resolve, 5)); return 'fine'`
    const outcome = await driver.run({ code: `export default async () => { ${body} }` })
    expect(outcome.value).toBe('fine')
    expect(outcome.logs.map(({ level, text }) => [level, text.split('\n')[0]])).toEqual([
      ['error', 'Uncaught in a callback: lost too'],
      ['error', 'Uncaught in a callback: Error: lost'],
    ])
  })

  it('come after microtasks', async () => {
    const body = `const seen = []
      setTimeout(() => seen.push('timer'), 0)
      queueMicrotask(() => seen.push('microtask'))
      Promise.resolve().then(() => seen.push('promise'))
      seen.push('now')
      await new Promise((resolve) => setTimeout(resolve, 1))
      return seen`
    expect(await driver.valueOf(body)).toEqual(['now', 'microtask', 'promise', 'timer'])
  })
})

describe('Math.random', () => {
  const code = 'export default () => Array.from({ length: 2_000 }, () => Math.random())'

  it('gives equal numbers for equal seeds and others for others', async () => {
    const first = (await driver.run({ code, seed: [5, 6, 7, 8] })).value
    expect((await driver.run({ code, seed: [5, 6, 7, 8] })).value).toEqual(first)
    expect((await driver.run({ code, seed: [5, 6, 7, 9] })).value).not.toEqual(first)
  })

  it('is spread evenly over [0, 1)', async () => {
    const numbers = (await driver.run({ code, seed: [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef] }))
      .value as number[]
    expect(numbers.every((one) => one >= 0 && one < 1)).toBe(true)
    const mean = numbers.reduce((sum, one) => sum + one, 0) / numbers.length
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03)
    expect((await driver.run({ code, seed: [0, 0, 0, 0] })).value).not.toEqual(numbers.map(() => 0))
  })
})
