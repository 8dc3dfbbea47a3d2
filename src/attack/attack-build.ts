import { launchCage } from '../cage/launch.ts'
import { bestTier, probeTiers } from '../cage/probe.ts'
import type { Tier } from '../cage/tiers.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { createTollgate } from '../index.ts'
import type { AttackParts } from './arena.ts'
import { GROUPS, type CaseOutcome, type Group } from './evidence.ts'
import { casesFor, chosen } from './roster.ts'
import { runCases } from './run-cases.ts'

export type AttackOptions = {
  /** The tier that is attacked, or `all` that can be had here. Default: the best. */
  readonly tier?: Tier | 'all'
  /** Numbers or groups of hostile cases: `H12`, `B`. Default: every case. */
  readonly only?: readonly string[]
  /** Calls the attack off. */
  readonly signal?: AbortSignal
  /** Hears of each case as it ends. */
  readonly onOutcome?: (tier: Tier, outcome: CaseOutcome) => void
}

/** How one group of cases fared. */
export type GroupScore = {
  readonly group: Group
  readonly name: string
  readonly held: number
  readonly cases: number
}

/** How a tier fared. */
export type TierScore = {
  readonly tier: Tier
  readonly outcomes: readonly CaseOutcome[]
  readonly groups: readonly GroupScore[]
  /** Milliseconds. */
  readonly ms: number
}

/** What came of an attack on the build. */
export type Scorecard = {
  readonly platform: string
  readonly node: string
  /** Every case of every tier held. */
  readonly held: boolean
  /** It was called off; the cases that are missing were not run. */
  readonly isCancelled: boolean
  readonly tiers: readonly TierScore[]
}

/** The installed build. */
const REAL: AttackParts = { open: createTollgate, launch: launchCage }

const scoreOf = (tier: Tier, outcomes: readonly CaseOutcome[], ms: number): TierScore => {
  const groups = (Object.keys(GROUPS) as Group[]).flatMap((group): GroupScore[] => {
    const own = outcomes.filter((outcome) => outcome.group === group)
    const held = own.filter((outcome) => outcome.held).length
    return own.length === 0 ? [] : [{ group, name: GROUPS[group], held, cases: own.length }]
  })
  return { tier, outcomes, groups, ms }
}

/** The tiers that were asked for. Throws CONFIG_TIER_UNAVAILABLE for one that cannot be had here. */
const tiersOf = (wanted: Tier | 'all' | undefined): readonly Tier[] => {
  const best = bestTier(wanted === 'all' ? undefined : wanted)
  if (wanted === undefined) return [best]
  const available = probeTiers().flatMap(({ tier, available: isHere }) => (isHere ? [tier] : []))
  if (wanted === 'all') return available
  if (available.includes(wanted)) return [wanted]
  throw new TollgateError('CONFIG_TIER_UNAVAILABLE', `The tier ${wanted} cannot be had here.`, {
    gate: 'cage',
  })
}

/**
 * Runs hostile cases against this very build, through the guest, and says which of them held: each is judged by what the host
 * saw, never by what the guest tells. Takes half a minute a tier. Resolves to what came so far when it is called off. Throws
 * CONFIG_USAGE for a case that does not exist and CONFIG_TIER_UNAVAILABLE for a tier that cannot be had.
 */
export const attackBuild = async (options: AttackOptions = {}): Promise<Scorecard> => {
  const { tier: wanted, only = [], signal = new AbortController().signal, onOutcome } = options
  const tiers: TierScore[] = []
  for (const tier of tiersOf(wanted)) {
    const outcomes: CaseOutcome[] = []
    const startMs = performance.now()
    try {
      await runCases(chosen(casesFor(tier), only), {
        tier,
        parts: REAL,
        signal,
        onOutcome: (outcome) => {
          outcomes.push(outcome)
          onOutcome?.(tier, outcome)
        },
      })
    } catch (error) {
      if (!signal.aborted) throw error
    }
    tiers.push(scoreOf(tier, outcomes, performance.now() - startMs))
    if (signal.aborted) break
  }
  const held = !signal.aborted && tiers.every(({ outcomes }) => outcomes.every((outcome) => outcome.held))
  return {
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    held,
    isCancelled: signal.aborted,
    tiers,
  }
}
