import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollgate } from '../../src/index.ts'
import { openGateOf } from './gates.ts'

let gate: Tollgate
let folder: string
beforeAll(async () => {
  gate = await openGateOf({})
  folder = mkdtempSync(join(tmpdir(), 'tollgate-faults-'))
})
afterAll(async () => {
  await gate.close()
  rmSync(folder, { recursive: true })
})

const faultOf = async (code: string): Promise<unknown> => {
  const { status, error, value } = await gate.run({ code, policy: {} })
  expect([status, value]).toEqual(['failed', undefined])
  return error
}

describe('a tool that does not parse', () => {
  it.each([
    ['export default () => {', /tool\.js:1/],
    ['export default () => 1\n\nexport default () => 2', /tool\.js:3/],
    ['let x = 1\nlet x = 2\nexport default () => x', /tool\.js:2/],
    ['return (', /tool\.js/],
    ['export default () => { await 1 }', /tool\.js:1/],
    ['\u0000', /./],
  ])('is GUEST_SYNTAX, with the line: %j', async (code, where) => {
    expect(await faultOf(code)).toMatchObject({
      code: 'GUEST_SYNTAX',
      gate: 'cage',
      message: expect.stringMatching(where) as string,
    })
  })

  it.each([
    'enum Colour { Red }\nexport default () => Colour.Red',
    'namespace A { export const x = 1 }\nexport default () => A.x',
    'export default class { constructor(private x: number) {} }',
  ])('because its TypeScript is more than types, says what to write instead: %j', async (code) => {
    expect(await faultOf(code)).toMatchObject({
      code: 'GUEST_SYNTAX',
      hint: expect.stringContaining('erasable') as string,
    })
  })
})

describe('a tool that imports', () => {
  it.each(['node:fs', 'fs', 'left-pad', './other.ts', 'https://esm.sh/lodash', 'kernel', 'tool'])(
    '%s is GUEST_IMPORT, before it runs',
    async (name) => {
      const error = await faultOf(`console.log('ran')\nimport it from '${name}'\nexport default () => it`)
      expect(error).toMatchObject({
        code: 'GUEST_IMPORT',
        gate: 'cage',
        message: expect.stringContaining(name) as string,
      })
    },
  )

  it('when it is running gets an error of its own', async () => {
    const { value } = await gate.run({
      code: 'try { await import("node:fs") } catch (error) { return error instanceof Error }',
      policy: {},
    })
    expect(value).toBe(true)
  })
})

describe('a tool without a function to call', () => {
  it.each([
    'export const x = 1',
    'export default 7',
    'export default null',
    'export default { run() {} }',
    'export default "() => 1"',
  ])('is GUEST_NO_DEFAULT_EXPORT: %s', async (code) => {
    expect(await faultOf(code)).toMatchObject({
      code: 'GUEST_NO_DEFAULT_EXPORT',
      gate: 'cage',
      hint: expect.stringContaining('export default') as string,
    })
  })
})

describe('a value that cannot cross', () => {
  it.each([
    '() => 1',
    'Symbol("x")',
    '7n',
    'new Map()',
    'new Date(0)',
    '/x/',
    'NaN',
    'new (class A {})()',
    '(() => { const a = []; a.push(a); return a })()',
    'new Proxy({}, { ownKeys() { throw 1 } })',
    '{ get x() { throw 1 } }',
    'new Uint8Array(2)',
  ])('is GUEST_UNPASSABLE: %s', async (value) => {
    expect(await faultOf(`return (${value})`)).toMatchObject({ code: 'GUEST_UNPASSABLE', gate: 'cage' })
  })

  it.each([
    ['undefined', null],
    ['null', null],
    ['-0', 0],
    ['"\\ud800"', '\ud800'],
    ['{ a: undefined, b: [undefined] }', { b: [null] }],
    ['Object.create(null, { x: { value: 1, enumerable: true } })', { x: 1 }],
  ])('is told from one that can: %s', async (value, crossed) => {
    const result = await gate.run({ code: `return (${value})`, policy: {} })
    expect(result).toMatchObject({ status: 'done', value: crossed })
  })
})

describe('what a tool throws', () => {
  it.each([
    ['new TypeError("no")', 'TypeError: no'],
    ['"text"', 'Error: text'],
    ['undefined', 'Error: undefined'],
    ['{ message: "plain" }', 'Error: plain'],
    ['null', 'Error: null'],
  ])('is GUEST_THREW with its words: %s', async (thrown, message) => {
    expect(await faultOf(`throw ${thrown}`)).toMatchObject({ code: 'GUEST_THREW', gate: 'cage', message })
  })

  it('while its module loads is the same', async () => {
    expect(await faultOf('throw new Error("at load")\nexport default () => 1')).toMatchObject({
      code: 'GUEST_THREW',
      message: 'Error: at load',
    })
    expect(
      await faultOf('await null; throw new Error("after a while")\nexport default () => 1'),
    ).toMatchObject({ code: 'GUEST_THREW', message: 'Error: after a while' })
  })

  it('names the line of the tool, in TypeScript as it was written, and no line of the host', async () => {
    const code = `type Input = {
  a: number // a comment
}
interface Other<T extends object> { readonly t: T }

export default async (input: Input): Promise<number> => {
  const x = input as unknown as Other<{ y: number }>
  return x.t.y
}`
    const file = join(folder, 'tool.ts')
    writeFileSync(file, code)
    for (const [given, name] of [
      [{ code }, 'tool.js'],
      [{ file }, 'tool.ts'],
    ] as const) {
      const { error } = await gate.run({ ...given, input: { a: 1 }, policy: {} })
      expect(error).toMatchObject({ code: 'GUEST_THREW' })
      expect(error?.stack).toContain(`(${name}:8:14)`)
      expect(error?.stack).not.toContain(process.cwd())
      expect(error?.stack).not.toContain('node:')
    }
  })
})

describe('places in errors', () => {
  it('bear the name of the file, also where the same text was a file of another name before', async () => {
    for (const name of ['first.ts', 'second.ts']) {
      const thrower = join(folder, name)
      writeFileSync(thrower, 'export default () => {\n  throw new Error("here")\n}')
      expect((await gate.run({ file: thrower, policy: {} })).error?.stack).toContain(`(${name}:2:9)`)
      writeFileSync(thrower, 'enum Colour { red }\nexport default () => Colour.red')
      expect((await gate.run({ file: thrower, policy: {} })).error?.message).toContain(`(${name}:1)`)
    }
  })

  it('are those of a script body as it was given, without what is put before it', async () => {
    const { error } = await gate.run({ code: 'null.x\nnull.y', policy: {} })
    expect(error?.stack).toContain('(tool.js:1:6)')
    const later = await gate.run({ code: 'const x = 1\nnull.y', policy: {} })
    expect(later.error?.stack).toContain('(tool.js:2:6)')
  })

  it('leave out a name that is no plain text', async () => {
    const file = join(folder, 'a\nb (c.ts')
    writeFileSync(file, 'export default () => null.x')
    expect((await gate.run({ file, policy: {} })).error?.stack).toContain('(tool.js:1:27)')
  })
})

describe('a JavaScript file', () => {
  it('is run as it is, and types in it are no types', async () => {
    const file = join(folder, 'plain.mjs')
    writeFileSync(file, 'export default ({ a }) => a + 1')
    expect((await gate.run({ file, input: { a: 1 }, policy: {} })).value).toBe(2)
    writeFileSync(file, 'export default ({ a }: { a: number }) => a + 1')
    expect((await gate.run({ file, input: { a: 1 }, policy: {} })).error?.code).toBe('GUEST_SYNTAX')
  })
})
