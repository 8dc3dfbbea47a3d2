/** What one benchmark file answers. */
import type { Rival } from './rivals/rival.ts'

export type Unit = 'ms' | 'runs/s' | 'MB' | '×'

type Place = {
  /** What was done: a part of the question, in words. */
  readonly what: string
  /** Who did it. */
  readonly by: string
}

export type Figure = Place & {
  /** The median, unless the unit is a rate. */
  readonly figure: number
  readonly unit: Unit
  readonly p99?: number
  readonly samples: number
  /** CPU time of the embedder, the contender and all their processes, for one run. */
  readonly cpuMsPerRun?: number
  /** Points of the distribution, as [share, value]. */
  readonly points?: readonly (readonly [number, number])[]
  /** Where the row stands on an axis of a plot: a concurrency, a size. */
  readonly at?: number
  /** What else is to be said, above all of what is not the same as with the others. */
  readonly note?: string
}

/** A contender that could not do it says why. */
export type Failure = Place & { readonly cannot: string }

export type Row = Figure | Failure

/** One line of the table of aims. */
export type Aim = {
  readonly name: string
  /** Null when it could not be measured; `note` says why. */
  readonly figure: number | null
  readonly unit: Unit
  readonly aim: number
  /** Whether less or more is better. */
  readonly better: 'less' | 'more'
  readonly held: boolean
  readonly note?: string
}

export type Answer = { readonly rows: readonly Row[]; readonly aims: readonly Aim[] }

/** How much work a question may make, and for whom. */
export type Effort = {
  readonly quick: boolean
  /** Everybody who is asked; Tollgate is the first. */
  readonly contenders: readonly Contender[]
  /** A question that is asked later than this, on the clock of `performance.now()`, measures Tollgate only. */
  readonly untilMs: number
  /** Tells people how far it is. */
  progress(text: string): void
}

/** A rival, or the reason why it cannot be measured here. */
export type Contender = { readonly rival: Rival; readonly missing?: string }

export type Question = {
  /** Name of its file; `npm run bench -- NAME` asks only this one. */
  readonly name: string
  readonly asks: string
  /** What is the same for all, and what is not. */
  readonly fairness?: string
  readonly measure: (effort: Effort) => Promise<Answer>
}

export const isFigure = (row: Row): row is Figure => 'figure' in row

/** Judges a figure; a missing one is not held. */
export const judge = (
  name: string,
  { unit, aim, better = 'less' }: { unit: Unit; aim: number; better?: 'less' | 'more' },
  figure: number | undefined,
  note?: string,
): Aim => ({
  name,
  figure: figure ?? null,
  unit,
  aim,
  better,
  held: figure !== undefined && (better === 'less' ? figure <= aim : figure >= aim),
  ...(note !== undefined && { note }),
})

/** The figure of a row, found by who and what. */
export const figureOf = (rows: readonly Row[], by: string, what: string): Figure | undefined =>
  rows.filter(isFigure).find((row) => row.by === by && row.what === what)
