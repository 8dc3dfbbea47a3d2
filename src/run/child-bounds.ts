import type { Ledger } from '../budget/ledger.ts'
import { SubLedger, type LedgerAbove } from '../budget/sub-ledger.ts'
import { childPolicy } from '../policy/child-policy.ts'

/** What a child is held to: a part of its parent's policy, and an account that draws on its parent's. */
export type ChildBounds = {
  readonly policyOf: typeof childPolicy
  ledgerOf(above: LedgerAbove): Ledger
}
/** The real ones. */
export const CHILD_BOUNDS: ChildBounds = Object.freeze({
  policyOf: childPolicy,
  ledgerOf: (above) => new SubLedger(above),
})
