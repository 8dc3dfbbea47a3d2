/** The public entry `tollgate/admin`: what an operator asks about the machine and the build. */
import type { AttackOptions, Scorecard } from './attack/attack-build.ts'

export { diagnose } from './run/diagnose.ts'
export { applyUpkeep, inspectPolicy, planUpkeep } from './run/upkeep.ts'
export type { UpkeepFinding, UpkeepPlan } from './capabilities/capability.ts'
export type { AttackOutcome, Diagnosis, TierReport } from './run/diagnose.ts'
export type { Tier, TierState } from './cage/tiers.ts'
export type { AttackOptions, GroupScore, Scorecard, TierScore } from './attack/attack-build.ts'
export type { CaseOutcome } from './attack/evidence.ts'

/**
 * Runs the hostile cases against this build and says which of them held, as `tollgate doctor --attack` does. Loaded when it is
 * called. Throws CONFIG_USAGE for a case that does not exist and CONFIG_TIER_UNAVAILABLE for a tier that cannot be had.
 */
export const attackBuild = async (options?: AttackOptions): Promise<Scorecard> => {
  const attack = await import('./attack/attack-build.ts')
  return await attack.attackBuild(options)
}
