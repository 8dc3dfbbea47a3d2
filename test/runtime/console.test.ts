import { afterAll, describe, expect, it } from 'vitest'
import { CageDriver } from '../cage/cage-driver.ts'

const driver = new CageDriver()
afterAll(() => driver.close())

const linesOf = async (body: string): Promise<string[]> => {
  const { ok, logs, error } = await driver.run({ code: `export default () => { ${body} }` })
  if (!ok) throw new Error(error?.message)
  return logs.map(({ level, text }) => `${level}: ${text}`)
}

describe('console', () => {
  it('sends each call as one line of its level', async () => {
    const body =
      "for (const name of ['log', 'info', 'dir', 'debug', 'trace', 'warn', 'error']) console[name](name)"
    expect(await linesOf(body)).toEqual([
      'info: log',
      'info: info',
      'info: dir',
      'debug: debug',
      'debug: trace',
      'warn: warn',
      'error: error',
    ])
  })

  it('shows data by its own properties', async () => {
    const body = `console.log('text', 1, -0, 5n, true, null, undefined, Symbol('s'), 'a "b"')
      console.log(['text', [1, , 3]], { a: { 'b-c': [] }, d: {} })
      console.log(new Map([[1, { a: 2 }]]), new Set(['x']), new Date(0), /x/gi, new Uint8Array(3), new (class A { x = 1 })())
      console.log(() => 1, function named() {}, class B {})`
    expect(await linesOf(body)).toEqual([
      'info: text 1 -0 5n true null undefined Symbol(s) a "b"',
      'info: ["text", [1, undefined, 3]] { a: { "b-c": [] }, d: {} }',
      'info: Map(1) { 1 => { a: 2 } } Set(1) { "x" } 1970-01-01T00:00:00.000Z /x/gi Uint8Array(3 bytes) { x: 1 }',
      'info: [function] [function named] [function B]',
    ])
  })

  it('shows an error with the tool’s own lines', async () => {
    expect(await linesOf('console.error(new TypeError("no"))')).toEqual([
      'error: TypeError: no\n    at default (tool.js:1:38)',
    ])
  })

  it('groups, counts, measures virtual time and asserts', async () => {
    const body = `console.group('g'); console.log('in'); console.groupEnd(); console.log('out')
      console.count(); console.count(); console.count('x'); console.countReset(); console.count()
      console.time('t'); console.timeLog('t'); console.timeEnd('t'); console.timeEnd('t'); console.assert(true, 'a'); console.assert(false, 'b', 1); console.clear()`
    expect(await linesOf(body)).toEqual([
      'info: g',
      'info:   in',
      'info: out',
      'info: default: 1',
      'info: default: 2',
      'info: x: 1',
      'info: default: 1',
      'info: t: 0 ms',
      'info: t: 0 ms',
      'error: Assertion failed b 1',
    ])
  })

  it('runs no getter, no method and no conversion of what it shows', async () => {
    const body = `const ran = []
      const trap = (name) => () => { ran.push(name); return name }
      const odd = { get a() { ran.push('getter'); return 1 }, toString: trap('toString'), toJSON: trap('toJSON'), valueOf: trap('valueOf'),
        [Symbol.toPrimitive]: trap('toPrimitive'), [Symbol.iterator]: trap('iterator'), get [Symbol.toStringTag]() { ran.push('tag'); return 'x' }, then: trap('then') }
      console.log(odd); console.log([odd]); console.table(odd)
      console.log(...ran)`
    const lines = await linesOf(body)
    expect(lines[0]).toContain('a: [getter]')
    expect(lines.at(-1)).toBe('info: ')
  })

  it('never throws, whatever it is given', async () => {
    const body = `const loop = {}; loop.self = loop
      const deep = []; let at = deep; for (let i = 0; i < 10_000; i += 1) { at.push([]); at = at[0] }
      const revoked = Proxy.revocable({}, {}); revoked.revoke()
      console.log(loop); console.log(deep)
      console.log(new Proxy({}, { ownKeys() { throw 1 } })); console.log(revoked.proxy); console.log(Object.create(null))
      console.log({ a: new Proxy([], { get() { throw 1 } }) }); console.log(Object.create({ a: 1 })); console.count(Symbol('x')); console.time({})
      console.log(Object.assign(new Error('x'), { stack: 5, name: {} })); console.log(new Error()); console.log()`
    const lines = await linesOf(body)
    expect(lines.slice(0, 2)).toEqual([
      'info: { self: { self: { self: { self: {…} } } } }',
      'info: [[[[[…]]]]]',
    ])
    expect(lines.filter((line) => line.includes('[unreadable]')).length).toBeGreaterThan(1)
  })

  it('bounds each line, and stops working on what would be cut', async () => {
    const body = `console.log('x'.repeat(20_000)); console.log(Array.from({ length: 100_000 }, (_, i) => i))
      console.log({ list: Array.from({ length: 1_000 }, () => 'y'.repeat(1_000)) }); console.log(...Array.from({ length: 5_000 }, () => 'zz'))`
    const { logs, tookMs } = await driver.run({ code: `export default () => { ${body} }` })
    expect(logs.map(({ text }) => text.length).every((length) => length <= 8 * 1024 + 8)).toBe(true)
    expect(logs.filter(({ text }) => text.endsWith('… [cut]')).length).toBe(3)
    expect(logs[1]?.text).toMatch(/, 99, … 99900 more\]$/)
    expect(tookMs).toBeLessThan(2_000)
  })
})
