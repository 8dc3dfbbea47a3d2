import { afterAll, describe, expect, it } from 'vitest'
import { CageDriver, type Outcome, type SeenCall } from '../cage/cage-driver.ts'
import { weakCage } from '../cage/weak-cage.ts'

const driver = new CageDriver()
afterAll(() => driver.close())

const ops = ['tools.echo', 'tools.fail', 'http.request']
const branches = ['tools', 'http']
const page = {
  url: 'u',
  status: 200,
  statusText: 'OK',
  redirected: false,
  headers: [['a', 'b']],
  body: { base64: 'AAEC' },
}
const answer = ({ op, text }: SeenCall) =>
  op === 'tools.fail'
    ? { error: { code: 'DENIED_NOT_GRANTED', message: 'no', gate: 'authorize', hint: 'h', retryable: false } }
    : op === 'http.request'
      ? { value: page }
      : { json: text }

/** Replaces every method, accessor and constructor that can be reached, and plants traps on the prototypes. */
const POISON = String.raw`
const poison = () => {
  const keep = new Set([globalThis, Object, Function])
  const sabotage = function () { hits += 1; throw 'poisoned' }
  const lie = { __proto__: null, configurable: true, get: sabotage, set: sabotage }
  const define = Object.defineProperty, describe = Object.getOwnPropertyDescriptor, keysOf = Reflect.ownKeys, up = Reflect.getPrototypeOf
  const seen = new Set(), queue = [globalThis, (async () => 1), (function* () {})(), [][Symbol.iterator](), new Map().entries(), /x/[Symbol.matchAll]('x')]
  const jobs = [], holders = [Object.prototype, Array.prototype, String.prototype, Function.prototype]
  while (queue.length > 0) {
    const at = queue.pop()
    if ((typeof at !== 'object' && typeof at !== 'function') || at === null || seen.has(at)) continue
    seen.add(at)
    queue.push(up(at))
    for (const key of keysOf(at)) {
      const found = describe(at, key)
      queue.push(found.value, found.get, found.set)
      if (found.configurable && (found.get !== undefined || typeof found.value === 'function')) jobs.push([at, key])
    }
  }
  const traps = ['value', 'get', 'set', 'toJSON', 'headers', 'redirect', 'timeoutMs', 'idempotencyKey', 'body', 'method', 'url', 'text', 'base64', 'code', 'message', 'gate',
    'hint', 'name', 'writable', 'enumerable', 'configurable', 'args', 'options', 'a', 'b', 'key', 'holder', 'left', 'depth', 'raw', 'content-type', 'path', 'op', 'at', 'caveats', 'only', 'revoke', 'calls', 'names', '__proto__', '0', '1', '2']
  for (let i = 0; i < jobs.length; i += 1) {
    const at = jobs[i][0], key = jobs[i][1]
    try { define(at, key, { __proto__: null, configurable: true, writable: true, value: sabotage }) } catch {}
  }
  for (let k = 0; k < holders.length; k += 1)
    for (let i = 0; i < traps.length; i += 1) try { define(holders[k], traps[i], lie) } catch {}
}
`
const tool = (prelude: string): string => `
let hits = 0
${POISON}
export default (input, capabilities) => {
  const { tools, http } = capabilities, log = console.log, later = setTimeout
  const then = Function.prototype.call.bind(Promise.prototype.then), define = Object.defineProperty
  let resolve, got = ''
  const end = new Promise((settle) => { resolve = settle })
  define(end, 'then', { __proto__: null, value: Promise.prototype.then }); define(end, 'constructor', { __proto__: null, value: undefined })
  const follow = (promise) => {
    define(promise, 'constructor', { __proto__: null, value: undefined })
    then(promise, (value) => { got += 'v' }, (error) => { got += 'e' })
  }
  const body = { a: [1, 'two', { b: null, 'content-type': 'x' }], c: 'ü\\ud800' }, bytes = new Uint8Array([1, 2, 3, 250])
  const plain = { headers: { 'X-A': '1' } }
  poison: { ${prelude} }
  follow(tools.echo(body, { __proto__: null, idempotencyKey: 'k' }))
  follow(tools.echo([1, [2]]))
  follow(tools.fail())
  follow(tools.echo(() => 1))
  follow(http.get('https://a.example/', plain))
  follow(http.post('https://a.example/', body))
  follow(http.put('https://a.example/', bytes, plain))
  follow(http.request({ __proto__: null, url: 'https://a.example/', method: 'PATCH', body: 'text' }))
  const weak = tools.only({ names: ['echo'], calls: 2 }), weaker = weak.only(), site = http.only({ path: '/v1/**' })
  follow(weak.echo(body))
  follow(weaker.echo([1]))
  follow(site.get('https://a.example/v1/x', plain))
  weak.revoke()
  follow(weaker.fail())
  log('line', body, plain)
  later(() => { resolve(got) }, 50)
  return end
}`

const shown = ({ calls, logs, timers, value, error }: Outcome) => ({ calls, logs, timers, value, error })

