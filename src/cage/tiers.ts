/**
 * How a cage is confined, from nothing to a virtual machine. Each tier holds what the one before it does.
 *
 * - T0: in the process of the host. Exists for tests only; Tollgate never chooses it.
 * - T1: a child process with resource limits, an empty environment and Node's permission model.
 * - T2: T1 in user, pid, network, ipc and mount namespaces of its own.
 * - T3: a bubblewrap box: minimal read-only root, uid 65534, no capabilities, a seccomp filter.
 * - T4: T3 while the host itself runs inside gVisor or a microVM; detected, never started by Tollgate.
 */
export const TIERS = ['T1', 'T2', 'T3', 'T4'] as const
export type Tier = (typeof TIERS)[number]

/** Whether a tier is at least as strong as another. */
export const isAtLeast = (tier: Tier, least: Tier): boolean => TIERS.indexOf(tier) >= TIERS.indexOf(least)

/** Whether a tier can be had here: `why` says what is missing, `remedy` what to install or to set. */
export type TierState =
  | { readonly tier: Tier; readonly available: true; readonly facts: readonly string[] }
  | { readonly tier: Tier; readonly available: false; readonly why: string; readonly remedy: string }
