import { afterAll, describe, expect, it } from 'vitest'
import { CageDriver } from './cage-driver.ts'

const driver = new CageDriver()
afterAll(() => driver.close())

describe('a tool', () => {
  it('receives its input and returns a value', async () => {
    const outcome = await driver.run({
      code: 'export default ({ a, b }) => ({ sum: a + b })',
      input: { a: 2, b: 3 },
    })
    expect(outcome).toMatchObject({ ok: true, value: { sum: 5 }, calls: [], logs: [] })
  })

  it('may be asynchronous', async () => {
    expect(await driver.valueOf('await null; return input.length', { input: 'four' })).toBe(4)
  })

  it('may return anything thenable', async () => {
    expect(await driver.valueOf('return { then(resolve) { resolve([1, "two", null, true]) } }')).toEqual([
      1,
      'two',
      null,
      true,
    ])
  })

  it('returns null when it returns nothing', async () => {
    expect(await driver.valueOf('')).toBe(null)
  })

  it('leaves out what is undefined in an object, and keeps it as null in an array', async () => {
    expect(await driver.valueOf('return { a: undefined, b: [undefined, , 1] }')).toEqual({
      b: [null, null, 1],
    })
  })

  it('may wait at its top level', async () => {
    const code = `const late = await new Promise((resolve) => setTimeout(() => resolve(7), 20))
      export default () => late`
    expect(await driver.run({ code })).toMatchObject({ ok: true, value: 7, timers: [20] })
  })

  it('ends with its value even if promises of its own were left rejected', async () => {
    const code = `Promise.reject(new Error('one'))
      await new Promise((resolve) => setTimeout(resolve, 5))
      Promise.reject(new Error('two'))
      await new Promise((resolve) => setTimeout(resolve, 5))
      export default async () => { Promise.reject(new Error('three')); return 'fine' }`
    expect(await driver.run({ code })).toMatchObject({ ok: true, value: 'fine' })
  })

  it('holds exactly what was granted, frozen, and nothing else', async () => {
    const code = `export default (input, capabilities) => ({
      names: Reflect.ownKeys(capabilities),
      tools: Reflect.ownKeys(capabilities.tools),
      prototype: Reflect.getPrototypeOf(capabilities),
      frozen: [capabilities, capabilities.tools, capabilities.tools.add].map(Object.isFrozen),
      length: capabilities.tools.add.name,
    })`
    const outcome = await driver.run({ code, ops: ['tools.add', 'tools.send'] })
    expect(outcome.value).toEqual({
      names: ['tools'],
      tools: ['add', 'send'],
      prototype: null,
      frozen: [true, true, true],
      length: 'add',
    })
  })
})

describe('a tool that cannot run', () => {
  it('does not parse: the message has line and column', async () => {
    const outcome = await driver.run({ code: 'export default () => {\n  let x = ;\n}' })
    expect(outcome).toMatchObject({ ok: false, fault: 'syntax', error: { name: 'SyntaxError' } })
    expect(outcome.error?.message).toContain('tool.js:2:11')
  })

  it('imports something: the message names it', async () => {
    for (const code of [
      'import fs from "node:fs"\nexport default () => 1',
      'export * from "node:fs"',
      'import x from "kernel"',
      'import "tool"',
    ]) {
      const outcome = await driver.run({ code })
      expect(outcome.fault).toBe('import')
      expect(outcome.error?.message).toContain(/"([\w:]+)"/.exec(code)?.[1])
    }
  })

  it('has no default export, or one that is no function', async () => {
    for (const code of ['export const tool = () => 1', 'export default 5', 'export default null', '']) {
      expect(await driver.run({ code })).toMatchObject({ ok: false, fault: 'no_default_export' })
    }
  })

  it('throws at its top level, before or after an await', async () => {
    const early = await driver.run({ code: 'const one = 1\nmissing(one)\nexport default () => 1' })
    expect(early).toMatchObject({
      fault: 'threw',
      error: { name: 'ReferenceError', message: 'missing is not defined' },
    })
    expect(early.error?.stack).toBe('ReferenceError: missing is not defined\n    at tool.js:2:1')
    const late = await driver.run({ code: 'await 1\nnull.x\nexport default () => 1' })
    expect(late).toMatchObject({ fault: 'threw', error: { name: 'TypeError' } })
    const odd = await driver.run({ code: 'throw { a: 1 }' })
    expect(odd).toMatchObject({
      fault: 'threw',
      error: { message: 'The tool threw an object that is no error.', stack: '' },
    })
  })
})

describe('an error of a tool', () => {
  it('crosses as name, message and the tool’s own lines', async () => {
    const code = 'const deep = () => { throw new TypeError("no") }\nexport default () => deep()'
    const outcome = await driver.run({ code })
    expect(outcome).toMatchObject({ fault: 'threw', error: { name: 'TypeError', message: 'no' } })
    expect(outcome.error?.stack).toBe(
      'TypeError: no\n    at deep (tool.js:1:28)\n    at default (tool.js:2:22)',
    )
  })

  it('may be anything that can be thrown', async () => {
    for (const [thrown, message] of [
      ['"text"', 'text'],
      ['7', '7'],
      ['null', 'null'],
      ['Symbol("s")', 'Symbol(s)'],
      ['undefined', 'undefined'],
    ]) {
      expect(await driver.run({ code: `export default () => { throw ${thrown} }` })).toMatchObject({
        fault: 'threw',
        error: { message },
      })
    }
  })

  it('is cut', async () => {
    const outcome = await driver.run({
      code: 'export default () => { throw new Error("x".repeat(5_000_000)) }',
    })
    expect(outcome.error?.message).toHaveLength(4_096)
    expect(outcome.error?.message).toMatch(/\[cut\]$/)
    expect(outcome.error?.stack.length).toBeLessThanOrEqual(4_096)
  })
})

describe('a value that cannot cross', () => {
  const inexpressible = [
    ['a function', '() => 1'],
    ['a symbol', 'Symbol("x")'],
    ['a bigint', '5n'],
    ['a Map', 'new Map()'],
    ['a Date', 'new Date(0)'],
    ['an instance', 'new (class A {})()'],
    ['NaN', 'NaN'],
    ['infinity', '-Infinity'],
    ['bytes', 'new Uint8Array(3)'],
    ['a cycle', '(() => { const a = []; a.push(a); return a })()'],
    ['a Proxy that throws', 'new Proxy({}, { ownKeys() { throw 1 } })'],
    ['a getter that throws', '({ get a() { throw 1 } })'],
    ['deep nesting', '(() => { let a = []; for (let i = 0; i < 100; i += 1) a = [a]; return a })()'],
  ]
  for (const [name, expression] of inexpressible)
    it(`${name}: the fault says where it stands`, async () => {
      const outcome = await driver.run({ code: `export default () => ({ list: [1, ${expression}] })` })
      expect(outcome).toMatchObject({ ok: false, fault: 'unpassable' })
      expect(outcome.error?.message).toContain('value.list[1]')
    })

  it('too large a value is a fault of its own', async () => {
    const outcome = await driver.run({
      code: 'export default () => "x".repeat(17 * 1024 * 1024)',
      memoryMb: 256,
    })
    expect(outcome).toMatchObject({ ok: false, fault: 'output' })
  })
})
