import * as z from 'zod'
import type { PolicyPath } from './path.ts'

/** The schemas that stand for one level of a schema, with optional, nullable, default and choice taken off. */
function unwrap(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly ||
    schema instanceof z.ZodCatch ||
    schema instanceof z.ZodNonOptional
  )
    return unwrap(schema.def.innerType)
  if (schema instanceof z.ZodPipe)
    return unwrap(schema.def.in instanceof z.ZodTransform ? schema.def.out : schema.def.in)
  if (schema instanceof z.ZodLazy) return unwrap(schema.def.getter())
  if (schema instanceof z.ZodUnion) return schema.def.options.flatMap(unwrap)
  return [schema]
}

function step(schema: z.core.$ZodType, part: string | number): readonly z.core.$ZodType[] {
  return unwrap(schema).flatMap((one) => {
    if (one instanceof z.ZodObject) {
      const shape = one.def.shape as Record<string, z.core.$ZodType>
      const inner = Object.hasOwn(shape, part) ? shape[part] : undefined
      return inner === undefined ? [] : [inner]
    }
    if (one instanceof z.ZodRecord) return [one.def.valueType]
    return one instanceof z.ZodArray ? [one.def.element] : []
  })
}

/** The keys that a schema knows at a path; empty where any name may stand. */
export function keysAt(schema: z.core.$ZodType, path: PolicyPath): ReadonlySet<string> {
  const found = path.reduce<readonly z.core.$ZodType[]>(
    (level, part) => level.flatMap((one) => step(one, part)),
    [schema],
  )
  const objects = found.flatMap(unwrap).filter((one) => one instanceof z.ZodObject)
  return new Set(objects.flatMap((one) => Object.keys(one.def.shape)))
}
