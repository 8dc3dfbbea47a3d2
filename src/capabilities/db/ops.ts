import * as z from 'zod'
import type { WriteKind } from './write-kind.ts'

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

const PARAMETERS_MAX = 1_000

/** Counted before anybody looks closer: what is wrong with each parameter costs the host time. */
const areFew = (given: unknown): boolean =>
  typeof given !== 'object' || given === null || Object.keys(given).length <= PARAMETERS_MAX

const statement = {
  sql: z.string().min(1).max(SQL_SIZE_MAX),
  /** In the order of `?`, or by the names of `:name`. */
  params: z
    .unknown()
    .refine(areFew, `are at most ${PARAMETERS_MAX}`)
    .pipe(
      z.union([
        z.array(parameter),
        z.record(
          z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/u, 'must be the name of a parameter'),
          parameter,
        ),
      ]),
    )
    .default([]),
}

/** Wire arguments of `db.NAME.query`. Whether the statement is allowed is not decided here. */
export const queryArguments = z.strictObject({
  ...statement,
  /** The first row alone. */
  first: z.boolean().default(false),
})

/** Wire arguments of `db.NAME.execute`. */
export const executeArguments = z.strictObject(statement)

/** What the host commits: so many statements of this run, named by a digest over them and their parameters in order. */
export const commitArguments = z.strictObject({
  database: z.string(),
  statements: z.int().min(1),
  digest: z.string(),
})

/** Wire arguments of `db.NAME.schema`. */
export const schemaArguments = z.strictObject({})

export type QueryArguments = z.output<typeof queryArguments>
export type ExecuteArguments = z.output<typeof executeArguments>
export type CommitArguments = z.output<typeof commitArguments>
export type Parameter = z.output<typeof parameter>
export type Parameters = QueryArguments['params']

/** What the handles of a call leave of the grant: `tables` as the policy names them. Absent is all. */
export type DbCaveats = { readonly tables?: readonly string[]; readonly rows?: number }

/** What is judged, approved (by digest) and performed. JSON data, frozen. */
export type DbRequest = { readonly database: string; readonly only?: DbCaveats } & (
  | { readonly kind: 'schema' }
  | ({ readonly kind: 'query' } & QueryArguments)
  | ({ readonly kind: 'execute' } & WriteKind & ExecuteArguments)
  | ({ readonly kind: 'commit' } & CommitArguments)
)

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

/** What `db.NAME.execute` answers. */
export type DbWritten = {
  /** Rows that the statement itself changed. */
  readonly changes: number
  /** Of an INSERT, where the table has a whole number as its key and shows it. */
  readonly lastInsertRowid?: Cell
  /** What RETURNING gave. */
  readonly returned?: DbRows
}

/** What `db.NAME.schema` answers: only what is granted. */
export type DbTable = {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly masked: boolean }[]
}
