import * as z from 'zod'

/** What may leave a quarantine: a part of JSON Schema in which every value has a bounded size. */
export type OutputSchema =
  | { readonly type: 'boolean' }
  | { readonly type: 'string'; readonly maxLength: number }
  | { readonly type: 'integer' | 'number'; readonly minimum: number; readonly maximum: number }
  | { readonly enum: readonly Choice[] }
  | { readonly type: 'array'; readonly items: OutputSchema; readonly maxItems: number }
  | { readonly type: 'object'; readonly properties: Readonly<Record<string, OutputSchema>> }
type Choice = string | number | boolean | null

/** All that one result can tell: 2 KB. */
const BITS_MAX = 16_384
const DEPTH_MAX = 8
const CHOICES_MAX = 256
const PROPERTIES_MAX = 64
const NAME_SIZE_MAX = 64
const CHOICE_SIZE_MAX = 256
/** Values in a schema, of whatever kind. */
const PLACES_MAX = 1_024
const CHARACTER_BITS = 16
const NUMBER_BITS = 64

const choice = z.union([z.string().max(CHOICE_SIZE_MAX), z.number(), z.boolean(), z.null()])
const size = z.int().min(0).max(BITS_MAX)

const scalar = [
  z.strictObject({ type: z.literal('boolean') }),
  z.strictObject({ type: z.literal('string'), maxLength: size }),
  z.strictObject({ type: z.literal('integer'), minimum: z.int(), maximum: z.int() }),
  z.strictObject({ type: z.literal('number'), minimum: z.number(), maximum: z.number() }),
  z.strictObject({ type: z.literal('string').optional(), enum: z.array(choice).min(1).max(CHOICES_MAX) }),
] as const

const SHAPES =
  'must be { type: "boolean" }, { type: "string", maxLength }, { type: "integer" or "number", minimum, maximum }, { enum: [...] }, { type: "array", items, maxItems } or { type: "object", properties }, and nothing else beside'

const OBJECT = {
  error: ({ code }: { readonly code?: string }): string | undefined =>
    code === 'unrecognized_keys'
      ? 'must be { type: "object", properties } and nothing else: all of them must be there, and no others come out'
      : undefined,
}

/** Built level by level, so that a schema which is nested deeper is none. */
function levelOf(depth: number): z.ZodType<OutputSchema> {
  if (depth === 0) return z.union(scalar, SHAPES) as z.ZodType<OutputSchema>
  const inner = levelOf(depth - 1)
  const name = z.string().max(NAME_SIZE_MAX)
  return z.union(
    [
      ...scalar,
      z.strictObject({ type: z.literal('array'), items: inner, maxItems: size }),
      z.strictObject(
        {
          type: z.literal('object'),
          properties: z
            .record(name, inner)
            .refine(
              (all) => Object.keys(all).length <= PROPERTIES_MAX,
              `at most ${PROPERTIES_MAX} properties`,
            ),
        },
        OBJECT,
      ),
    ],
    SHAPES,
  ) as z.ZodType<OutputSchema>
}

/** Counts what is nested in a value. Stops where there are too many. */
function isSmall(value: unknown): boolean {
  let left = PLACES_MAX
  const count = (one: unknown): void => {
    left -= 1
    if (left < 0 || typeof one !== 'object' || one === null) return
    for (const inner of Object.values(one)) if (left >= 0) count(inner)
  }
  count(value)
  return left >= 0
}

/**
 * The schema of such schemas. One that could tell more than {@link BITS_MAX} bits is refused, and, before anybody looks closer, one
 * of more than {@link PLACES_MAX} values: what is wrong with each costs the host time.
 */
export const outputSchema = z
  .unknown()
  .refine(isSmall, `has at most ${PLACES_MAX} values, nested ones included`)
  .pipe(levelOf(DEPTH_MAX))
  .superRefine((schema, refinement) => {
    const bits = bitsOf(schema)
    const message =
      bits <= BITS_MAX ? undefined : `a result could tell ${bits} bits, and may tell at most ${BITS_MAX}`
    if (message !== undefined) refinement.addIssue({ code: 'custom', message })
  })

const bitsOfCount = (count: number): number => Math.ceil(Math.log2(Math.max(1, count)))

/** How much a value that fits can tell at most, in bits. */
function bitsOf(schema: OutputSchema): number {
  if ('enum' in schema) return bitsOfCount(schema.enum.length)
  switch (schema.type) {
    case 'boolean':
      return 1
    case 'string':
      return schema.maxLength * CHARACTER_BITS + bitsOfCount(schema.maxLength + 1)
    case 'integer':
      return bitsOfCount(schema.maximum - schema.minimum + 1)
    case 'number':
      return NUMBER_BITS
    case 'array':
      return schema.maxItems * bitsOf(schema.items) + bitsOfCount(schema.maxItems + 1)
    case 'object':
      return Object.values(schema.properties).reduce((sum, inner) => sum + bitsOf(inner), 0)
  }
}

/** Holds nothing of the value, and goes no further than {@link fitted}. */
const MISFIT = new Error('The value does not fit.')

/**
 * A result as its schema has it, or undefined when it does not fit. Built anew in the order of the schema: neither the order
 * of keys nor anything else of the value comes through but what the schema counts.
 */
export function fitted(value: unknown, schema: OutputSchema): { readonly value: unknown } | undefined {
  try {
    return { value: fit(value, schema) }
  } catch (error) {
    if (error === MISFIT) return undefined
    throw error
  }
}

const misfit = (): never => {
  throw MISFIT
}

function fit(value: unknown, schema: OutputSchema): unknown {
  if ('enum' in schema) return schema.enum.includes(value as Choice) ? value : misfit()
  switch (schema.type) {
    case 'boolean':
      return typeof value === 'boolean' ? value : misfit()
    case 'string':
      return typeof value === 'string' && value.length <= schema.maxLength ? value : misfit()
    case 'integer':
      return Number.isInteger(value) ? fitNumber(value, schema) : misfit()
    case 'number':
      return fitNumber(value, schema)
    case 'array':
      return Array.isArray(value) && value.length <= schema.maxItems
        ? Array.from(value as readonly unknown[], (one) => fit(one, schema.items))
        : misfit()
    case 'object':
      return fitObject(value, schema.properties)
  }
}

const fitNumber = (
  value: unknown,
  { minimum, maximum }: { readonly minimum: number; readonly maximum: number },
): number =>
  typeof value === 'number' && value >= minimum && value <= maximum ? (value === 0 ? 0 : value) : misfit()

function fitObject(value: unknown, properties: Readonly<Record<string, OutputSchema>>): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return misfit()
  const names = Object.keys(properties)
  if (Object.keys(value).length !== names.length) return misfit()
  const members = names.map((name) =>
    Object.hasOwn(value, name)
      ? ([name, fit((value as Record<string, unknown>)[name], properties[name] ?? { enum: [] })] as const)
      : misfit(),
  )
  return Object.fromEntries(members)
}
