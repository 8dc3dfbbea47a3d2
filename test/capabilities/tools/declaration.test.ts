import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../../src/capabilities/host-tool.ts'
import { definePolicy, declarePolicy } from '../../../src/policy.ts'

type Grant = Readonly<Record<string, unknown>>

/** How the tool `act` of this input is declared: its own lines. */
const declared = (input: z.ZodType, grant: Grant = {}, rest: Grant = {}): string => {
  const act = defineTool({
    name: 'act',
    description: 'Acts.',
    input,
    output: z.null(),
    effect: 'read',
    perform: () => null,
  })
  const policy = definePolicy({ permissions: { tools: { act: grant } }, ...rest }, { tools: [act] })
  return (
    /\/\*\* Functions of the host\. \*\/\nexport interface Tools \{\n([^]*?)\n\}/.exec(
      declarePolicy(policy),
    )?.[1] ?? ''
  )
}
const argumentsOf = (input: z.ZodType, grant?: Grant): string =>
  /act\((.*), options\?: CallOptions\)/.exec(declared(input, grant))?.[1] ?? ''

test('arguments that need not be given make the whole optional', () => {
  expect(argumentsOf(z.strictObject({}))).toBe('args?: Record<string, never>')
  expect(argumentsOf(z.object({ a: z.string().optional() }))).toBe('args?: { a?: string }')
  expect(argumentsOf(z.object({ a: z.string() }))).toBe('args: { a: string }')
  expect(argumentsOf(z.string())).toBe('args: string')
})

test('a rule narrows an argument, and demands it unless it has a default', () => {
  const input = z.object({ a: z.string().optional(), b: z.enum(['x', 'y']), c: z.number().default(1) })
  const args = { a: { one_of: ['p', 'q'] }, b: { one_of: ['x', 'z'] }, c: { one_of: [1, 2] } }
  expect(argumentsOf(input, { args })).toBe('args: { a: "p" | "q"; b: "x"; c?: 1 | 2 }')
  expect(argumentsOf(input, { args: { a: { pattern: '*' } } })).toBe(
    'args: { a: string; b: "x" | "y"; c?: number }',
  )
})

test('a rule for a list, or for what the schema makes something else of, narrows no type', () => {
  const input = z.object({ a: z.array(z.string()), b: z.string().transform((text) => text.length) })
  const args = { a: { one_of: ['p'] }, b: { one_of: [1, 2] } }
  expect(argumentsOf(input, { args })).toBe('args: { a: string[]; b: string }')
})

test('who is asked is what the whole policy says', () => {
  const input = z.strictObject({})
  expect(declared(input)).toContain('It counts as read.\n')
  expect(declared(input, {}, { human_in_loop: ['act'] })).toContain(
    'It counts as read. A human approves each call.',
  )
  expect(declared(input, { ask: 'once_per_run' })).toContain('A human approves the first call of a run')
  expect(declared(input, { effect: 'irreversible' })).toContain('A human approves each call.')
  expect(declared(input, { effect: 'irreversible', ask: 'never' })).not.toContain('A human')
  expect(declared(input, { ask: 'never' }, { human_in_loop: ['effect:read'] })).toContain(
    'A human approves each call.',
  )
})

test('limits and prices are told', () => {
  expect(declared(z.strictObject({}), { max_calls: 2, cost_usd: 0.25 })).toContain(
    'It counts as read; at most 2 times a task; at up to 0.25 USD a call.',
  )
})
