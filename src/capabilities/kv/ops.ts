import * as z from 'zod'

/** Longest key, in bytes of UTF-8. */
export const KEY_BYTES_MAX = 256
const LIST_MAX = 1000

// Keys are shown to who approves, and kept as text: no lone surrogate, nothing that cannot be seen.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u

const text = z
  .string()
  .max(KEY_BYTES_MAX)
  .refine((one) => Buffer.byteLength(one) <= KEY_BYTES_MAX, `must have at most ${KEY_BYTES_MAX} bytes`)
  .refine((one) => !UNSEEN.test(one), 'must be text without control characters or lone surrogates')

const key = text.min(1)
const value = z.unknown().refine((one) => one !== undefined, 'must be a JSON value')

/** Wire arguments of each op. */
export const KV_OPS = {
  'kv.get': z.strictObject({ key }),
  'kv.list': z.strictObject({
    prefix: text.default(''),
    /** The last key of the page before. */
    after: text.optional(),
    limit: z.int().min(1).max(LIST_MAX).default(100),
  }),
  'kv.put': z.strictObject({ key, value }),
  'kv.delete': z.strictObject({ key }),
} as const

export type KvOp = keyof typeof KV_OPS

/** What any of the ops may be asked. */
export type KvArguments = {
  readonly key?: string
  readonly value?: unknown
  readonly prefix?: string
  readonly after?: string | undefined
  readonly limit?: number
}

/** What is judged, approved (by digest) and performed, by op. `json`: the value as it is kept. */
export type KvRequest =
  | { readonly op: 'kv.get'; readonly key: string }
  | { readonly op: 'kv.delete'; readonly key: string }
  | { readonly op: 'kv.put'; readonly key: string; readonly json: string }
  | {
      readonly op: 'kv.list'
      readonly prefix: string
      readonly after?: string
      readonly limit: number
    }
