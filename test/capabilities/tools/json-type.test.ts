import { expect, test } from 'vitest'
import { z } from 'zod'
import { jsonSchemaOf, typeOfJson } from '../../../src/capabilities/tools/json-type.ts'

const nested = (depth: number): z.ZodType => (depth === 0 ? z.string() : z.object({ a: nested(depth - 1) }))
const tree: z.ZodType = z.object({
  get kids() {
    return z.array(tree)
  },
})

test.for<[z.ZodType, string]>([
  [z.string(), 'string'],
  [z.email(), 'string'],
  [z.int().min(1), 'number'],
  [z.boolean(), 'boolean'],
  [z.null(), 'null'],
  [z.undefined(), 'unknown'],
  [z.unknown(), 'unknown'],
  [z.date(), 'unknown'],
  [z.literal([1, 'a', null, true]), '1 | "a" | null | true'],
  [z.enum(['a', 'b"']), '"a" | "b\\""'],
  [z.string().nullable(), 'string | null'],
  [z.union([z.string(), z.array(z.string())]), 'string | string[]'],
  [z.union([z.string(), z.date()]), 'unknown'],
  [z.array(z.enum(['a', 'b'])), '("a" | "b")[]'],
  [z.tuple([z.string(), z.number()]), '[string, number]'],
  [z.tuple([z.string()]).rest(z.number()), '[string, ...number[]]'],
  [
    z.object({ a: z.string(), b: z.number().optional(), c: z.string().default('x') }),
    '{ a: string; b?: number; c?: string }',
  ],
  [z.object({ 'a-b': z.string(), 'c\n': z.string() }), '{ "a-b": string; "c\\n": string }'],
  [z.strictObject({}), 'Record<string, never>'],
  [z.object({}), 'object'],
  [z.looseObject({ a: z.string() }), '{ a: string; [name: string]: unknown }'],
  [z.object({ a: z.string() }).catchall(z.number()), '{ a: string; [name: string]: unknown }'],
  [z.record(z.string(), z.number()), '{ [name: string]: number }'],
  [
    z.intersection(z.object({ a: z.string() }), z.union([z.object({ b: z.string() }), z.null()])),
    '({ a: string }) & ({ b: string } | null)',
  ],
  [z.string().transform((text) => text.length), 'string'],
  [tree, '{ kids: unknown[] }'],
  [nested(3), '{ a: { a: { a: string } } }'],
])('%# is written as %s', ([schema, type]) => {
  expect(typeOfJson(jsonSchemaOf(schema, 'input'))).toBe(type)
})

test('what is too deep, too large or no schema is unknown', () => {
  expect(typeOfJson(jsonSchemaOf(nested(20), 'input'))).toMatch(/^(\{ a: ){9}unknown( \}){9}$/)
  const wide = z.object(
    Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`name${at}`, z.string()])),
  )
  expect(typeOfJson(jsonSchemaOf(wide, 'input'))).toBe('unknown')
  expect(typeOfJson(jsonSchemaOf({} as z.ZodType, 'input'))).toBe('unknown')
})

test('of a result it is what the schema makes', () => {
  const schema = z.object({ a: z.string().default('x'), b: z.string().transform((text) => text.length) })
  expect(typeOfJson(jsonSchemaOf(schema, 'output'))).toBe('{ a: string; b: unknown }')
})
