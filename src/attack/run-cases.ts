import type { Tier } from '../cage/tiers.ts'
import { attackBox } from '../run/diagnose.ts'
import { Arena, type AttackParts } from './arena.ts'
import { GROUPS, type AttackCase, type CaseOutcome, type Check, type Evidence } from './evidence.ts'
import { endOf, lastOf } from './checks.ts'
import { LoopbackSite } from './loopback-site.ts'

/** A case whose only fault is its timing is tried so often: the machine may have been busy, a hole stays. */
const TRIES_MAX = 3

export type CaseSetting = {
  readonly tier: Tier
  readonly parts: AttackParts
  readonly signal: AbortSignal
  /** Hears of each case as it ends. */
  readonly onOutcome?: (outcome: CaseOutcome) => void
}

const NOTHING: Evidence = {
  results: [],
  tookMs: 0,
  peakBytes: 0,
  noiseMs: 0,
  cages: 0,
  survivors: 0,
  planted: { inside: [], outside: [], tables: [], leaks: [] },
  records: [],
  box: [],
  reported: [],
  noted: [],
  atOnceMax: 0,
  refunds: 0,
  erased: 0,
  asked: 0,
  requests: [],
  trapped: 0,
  pollution: [],
  logLines: [],
  bystander: { isAlive: false, answered: 0, longestWaitMs: 0 },
}

/** Lets a hostile program run in the box itself; no Tollgate is in it. */
const meetBox = async ({ tier, parts }: CaseSetting, one: AttackCase): Promise<Evidence> => {
  await using site = await LoopbackSite.open()
  const startMs = performance.now()
  const box = await attackBox(tier, site.trapPort, {
    launch: parts.launch,
    hasPermissions: one.box === 'as cages run',
  })
  return { ...NOTHING, box, trapped: site.trapped, tookMs: performance.now() - startMs }
}

type Verdict = { readonly wrong: readonly string[]; readonly isTimingOnly: boolean }

const judge = (checks: readonly Check[], seen: Evidence): Verdict => {
  const failed = checks.flatMap((one) => {
    const problem = one.judge(seen)
    return problem === undefined ? [] : [{ problem, isTiming: one.isTiming === true }]
  })
  return {
    wrong: failed.map(({ problem }) => problem),
    isTimingOnly: failed.every(({ isTiming }) => isTiming),
  }
}

/** Meets one case, again where only the timing was wrong, and judges it. */
const tryCase = async (
  one: AttackCase,
  meet: () => Promise<Evidence>,
  signal: AbortSignal,
): Promise<CaseOutcome> => {
  const { id, group, what, checks, tell = (seen: Evidence) => endOf(lastOf(seen)) } = one
  const startMs = performance.now()
  const outcome = (held: boolean, happened: string, peakBytes: number, tries: number): CaseOutcome => ({
    id,
    group,
    groupName: GROUPS[group],
    what,
    held,
    happened,
    peakBytes,
    tries,
    ms: performance.now() - startMs,
  })
  for (let tries = 1; ; tries += 1) {
    try {
      const seen = await meet()
      const { wrong, isTimingOnly } = judge(checks, seen)
      if (wrong.length === 0) return outcome(true, tell(seen), seen.peakBytes, tries)
      if (!isTimingOnly || tries >= TRIES_MAX) return outcome(false, wrong.join('; '), seen.peakBytes, tries)
    } catch (error) {
      signal.throwIfAborted()
      return outcome(false, `the attack itself failed: ${String(error)}`, 0, tries)
    }
  }
}

/**
 * Runs cases one after the other against one Tollgate and judges each. When the signal fires it rejects with the signal's reason,
 * with everything ended; what came so far was told to `onOutcome`.
 */
export const runCases = async (
  cases: readonly AttackCase[],
  setting: CaseSetting,
): Promise<readonly CaseOutcome[]> => {
  const { tier, parts, signal, onOutcome } = setting
  const outcomes: CaseOutcome[] = []
  await using arena = await Arena.open(parts, tier, signal)
  for (const one of cases) {
    signal.throwIfAborted()
    const { setup } = one
    const meet = setup === undefined ? () => meetBox(setting, one) : () => arena.meet(setup)
    const outcome = await tryCase(one, meet, signal)
    outcomes.push(outcome)
    onOutcome?.(outcome)
  }
  return outcomes
}
