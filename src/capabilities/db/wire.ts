import type { Parameters } from './ops.ts'

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
  }[]
  readonly functions: readonly string[]
  readonly principal: string
  readonly rowsMax: number
  readonly bytesMax: number
}

export type QueryQuestion = {
  readonly ask: 'query'
  readonly sql: string
  readonly params: Parameters
  readonly first: boolean
}

export type Question = OpenQuestion | QueryQuestion

/** Why the process did not do what it was asked; the host knows a code and a sentence for each. */
export const REFUSALS = [
  'unfit',
  'unavailable',
  'busy',
  'statement',
  'name',
  'tail',
  'sql',
  'params',
  'rows',
  'bytes',
  'memory',
] as const
export type Refusal = (typeof REFUSALS)[number]

/** `detail` is one line; it is written by the process, so the host bounds it. */
export type RefusedAnswer = { readonly ok: false; readonly refusal: Refusal; readonly detail: string }
