import type { ChildLimits } from './ops.ts'

/** A child as the run that starts it describes it. */
export type ChildOrder = {
  readonly code: string
  readonly input: unknown
  /** Names of capabilities, groups of ops or ops that the parent holds. */
  readonly grants: readonly string[]
  readonly limits: ChildLimits
  /** It has no capability, makes no call, and nobody reads what it prints. */
  readonly isQuarantined: boolean
  /** The call of the parent that it belongs to. */
  readonly seq: number
  readonly maxChildren: number
  readonly maxDepth: number
  /** Fires when the parent is over; the child ends with it. */
  readonly signal: AbortSignal
}

/** How a child ended. */
export type ChildEnding = { readonly runId: string } & (
  | { readonly status: 'done'; readonly value: unknown }
  | {
      readonly status: 'failed'
      readonly error: { readonly code: string; readonly message: string; readonly hint?: string }
    }
)

/** Starts children of one run: it belongs to that run, and knows what the run holds and has left. */
export interface ChildrenPower {
  /** Resolves when the child is over, whatever came of it. Throws DENIED_*, LIMIT_* and GUEST_* errors for one that cannot be started. */
  start(order: ChildOrder): Promise<ChildEnding>
}
