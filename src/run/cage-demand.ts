import type { CageDemand } from './cage-pool.ts'
import { CHILDREN } from './children.ts'
import type { PreparedRun } from './prepare.ts'

/**
 * What a run needs of its cage. A child has one of its own, for what it holds differs from what its parent holds (SOUNDNESS 8).
 * It waits for no admission: its memory was reserved with its parent's, so a parent never waits for a child that waits for it.
 */
export function cageDemand(
  { principal, priority, policy }: PreparedRun,
  { isChild, isExclusive }: { readonly isChild: boolean; readonly isExclusive: boolean },
): CageDemand {
  const { limits, security, digest, grants } = policy
  return {
    principal,
    policyDigest: digest,
    priority,
    memoryMb: limits.maxMemoryMb,
    isStrict: security.isStrict,
    isExclusive: isExclusive || isChild,
    childrenMb: grants.has(CHILDREN) ? limits.maxMemoryMb : 0,
    isAdmitted: isChild,
  }
}
