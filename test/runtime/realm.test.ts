import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PERMITTED_GLOBALS, PERMITTED_INTL } from '../../runtime/permits.ts'
import { CageDriver, type Reply, type SeenCall } from '../cage/cage-driver.ts'
import { weakCage } from '../cage/weak-cage.ts'
import { CRAWL, type Crawled } from './crawl.ts'

const driver = new CageDriver()
afterAll(() => driver.close())

const ops = ['tools.fail', 'tools.echo', 'http.request']
const refusal = { code: 'DENIED_NOT_GRANTED', message: 'no', gate: 'authorize', hint: 'h', retryable: false }
const page = {
  url: 'u',
  status: 200,
  statusText: 'OK',
  redirected: false,
  headers: [['a', 'b']],
  body: { text: '{}' },
}
const answer = ({ op, text }: SeenCall): Reply =>
  op === 'tools.fail' ? { error: refusal } : op === 'http.request' ? { value: page } : { json: text }

/** Whatever the guest can come to hold: globals, capabilities, results, and errors from everywhere. */
/** A tool has Temporal only when its text names it. */
const EVERYTHING = `// Temporal
${CRAWL}
export default async (input, capabilities) => {
  const caught = (work) => { try { work() } catch (error) { return error } }
  const dive = () => dive()
  const answer = await capabilities.http.get('u')
  return crawl({
    input, capabilities, answer,
    result: await capabilities.tools.echo({ a: [1] }),
    errors: [
      await capabilities.tools.fail().catch((error) => error), await capabilities.tools.echo(() => 1).catch((error) => error),
      await capabilities.http.get('u', 5).catch((error) => error), await import('node:fs').catch((error) => error),
      caught(() => setTimeout('x')), caught(() => Function('return 1')), caught(() => eval('1')), caught(dive), caught(() => null.x),
      caught(() => new ArrayBuffer(1, { maxByteLength: 2 })), caught(() => { for (let i = 0; i < 999; i += 1) setTimeout(() => 1, 1e6) }),
    ],
    meta: import.meta,
    promises: [capabilities.tools.echo(1), answer.text()],
  })
}`

const crawlIn = async (cage: CageDriver, code = EVERYTHING): Promise<Crawled> => {
  const outcome = await cage.run({ code, input: { a: 1 }, ops, answer, segmentMs: 20_000 })
  if (!outcome.ok) throw new Error(outcome.error?.message)
  return outcome.value as Crawled
}
const nameOf = (found: string): string => found.slice(found.indexOf(' ') + 1)

describe('what the guest can reach', () => {
  let found: Crawled
  let bare: Crawled
  beforeAll(async () => {
    found = await crawlIn(driver)
    bare = JSON.parse(runInNewContext(`${CRAWL}; JSON.stringify(crawl({}))`) as string) as Crawled
  })

  it('is a realm of some size, so that the crawl was one', () => {
    expect(found.count).toBeGreaterThan(700)
    expect(bare.count).toBeGreaterThan(700)
  })

  it('has exactly the globals of the list', () => {
    // An older engine lacks some; none has more.
    const present = PERMITTED_GLOBALS.filter((name) => name in globalThis)
    expect(found.globals.toSorted()).toEqual(present.toSorted())
  })

  it('has no Temporal for a tool that does not name it, and nothing else less', async () => {
    const { globals, natives } = await crawlIn(driver, EVERYTHING.replace('// Temporal', ''))
    expect(globals.toSorted()).toEqual(found.globals.filter((name) => name !== 'Temporal').toSorted())
    const names = new Set(natives.map(nameOf))
    const lacking = found.natives.filter((one) => !names.has(nameOf(one)) && !/Temporal/.test(one))
    expect(lacking).toEqual([])
  })

  it('has no native function that the bare language has not', () => {
    const known = new Set(bare.natives.map(nameOf))
    expect(found.natives.filter((one) => !known.has(nameOf(one)))).toEqual([])
  })

  it('has no function that makes code from text, while the bare language has', () => {
    expect(found.generators).toEqual([])
    expect(bare.generators.length).toBeGreaterThan(3)
  })

  it('has nothing of another realm', () => {
    expect(found.strangers).toEqual([])
  })

  it('has nothing that escapes limits: shared or growing memory, wasm, weak references, segmenters', () => {
    const banned =
      /WebAssembly|SharedArrayBuffer|Atomics|WeakRef|Finalization|Segment|BreakIterator|resizable|maxByteLength|^resize$/
    expect(found.natives.map(nameOf).filter((name) => banned.test(name))).toEqual([])
    expect(bare.natives.map(nameOf).filter((name) => banned.test(name)).length).toBeGreaterThan(5)
  })

  it('has no scripted function beyond those that the kernel means to give', () => {
    const given =
      /^(capabilities\.(http|tools)\.\w+|answer\.\w+|answer\.headers\.\w+|syntax\.[\w.]+|globalThis\.(console|performance|Math|Temporal\.Now|Intl\.DateTimeFormat\.prototype)\.\w+(\[get\])?|globalThis\.(Date|ArrayBuffer|Function|eval|setTimeout|setInterval|clearTimeout|clearInterval|queueMicrotask)(\.now)?|.*\.constructor(\.prepareStackTrace(\[[gs]et\]|\(\))|\.now)?|.*headers\.\w+)$/
    expect(found.scripted.filter((path) => !given.test(path))).toEqual([])
    expect(found.scripted.length).toBeLessThan(80)
  })
})

