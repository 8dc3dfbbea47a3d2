import * as z from 'zod'

/** Values that turn a key off; `'[]'` and `'{}'` stand for an empty list and an empty mapping. */
type OffValue = null | boolean | string | number

const NOT_BUILT_MARK = 'tollgateNotBuilt'

/** The error of a schema that accepts only what this version enforces. */
export const notBuilt = (accepted: string) => ({ error: () => `${NOT_BUILT_MARK}:${accepted}` })

const schemaOf = (value: OffValue, error: ReturnType<typeof notBuilt>): z.ZodType => {
  if (value === '[]') return z.array(z.never(error), error).max(0, error)
  return value === '{}' ? z.strictObject({}, error) : z.literal(value, error)
}

/**
 * A key of the policy that this version does not enforce: it may only say so. Anything else is CONFIG_NOT_BUILT, for a policy
 * that is silently ignored is worse than one that is refused.
 */
export const off = (values: readonly OffValue[], what: string) => {
  const accepted = values.map(String).join(' or ')
  const error = notBuilt(accepted)
  const schemas = values.map((value) => schemaOf(value, error))
  return z
    .union(schemas, error)
    .optional()
    .describe(`${what} Not enforced by this version: only ${accepted} is accepted.`)
}

/** The readable message when an issue comes from {@link off}; undefined for any other. */
export const notBuiltMessage = (message: string): string | undefined =>
  message.startsWith(`${NOT_BUILT_MARK}:`)
    ? `is not enforced by this version, so it accepts only ${message.slice(NOT_BUILT_MARK.length + 1)}`
    : undefined

/** Entries under `permissions` whose capability is not built, with the values that grant nothing. */
export const PERMISSIONS_NOT_BUILT: Readonly<Record<string, ReturnType<typeof off>>> = {
  mcp: off([null, '{}'], 'Servers of the Model Context Protocol.'),
}
