/** The public entry `tollgate/admin`: what an operator asks about the machine. */
export { diagnose } from './run/diagnose.ts'
export type { AttackOutcome, Diagnosis, TierReport } from './run/diagnose.ts'
export type { Tier, TierState } from './cage/tiers.ts'