describe('the crawl would notice', () => {
  it('a door that is left open', async () => {
    const weak = new CageDriver(
      await weakCage('open-door', {
        'runtime/kernel/lockdown.ts':
          'export const lockdown = () => { for (const name of ["console", "WebAssembly"]) void name }',
        'runtime/kernel/stub.ts': `export const growStubs = (door, { stubs }) => { const root = Object.create(null); for (const { path, op } of stubs) {
        const branch = root[path[0]] ??= Object.create(null); branch[path[1]] = (args, options) => door.call(op, () => ({ args, options })); branch.door = door }
        if (root.http) root.http.get = async (url) => ({ url, text: async () => '', headers: {} }); return root }`,
      }),
    )
    const found = await crawlIn(weak)
    weak.close()
    expect(found.globals.filter((name) => !PERMITTED_GLOBALS.includes(name))).toContain('WebAssembly')
    expect(found.generators.length).toBeGreaterThan(3)
    expect(found.scripted.some((path) => path.includes('.door.'))).toBe(true)
  })
})

describe('walking up from any object', () => {
  it('never ends at a function that runs text', async () => {
    const body = `const starts = [() => 1, async () => 1, function* () {}, async function* () {}, (function () {}).bind(), capabilities.tools.echo, capabilities.http.get,
        await capabilities.tools.fail().catch((error) => error), await capabilities.http.get('u'), console.log, setTimeout, Date, ArrayBuffer, Math.random, import.meta, input, class A {}, new Proxy({}, {})]
      const tries = []
      for (const start of starts) {
        for (let at = start; at !== null && at !== undefined; at = Object.getPrototypeOf(at)) {
          const maker = at.constructor?.constructor
          try { tries.push(String(maker('return globalThis.process ?? this')())) } catch (error) { tries.push(error.message) }
          try { tries.push(String(Reflect.construct(maker, ['return 1'])())) } catch (error) { tries.push(error.message) }
        }
      }
      try { tries.push(String(eval('1'))) } catch (error) { tries.push(error.message) }
      try { tries.push(String((0, eval)('1'))) } catch (error) { tries.push(error.message) }
      return { kinds: [...new Set(tries)], tries: tries.length, host: [typeof process, typeof require, typeof globalThis.module, typeof Buffer] }`
    const value = (await driver.valueOf(body, { ops, answer, input: {} })) as {
      kinds: string[]
      tries: number
      host: string[]
    }
    expect(value.tries).toBeGreaterThan(60)
    const refusals = /^Code generation from strings is closed$| is not a (function|constructor)$/
    expect(value.kinds.filter((kind) => !refusals.test(kind))).toEqual([])
    expect(value.host).toEqual(['undefined', 'undefined', 'undefined', 'undefined'])
  })

  it('would end there without lockdown', async () => {
    const weak = new CageDriver(
      await weakCage('no-lockdown', { 'runtime/kernel/lockdown.ts': 'export const lockdown = () => {}' }),
    )
    const body = 'return (() => 1).constructor("return typeof WebAssembly + typeof SharedArrayBuffer")()'
    const value = await weak.valueOf(body)
    weak.close()
    expect(value).toBe('objectfunction')
    await expect(driver.valueOf(body)).rejects.toThrow('Code generation from strings is closed')
  })
})

describe('stacks', () => {
  const body = `const seen = []
    Error.prepareStackTrace = (error, sites) => { seen.push(sites); return sites }
    const made = new Error('x').stack
    try { Object.defineProperty(Error, 'prepareStackTrace', { value: (error, sites) => sites }) } catch {}
    class Own extends Error {}; Own.prepareStackTrace = (error, sites) => { seen.push(sites); return sites }
    const holder = {}; Error.captureStackTrace(holder)
    Error.stackTraceLimit = 100
    const failure = await capabilities.tools.fail().catch((error) => error)
    const inner = await capabilities.tools.echo({ get a() { return String(new Error('inside').stack) } })
    const sorted = []; [2, 1].sort(() => { sorted.push(new Error('s').stack); return 0 })
    return { seen: seen.length, types: [made, new Own('y').stack, holder.stack, failure.stack].map((stack) => typeof stack), all: [made, new Own('y').stack, holder.stack, failure.stack, inner.a, ...sorted].join('\\n') }`

  it('are text, and show the tool’s lines only', async () => {
    const value = (await driver.valueOf(body, { ops, answer })) as {
      seen: number
      types: string[]
      all: string
    }
    expect(value.seen).toBe(0)
    expect(value.types).toEqual(['string', 'string', 'string', 'string'])
    expect(value.all).toContain('tool.js:')
    expect(value.all).not.toMatch(/kernel|entry\.js|main\.js|file:|node:|\/\w+\/\w+/)
  })

  it('would be call sites without the kernel', async () => {
    const weak = new CageDriver(
      await weakCage('open-stacks', {
        'runtime/kernel/stacks.ts':
          "export const closeStacks = () => {}; export const errorHeader = () => 'Error'",
      }),
    )
    const value = await weak.valueOf(
      "Error.prepareStackTrace = (error, sites) => sites; return typeof new Error('x').stack[0].getFunction",
    )
    weak.close()
    expect(value).toBe('function')
  })
})

