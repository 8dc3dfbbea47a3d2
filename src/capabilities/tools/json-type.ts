import * as z from 'zod'

/** Deepest nesting that is written out, and longest type: what is beyond is `unknown`. */
const DEPTH_MAX = 8
const SIZE_MAX = 8000

type Schema = Readonly<Record<string, unknown>>

const UNKNOWN = 'unknown'
const PLAIN: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  null: 'null',
}

/** The JSON Schema of what a tool takes (`input`) or answers (`output`). What zod cannot say in it is the empty schema. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Schema {
  try {
    return z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  } catch {
    // Two schemas of one id, or a schema that is no schema: a description must not fail where the call would not.
    return {}
  }
}

/** A JSON Schema as a TypeScript type on one line; `unknown` for what it does not know, so never narrower than the schema. */
export function typeOfJson(schema: Schema): string {
  const type = typeOf(schema, 0)
  return type.length > SIZE_MAX ? UNKNOWN : type
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const listIn = (value: unknown): readonly unknown[] | undefined => (Array.isArray(value) ? value : undefined)

function typeOf(schema: unknown, depth: number): string {
  if (!isSchema(schema) || depth > DEPTH_MAX) return UNKNOWN
  const { enum: values, anyOf, oneOf, allOf } = schema
  if (Object.hasOwn(schema, 'const')) return literal(schema['const'])
  if (Array.isArray(values)) return union(values.map(literal))
  const choices = listIn(anyOf) ?? listIn(oneOf)
  if (choices !== undefined) return union(choices.map((one) => typeOf(one, depth + 1)))
  const all = listIn(allOf)
  if (all !== undefined) return all.map((one) => `(${typeOf(one, depth + 1)})`).join(' & ')
  const type: unknown = schema['type']
  const types = listIn(type)
  if (types !== undefined) return union(types.map((one) => typeOf({ ...schema, type: one }, depth + 1)))
  if (type === 'array') return arrayOf(schema, depth)
  if (type === 'object') return objectOf(schema, depth)
  return typeof type === 'string' && Object.hasOwn(PLAIN, type) ? (PLAIN[type] ?? UNKNOWN) : UNKNOWN
}

const union = (types: readonly string[]): string =>
  types.includes(UNKNOWN) ? UNKNOWN : [...new Set(types)].join(' | ') || 'never'

const literal = (value: unknown): string =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value)
    ? (JSON.stringify(value) ?? UNKNOWN)
    : UNKNOWN

function arrayOf({ items, prefixItems }: Schema, depth: number): string {
  const first = listIn(prefixItems)
  if (first === undefined) return listOf(items, depth)
  const rest = items === false || items === undefined ? [] : [`...${listOf(items, depth)}`]
  return `[${[...first.map((one) => typeOf(one, depth + 1)), ...rest].join(', ')}]`
}

function listOf(items: unknown, depth: number): string {
  const type = typeOf(items, depth + 1)
  return /^[a-z]+$/u.test(type) ? `${type}[]` : `(${type})[]`
}

const propertyName = (name: string): string =>
  /^[A-Za-z_$][\w$]*$/u.test(name) ? name : JSON.stringify(name)

function objectOf({ properties = {}, required, additionalProperties }: Schema, depth: number): string {
  if (!isSchema(properties)) return UNKNOWN
  const names = Array.isArray(required) ? new Set<unknown>(required) : new Set()
  const members = Object.entries(properties).map(
    ([name, one]) => `${propertyName(name)}${names.has(name) ? '' : '?'}: ${typeOf(one, depth + 1)}`,
  )
  if (isSchema(additionalProperties)) {
    // Beside named properties an index must fit them all.
    const type = members.length > 0 ? UNKNOWN : typeOf(additionalProperties, depth + 1)
    members.push(`[name: string]: ${type}`)
  }
  if (members.length > 0) return `{ ${members.join('; ')} }`
  return additionalProperties === false ? 'Record<string, never>' : 'object'
}