describe('a realm that the guest has poisoned throughout', () => {
  it('sends the same bytes as one that it has not', async () => {
    const clean = await driver.run({ code: tool(''), ops, branches, answer })
    const poisoned = await driver.run({ code: tool('poison()'), ops, branches, answer })
    expect(clean).toMatchObject({ ok: true, value: 'evvevvvvvvve' })
    expect(clean.calls).toHaveLength(15)
    expect(shown(poisoned)).toEqual(shown(clean))
  })

  it('would send others with a kernel that trusts it', async () => {
    const weak = new CageDriver(
      await weakCage('trusting', {
        'runtime/kernel/passable.ts':
          'export const unpassableOf = () => undefined; export const writeJson = (value) => JSON.stringify(value)',
      }),
    )
    const poisoned = await weak.run({ code: tool('poison()'), ops, branches, answer })
    weak.close()
    const clean = await driver.run({ code: tool(''), ops, branches, answer })
    expect(poisoned.calls).not.toEqual(clean.calls)
  })
})

describe('what crosses is data', () => {
  const crossed = async (expression: string): Promise<string | undefined> => {
    const code = `export default async (input, { tools }) => { globalThis.ran = []; const value = ${expression}; const code = await tools.echo(value).then(() => 'sent', (error) => error.code); return [code, ran] }`
    const outcome = await driver.run({ code, ops, answer, segmentMs: 8_000 })
    const [code_, ran] = outcome.value as [string, unknown[]]
    return outcome.calls[0] === undefined
      ? `${code_} ${JSON.stringify(ran)}`
      : `${outcome.calls[0].text} ${JSON.stringify(ran)}`
  }

  it('toJSON, toPrimitive, valueOf and iterators are never asked', async () => {
    expect(await crossed("{ __proto__: { toJSON() { ran.push('toJSON') } }, a: 1 }")).toBe(
      'GUEST_UNPASSABLE []',
    )
    expect(
      await crossed(
        "({ a: 1, ['toJSON']: 5, [Symbol.toPrimitive]: () => ran.push('p'), [Symbol.iterator]: () => ran.push('i') })",
      ),
    ).toBe('{"a":1,"toJSON":5} []')
    expect(
      await crossed(
        "(() => { Object.prototype.toJSON = () => ran.push('o'); String.prototype.toJSON = () => ran.push('s'); return { a: 'b' } })()",
      ),
    ).toBe('{"a":"b"} []')
    expect(await crossed('new String("x")')).toBe('GUEST_UNPASSABLE []')
    expect(await crossed('new Number(1)')).toBe('GUEST_UNPASSABLE []')
  })

  it('getters and traps are read once, as what they return', async () => {
    expect(
      await crossed(
        "({ get a() { ran.push('a'); return ran.length }, get b() { ran.push('b'); return [ran.length] } })",
      ),
    ).toBe('{"a":1,"b":[2]} ["a","b"]')
    expect(
      await crossed('new Proxy({ a: 1 }, { get(target, key) { ran.push(String(key)); return ran.length } })'),
    ).toBe('{"a":1} ["a"]')
    expect(
      await crossed(
        "new Proxy([7, 8], { get(target, key) { ran.push(String(key)); return key === 'length' ? 2 : 9 } })",
      ),
    ).toMatch(/^\[9,9\] /)
    expect(
      await crossed("new Proxy([], { get(target, key) { return key === 'length' ? 2 ** 53 : 1 } })"),
    ).toBe('GUEST_UNPASSABLE []')
  })

  it('keys are kept as data, and no prototype changes', async () => {
    const input = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"\\u2028":"\\u2029","\\u0000":"\\ud800"}',
    ) as unknown
    const code = `export default async (input, { tools }) => ({ same: await tools.echo(input), keys: Object.keys(input), polluted: typeof ({}).polluted, own: Object.hasOwn(input, '__proto__') })`
    const outcome = await driver.run({ code, ops, answer, input })
    expect(outcome.calls[0]?.text).toBe(JSON.stringify(input))
    expect(JSON.stringify((outcome.value as { same: unknown }).same)).toBe(JSON.stringify(input))
    expect(outcome.value).toMatchObject({
      keys: ['__proto__', 'constructor', '\u2028', '\u0000'],
      polluted: 'undefined',
      own: true,
    })
    expect(({} as { polluted?: unknown }).polluted).toBe(undefined)
  })

  it('symbols, bigints, functions, maps, views and shared memory stay inside', async () => {
    const expressions = [
      'Symbol("x")',
      '5n',
      '() => 1',
      'class A {}',
      'new Map()',
      'new Set()',
      'new Uint8Array(2)',
      'new ArrayBuffer(2)',
      'Promise.resolve(1)',
      '/x/',
      'new Date(0)',
      'new Error("x")',
      'Object.create({ a: 1 })',
      'NaN',
      '(() => { const a = {}; a.a = a; return a })()',
    ]
    for (const expression of expressions)
      expect(`${expression}: ${await crossed(expression)}`).toBe(`${expression}: GUEST_UNPASSABLE []`)
    expect(
      await driver.valueOf('return [typeof SharedArrayBuffer, typeof WebAssembly, typeof Atomics]'),
    ).toEqual(['undefined', 'undefined', 'undefined'])
  })

  it('numbers and strings cross as JSON writes them', async () => {
    expect(await crossed('[-0, 1e21, 5e-324, 0.1, "\\u0000\\u001f\\"\\\\\\u2028\\ud800", ""]')).toBe(
      `${JSON.stringify([-0, 1e21, 5e-324, 0.1, '\u0000\u001f"\\\u2028\ud800', ''])} []`,
    )
  })
})