describe('modules', () => {
  it('cannot be had at run time, and import.meta is empty', async () => {
    const body = `const tries = []
      for (const name of ['node:fs', 'kernel', 'tool', './tool.js', 'data:text/javascript,1', 'entry.js']) tries.push(await import(name).then(() => 'got it', (error) => [error.constructor === TypeError || error.constructor === Error, /\\/|file:/.test(error.message.replace(name, ''))].join()))
      tries.push(await import('x', { with: { type: 'json' } }).then(() => 'got it', () => 'refused'))
      return { tries, meta: Reflect.ownKeys(import.meta), prototype: Reflect.getPrototypeOf(import.meta) }`
    const { tries, meta, prototype } = (await driver.valueOf(body)) as {
      tries: string[]
      meta: unknown[]
      prototype: unknown
    }
    expect(new Set(tries)).toEqual(new Set(['true,false', 'refused']))
    expect({ meta, prototype }).toEqual({ meta: [], prototype: null })
  })

  it('take no orders from comments', async () => {
    const code = `//# ${'source'}URL=file:///etc/passwd
      //# ${'source'}MappingURL=file:///etc/passwd
      export default () => new Error('x').stack`
    expect((await driver.run({ code })).value).not.toContain('passwd')
    expect((await driver.run({ code: '<!-- x\nexport default () => 1' })).fault).toBe('syntax')
  })
})

it('Intl has the members of the list and no others', async () => {
  const names = (await driver.valueOf('return Reflect.ownKeys(Intl).map(String)')) as string[]
  expect(names.filter((name) => !PERMITTED_INTL.map(String).includes(name))).toEqual([])
  expect(names).toContain('NumberFormat')
})

it('buffers have a fixed size, and are buffers in every other way', async () => {
  const body = `class Own extends ArrayBuffer {}
    const buffer = new ArrayBuffer(8)
    const failures = [() => ArrayBuffer(8), () => new ArrayBuffer(8, { maxByteLength: 16 }), () => new buffer.constructor(8, { maxByteLength: 16 }), () => new (new Uint8Array(1).buffer.constructor)(1, { maxByteLength: 2 })]
      .map((make) => { try { make(); return 'made' } catch (error) { return error.name } })
    return { failures, resize: typeof buffer.resize, own: [new Own(4).byteLength, new Own(4) instanceof ArrayBuffer, new Own(4).slice(1).byteLength], slice: buffer.slice(2).byteLength,
      isView: ArrayBuffer.isView(new Uint8Array(buffer)), name: [ArrayBuffer.name, ArrayBuffer.length], species: ArrayBuffer[Symbol.species] === ArrayBuffer, transfer: buffer.transfer?.(16).byteLength }`
  expect(await driver.valueOf(body)).toEqual({
    failures: ['TypeError', 'RangeError', 'RangeError', 'RangeError'],
    resize: 'undefined',
    own: [4, true, 3],
    slice: 6,
    isView: true,
    name: ['ArrayBuffer', 1],
    species: true,
    transfer: 16,
  })
})

it('honest code finds the language as it knows it', async () => {
  const body = `class A extends Function {}
    const results = [typeof A, (() => 1) instanceof Function, Function.prototype === Object.getPrototypeOf(() => 1), (async () => 1).constructor.name, typeof require,
      [...'ab'].map((x) => x.toUpperCase()).join(), Object.groupBy([1, 2, 3], (x) => (x % 2 ? 'odd' : 'even')), [3, 1, 2].toSorted(), new Set([1]).union(new Set([2])).size,
      Array.from(Iterator.from([1, 2]).map((x) => x * 2)), (await Array.fromAsync([Promise.resolve(1)]))[0], JSON.stringify({ a: 1n.toString() }), 'a-b'.replaceAll('-', '+'),
      Intl.NumberFormat('de').format(1234.5), typeof Symbol.dispose, /(?<y>\\d+)/.exec('2020').groups.y, Promise.withResolvers !== undefined]
    { using scoped = { [Symbol.dispose]() { results.push('disposed') } } }
    return results`
  expect(await driver.valueOf(body)).toEqual([
    'function',
    true,
    true,
    'AsyncFunction',
    'undefined',
    'A,B',
    { odd: [1, 3], even: [2] },
    [1, 2, 3],
    2,
    [2, 4],
    1,
    '{"a":"1"}',
    'a+b',
    '1.234,5',
    'symbol',
    '2020',
    true,
    'disposed',
  ])
})
