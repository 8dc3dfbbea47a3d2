import { describe, expect, it } from 'vitest'
import type { RunOptions } from '../../../src/index.ts'
import { openGateOf, type Replace } from '../../run/gates.ts'
import { unfitted } from './weak-bounds.ts'

const SECRET = 'the balance is 4711'
const OUTPUT = {
  type: 'object',
  properties: { urgent: { type: 'boolean' }, topic: { enum: ['money', 'other'] } },
}
const POLICY: RunOptions['policy'] = {
  permissions: { code_exec: { max_children: 16, quarantine: true }, kv: {} },
  limits: { max_duration_seconds: 60 },
}

const TRY = `export default async (order, { exec }) => {
  try {
    return (await exec.quarantine(order)).value
  } catch (error) {
    return { error: { ...error, message: error.message } }
  }
}`
const tryOut = async (
  code: string,
  { output = OUTPUT, replace }: { output?: object; replace?: Replace } = {},
) => {
  await using gate = await openGateOf({}, replace)
  const result = await gate.run({
    code: TRY,
    input: { code, data: SECRET, output, limits: { max_duration_seconds: 0.5, max_memory_mb: 16 } },
    policy: POLICY,
  })
  return { result, value: result.value, audit: await gate.audit.read({ runId: result.runId }) }
}

const REFUSED = {
  error: {
    code: 'DENIED_QUARANTINE',
    gate: 'perform',
    message: 'The code in quarantine gave no result that fits its schema.',
    hint: expect.any(String) as string,
    retryable: false,
  },
}

describe('exec.quarantine', () => {
  it('lets a result out that fits its schema, in the order of the schema', async () => {
    const { value } = await tryOut(
      "return { topic: input.includes('balance') ? 'money' : 'other', urgent: false }",
    )
    expect(JSON.stringify(value)).toBe('{"urgent":false,"topic":"money"}')
  })

  const FAILURES = [
    ['gives the data', 'return input'],
    ['gives more than the schema has', 'return { urgent: true, topic: "money", data: input }'],
    ['puts the data where a word should be', 'return { urgent: true, topic: input }'],
    ['gives too little', 'return { urgent: true }'],
    ['throws the data', 'throw new Error(input)'],
    ['throws an error with a code', 'throw Object.assign(new Error("x"), { code: input })'],
    ['gives what cannot cross', 'return () => input'],
    ['does not parse', 'return ('],
    ['loops', 'for (;;);'],
    ['takes all memory', 'const all = []; for (;;) all.push(new Array(100_000).fill(1.5))'],
  ] as const

  it('refuses every other end in the same words, which say nothing of the data', async () => {
    for (const [what, code] of FAILURES) {
      const { value, result, audit } = await tryOut(code)
      expect([what, value]).toEqual([what, REFUSED])
      expect(JSON.stringify([result, audit.filter(({ event }) => event === 'call')])).not.toContain('is 4711')
    }
  })

  it('control: without the schema the data arrives', async () => {
    await using gate = await openGateOf({}, unfitted)
    const { value } = await gate.run({
      code: 'return exec.quarantine({ code: "return input", data: input, output: { type: "boolean" } })',
      input: SECRET,
      policy: POLICY,
    })
    expect(JSON.stringify(value)).toContain('is 4711')
  })

  it('gives its code no capability, and what it prints to nobody', async () => {
    const output = { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 30 } }
    const { value, result } = await tryOut(
      'console.log(input); return [...Object.keys(capabilities), typeof fetch, typeof kv, typeof exec]',
      { output },
    )
    expect(value).toEqual(['function', 'undefined', 'undefined'])
    expect(JSON.stringify(result)).not.toContain('is 4711')
    expect(result.logs).toEqual([])
  })

  it('takes no grants, and no schema without a bound', async () => {
    await using gate = await openGateOf({})
    const asked = async (order: object) =>
      (
        await gate.run({
          code: TRY,
          input: { code: 'return 1', data: 1, output: OUTPUT, ...order },
          policy: POLICY,
        })
      ).value
    expect(await asked({ grants: ['kv'] })).toMatchObject({
      error: { code: 'GUEST_ARGUMENTS', gate: 'decode' },
    })
    expect(await asked({ limits: { max_tool_calls: 1 } })).toMatchObject({
      error: { code: 'GUEST_ARGUMENTS' },
    })
    expect(await asked({ output: { type: 'string' } })).toMatchObject({
      error: { code: 'GUEST_ARGUMENTS', message: expect.stringContaining('maxLength') as string },
    })
    expect(await asked({ output: { type: 'string', maxLength: 16_000 } })).toMatchObject({
      error: { code: 'GUEST_ARGUMENTS', message: expect.stringContaining('bits') as string },
    })
    const unasked = { type: 'object', properties: { a: { type: 'boolean' } }, required: ['a'] }
    expect(await asked({ output: unasked })).toMatchObject({
      error: {
        message: expect.stringContaining('all of them must be there, and no others come out') as string,
      },
    })
    const properties = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, {}]))
    expect(await asked({ output: { type: 'object', properties } })).toMatchObject({
      error: { code: 'GUEST_ARGUMENTS', message: expect.stringContaining('at most 1024 values') as string },
    })
  })

  it('is not there unless the policy says so', async () => {
    await using gate = await openGateOf({})
    const { value } = await gate.run({
      code: 'return Object.keys(exec)',
      policy: { permissions: { code_exec: { max_children: 4, max_depth: 1 } } },
    })
    expect(value).toEqual(['run'])
  })

  it('counts among the children of the run', async () => {
    await using gate = await openGateOf({})
    const { value } = await gate.run({
      code: `const order = { code: 'return true', data: 1, output: { type: 'boolean' } }
        await exec.run({ code: 'return 1' }); await exec.quarantine(order)
        return exec.quarantine(order).catch(({ code, gate }) => [code, gate])`,
      policy: { permissions: { code_exec: { max_children: 2, quarantine: true } } },
    })
    expect(value).toEqual(['LIMIT_CHILDREN', 'reserve'])
  })
})
