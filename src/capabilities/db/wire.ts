import type { Parameters } from './ops.ts'
import type { WriteKind, WriteVerb } from './write-kind.ts'

/** The first question: what is to be opened, and what may be read of it. Everything that the process knows. */
export type OpenQuestion = {
  readonly ask: 'open'
  /** Absolute. */
  readonly file: string
  readonly tables: readonly {
    readonly name: string
    /** Null: every column. */
    readonly show: readonly string[] | null
    readonly mask: readonly string[]
    /** Null: every row. Joined by what yields the principal. */
    readonly filter: readonly string[] | null
    /** Where no table has any, the file is opened read-only. */
    readonly write: readonly WriteVerb[]
  }[]
  readonly functions: readonly string[]
  readonly principal: string
  readonly rowsMax: number
  readonly bytesMax: number
}

/** What one statement is held to, beside what was said when the database was opened. */
export type StatementBounds = {
  /** Tables of the grant that it must not name, in lower case. */
  readonly hidden: readonly string[]
  /** Rows that it may give. */
  readonly rowsMax: number
}

export type QueryQuestion = StatementBounds & {
  readonly ask: 'query'
  readonly sql: string
  readonly params: Parameters
  readonly first: boolean
}

/** Stands in the table of commits, in the transaction that it tells of. */
export type Marker = { readonly runId: string; readonly digest: string }

export type ExecuteQuestion = WriteKind &
  StatementBounds & {
    readonly ask: 'execute'
    readonly sql: string
    readonly params: Parameters
    /** Given: the statement is a transaction of its own, and is committed with it. */
    readonly marker: Marker | null
  }

/** The end of the transaction of the run; `mend`: of one that another process has left behind. */
export type EndQuestion =
  ({ readonly ask: 'commit' } & Marker) | { readonly ask: 'rollback' } | { readonly ask: 'mend' }

export type Question = OpenQuestion | QueryQuestion | ExecuteQuestion | EndQuestion

/** Why the process did not do what it was asked; the host knows a code and a sentence for each. */
export const REFUSALS = [
  'unfit',
  'unavailable',
  'changed',
  'busy',
  'statement',
  'name',
  'tail',
  'sql',
  'params',
  'rows',
  'bytes',
  'memory',
  'write',
  'constraint',
  'lost',
] as const
export type Refusal = (typeof REFUSALS)[number]

/** `detail` is one line; it is written by the process, so the host bounds it. */
export type RefusedAnswer = { readonly ok: false; readonly refusal: Refusal; readonly detail: string }
