import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitted, outputSchema, type OutputSchema } from '../../../src/capabilities/exec/output-schema.ts'

const BOOLEAN = { type: 'boolean' } as const
const TEXT = { type: 'string', maxLength: 3 } as const
const SMALL = { type: 'integer', minimum: -1, maximum: 3 } as const
const LIST = { type: 'array', items: SMALL, maxItems: 2 } as const
const BOTH = { type: 'object', properties: { a: BOOLEAN, b: TEXT } } as const
const nested = (depth: number): unknown =>
  depth === 0 ? BOOLEAN : { type: 'array', items: nested(depth - 1), maxItems: 1 }

const accepts = (schema: unknown): boolean => outputSchema.safeParse(schema).success

describe('a schema of what may leave a quarantine', () => {
  it.each([
    BOOLEAN,
    TEXT,
    SMALL,
    LIST,
    BOTH,
    { enum: ['a', 1, null] },
    { type: 'string', enum: ['a'] },
    nested(8),
  ])('is taken: %j', (schema) => {
    expect(accepts(schema)).toBe(true)
  })

  it.each([
    {},
    true,
    null,
    'string',
    { type: 'any' },
    { type: 'string' },
    { type: 'integer' },
    { type: 'number', minimum: 0 },
    { type: 'array', items: BOOLEAN },
    { type: 'array', maxItems: 3 },
    { type: 'object' },
    { type: 'object', properties: { a: {} } },
    { type: 'object', properties: {}, additionalProperties: true },
    { type: 'string', maxLength: 3, pattern: '.*' },
    { type: ['string', 'null'], maxLength: 3 },
    { anyOf: [BOOLEAN, TEXT] },
    { $ref: '#' },
    { enum: [] },
    { enum: [{}] },
    { type: 'string', maxLength: -1 },
    nested(9),
  ])('is refused, for what fits it has no bound: %j', (schema) => {
    expect(accepts(schema)).toBe(false)
  })

  it('is not looked at closer when it is large, for that would take the time of the host', () => {
    const wide = (count: number): object => ({
      type: 'object',
      properties: Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, {}])),
    })
    for (const count of [1_100, 100_000])
      expect(outputSchema.safeParse(wide(count)).error?.issues).toEqual([
        { code: 'custom', path: [], message: 'has at most 1024 values, nested ones included' },
      ])
    expect(accepts({ enum: Array.from({ length: 256 }, (_, n) => n) })).toBe(true)
  })

  it('may let 2 KB through and no more, however they are put', () => {
    expect(accepts({ type: 'string', maxLength: 1000 })).toBe(true)
    expect(accepts({ type: 'string', maxLength: 1100 })).toBe(false)
    expect(accepts({ type: 'array', items: BOOLEAN, maxItems: 16_000 })).toBe(true)
    expect(accepts({ type: 'array', items: { type: 'number', minimum: 0, maximum: 1 }, maxItems: 300 })).toBe(
      false,
    )
    const wide = { type: 'array', items: { type: 'array', items: BOOLEAN, maxItems: 200 }, maxItems: 200 }
    expect(accepts(wide)).toBe(false)
  })
})

describe('a value', () => {
  it.each<[OutputSchema, unknown]>([
    [BOOLEAN, false],
    [TEXT, ''],
    [TEXT, 'abc'],
    [SMALL, -1],
    [SMALL, 3],
    [{ type: 'number', minimum: 0, maximum: 1 }, 0.5],
    [LIST, []],
    [LIST, [1, 2]],
    [BOTH, { a: true, b: 'x' }],
    [{ enum: [null, 0, false] }, null],
    [{ enum: [null, 0, false] }, false],
  ])('that fits %j comes through: %j', (schema, value) => {
    expect(fitted(value, schema)).toEqual({ value })
  })

  it.each<[OutputSchema, unknown]>([
    [BOOLEAN, 0],
    [BOOLEAN, null],
    [BOOLEAN, undefined],
    [TEXT, 'abcd'],
    [TEXT, ['a']],
    [SMALL, 4],
    [SMALL, 1.5],
    [SMALL, '1'],
    [{ type: 'number', minimum: 0, maximum: 1 }, 1.01],
    [{ type: 'number', minimum: 0, maximum: 1 }, Number.NaN],
    [LIST, [1, 2, 3]],
    [LIST, { length: 0 }],
    [LIST, [4]],
    [BOTH, { a: true }],
    [BOTH, { a: true, b: 'x', c: 1 }],
    [BOTH, [true, 'x']],
    [BOTH, null],
    [{ type: 'object', properties: { constructor: BOOLEAN } }, {}],
    [{ enum: ['a'] }, 'b'],
    [{ enum: [1] }, '1'],
    [{ enum: [1] }, undefined],
  ])('that does not fit %j does not: %j', (schema, value) => {
    expect(fitted(value, schema)).toBeUndefined()
  })

  it('tells nothing by the order of its keys, nor by the sign of nothing', () => {
    expect(JSON.stringify(fitted({ b: 'x', a: true }, BOTH)?.value)).toBe('{"a":true,"b":"x"}')
    expect(Object.is(fitted(-0, SMALL)?.value, 0)).toBe(true)
  })

  it('whatever it is, comes through as the schema has it or not at all', () => {
    const seen = new Set<string>()
    const value = fc.oneof(
      fc.jsonValue(),
      fc.record({ a: fc.boolean(), b: fc.constantFrom('', 'x', 'abcd') }),
    )
    const schema = { type: 'object', properties: { a: BOOLEAN, b: { enum: ['', 'x'] } } } as const
    fc.assert(
      fc.property(value, (one) => {
        const fit = fitted(one, schema)
        if (fit !== undefined) seen.add(JSON.stringify(fit.value))
      }),
      { numRuns: 500 },
    )
    // Two bits in the schema, so four texts at most.
    expect(seen.size).toBeLessThanOrEqual(4)
    expect(seen.size).toBeGreaterThan(0)
  })
})
