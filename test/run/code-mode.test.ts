import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunResult, type Tollgate } from '../../src/index.ts'
import { openFolder } from '../harness/command-line.ts'
import { openGateOf } from './gates.ts'

let gate: Tollgate
beforeAll(async () => {
  const add = defineTool({
    name: 'add',
    description: 'Adds.',
    input: z.strictObject({ a: z.number(), b: z.number() }),
    output: z.number(),
    effect: 'read',
    perform: ({ a, b }) => a + b,
  })
  gate = await openGateOf({ tools: [add] })
})
afterAll(() => gate.close())

/** A call of f, or whether f is less than x and that more than y. */
const MEANS_TWO_THINGS = `export default () => { const f = (n) => 'called with ' + n, x = 1, y = 2; return f<x>(y) }`

const POLICY = { permissions: { tools: { add: {} } } }
const valueOf = async (code: string, input: unknown = null): Promise<unknown> => {
  const { value, error } = await gate.run({ code, input, policy: POLICY })
  return error === undefined ? value : error
}

describe('a script body', () => {
  it.each([
    ['return 6 * 7', 42],
    ['const x: number = 6 as number; return x * 7', 42],
    ['await null; return input.a', 1],
    ['return await tools.add({ a: 1, b: 2 })', 3],
    ['return await capabilities.tools.add({ a: 1, b: 2 })', 3],
    ['return [typeof http, typeof tools, typeof db]', ['undefined', 'object', 'undefined']],
    ['// only a comment', null],
    ['', null],
    ['return 1 // a comment at the end', 1],
    ['return `}` + "\\n}"', '}\n}'],
    ['function add(a, b) { return a + b }\nreturn add(1, 2)', 3],
    ['return (() => this)() === undefined', true],
    ['return "export default 1".length', 16],
    ['return [..."import x from y"].length', 15],
    ['const answer = `export default ${1}`\nreturn answer', 'export default 1'],
  ])('is run as a function: %j', async (code, value) => {
    expect(await valueOf(code, { a: 1 })).toEqual(value)
  })

  it('keeps its line numbers', async () => {
    expect(await valueOf('const x = 1\n\nthrow new Error("third")')).toMatchObject({
      code: 'GUEST_THREW',
      stack: expect.stringMatching(/tool\.js:3/) as string,
    })
  })

  it('is a module as soon as it imports or exports', async () => {
    expect(await valueOf('export default (input) => input.a', { a: 5 })).toBe(5)
    expect(await valueOf('const f = () => 6\nexport { f as default }')).toBe(6)
    expect(await valueOf('export const x = 1')).toMatchObject({ code: 'GUEST_NO_DEFAULT_EXPORT' })
  })

  it('that closes the function around it does not parse', async () => {
    const error = await valueOf('return 1 }; globalThis.evil = typeof process; {')
    expect(error).toMatchObject({ code: 'GUEST_SYNTAX', gate: 'cage' })
  })
})

describe('the same tool', () => {
  it('has one digest, however often it runs, and another for another text', async () => {
    const digests = []
    for (const code of ['return 1', 'return 1', 'return 1 '])
      digests.push((await gate.run({ code, policy: POLICY })).toolDigest)
    expect(digests[0]).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect([digests[1] === digests[0], digests[2] === digests[0]]).toEqual([true, false])
  })

  it('is another where the same text means another thing, as TypeScript and as JavaScript', async () => {
    using folder = openFolder(Object.fromEntries(['a.ts', 'a.js'].map((name) => [name, MEANS_TWO_THINGS])))
    const run = (name: string): Promise<RunResult> =>
      gate.run({ file: join(folder.path, name), policy: POLICY, idempotencyKey: 'two meanings' })
    expect(await run('a.ts')).toMatchObject({ value: 'called with 2' })
    expect(await run('a.js')).toMatchObject({ error: { code: 'IDEMPOTENCY_CONFLICT' } })
    expect(await gate.run({ file: join(folder.path, 'a.js'), policy: POLICY })).toMatchObject({
      value: false,
    })
  })
})
