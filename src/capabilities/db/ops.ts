import * as z from 'zod'

/** What a parameter of a statement may be; bytes cross as base64. */
const parameter = z.union([
  z.null(),
  z.boolean(),
  z.number(),
  z.string().max(1024 * 1024),
  z.strictObject({ base64: z.base64('must be base64 with padding').max(1024 * 1024) }),
])

/** Longest statement, in UTF-16 code units. */
const SQL_SIZE_MAX = 32 * 1024

/** Wire arguments of `db.NAME.query`. Whether the statement is allowed is not decided here. */
export const queryArguments = z.strictObject({
  sql: z.string().min(1).max(SQL_SIZE_MAX),
  /** In the order of `?`, or by the names of `:name`. */
  params: z
    .union([
      z.array(parameter).max(1000),
      z.record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/u, 'must be the name of a parameter'),
        parameter,
      ),
    ])
    .default([]),
  /** The first row alone. */
  first: z.boolean().default(false),
})

/** Wire arguments of `db.NAME.schema`. */
export const schemaArguments = z.strictObject({})

export type QueryArguments = z.output<typeof queryArguments>
export type Parameter = z.output<typeof parameter>
export type Parameters = QueryArguments['params']

/** What is judged, approved (by digest) and performed. JSON data, frozen. */
export type DbRequest =
  | { readonly kind: 'schema'; readonly database: string }
  | ({ readonly kind: 'query'; readonly database: string } & QueryArguments)

/**
 * A value of a result as it crosses: whole numbers beyond 2^53 as their digits, bytes as base64, the infinities by name. All other
 * values are themselves.
 */
export type Cell =
  | null
  | boolean
  | string
  | number
  | { readonly integer: string }
  | { readonly base64: string }
  | { readonly real: string }

/** What `db.NAME.query` answers. */
export type DbRows = { readonly columns: readonly string[]; readonly rows: readonly (readonly Cell[])[] }

/** What `db.NAME.schema` answers: only what is granted. */
export type DbTable = {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly masked: boolean }[]
}
