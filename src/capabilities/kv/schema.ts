import * as z from 'zod'

const VALUE_KB_MAX = 1024
const TOTAL_KB_MAX = 64 * 1024

/** `permissions.kv`: a store of small JSON values, one for each principal. */
export const kvSchema = z
  .strictObject({
    max_total_kb: z
      .number()
      .positive()
      .max(TOTAL_KB_MAX)
      .default(256)
      .describe('keys and values together, that the principal may keep'),
    max_keys: z.int().min(1).max(100_000).default(1000).describe('keys that the principal may keep'),
    max_value_kb: z.number().positive().max(VALUE_KB_MAX).default(64).describe('one value, as JSON'),
    ask: z
      .enum(['always', 'never', 'once_per_run'])
      .optional()
      .describe('when a human must approve puts and deletions; default: never'),
  })
  .describe('Small JSON values by key, kept from run to run for each principal.')

export type KvDocument = z.output<typeof kvSchema>
