import * as z from 'zod'
import type { Capability } from '../capabilities/capability.ts'
import { policySchema } from './schema.ts'

/** A JSON Schema (draft 2020-12), as JSON data. */
export type JsonSchema = { readonly [key: string]: unknown }

/**
 * The JSON Schema of what a policy document may be, for editors. It is weaker than the compiler: what zod checks by
 * functions (domains, paths, what keys mean together) it leaves open.
 */
export function jsonSchemaOf(capabilities: readonly Capability[]): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(policySchema(capabilities), {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => allowShortForm(zodSchema, jsonSchema),
  })
  return { $schema, title: 'Tollgate policy', ...schema }
}

/** A preprocess step is how an entry takes its short form: one text that stands for the full one. */
function allowShortForm(schema: z.core.$ZodType, json: z.core.JSONSchema.BaseSchema): void {
  if (!(schema instanceof z.ZodPipe) || !(schema.def.in instanceof z.ZodTransform)) return
  const full = { ...json }
  for (const key of Object.keys(json)) delete json[key]
  json.anyOf = [{ type: 'string' }, full]
}
