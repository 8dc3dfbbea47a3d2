import { attackBuild, type CaseOutcome, type Scorecard, type Tier } from '../../admin.ts'
import { TollgateError } from '../../index.ts'
import type { Invocation } from './command.ts'
import { EXIT_CANCELLED, EXIT_DONE, exitOfCode } from './exit-code.ts'
import { onInterrupt } from './interrupt.ts'
import { groupHead, outcomeLine, scorecardLines } from './print-scorecard.ts'
import type { Terminal } from './terminal.ts'

/** What `doctor --attack` takes. */
export type AttackChoices = { readonly tier?: string; readonly only?: string }

const TIERS = ['T1', 'T2', 'T3', 'T4', 'all'] as const

/** Throws CONFIG_USAGE. */
const tierOf = (text: string | undefined): Tier | 'all' | undefined => {
  if (text === undefined) return undefined
  const tier = TIERS.find((one) => one.toLowerCase() === text.toLowerCase())
  if (tier !== undefined) return tier
  throw new TollgateError('CONFIG_USAGE', `There is no tier ${JSON.stringify(text.slice(0, 100))}.`, {
    hint: `--tier takes ${TIERS.join(', ')}`,
  })
}

/** Tells each case as it ends: to people on stdout, beside a JSON document on stderr. */
const teller = (terminal: Terminal): ((tier: Tier, outcome: CaseOutcome) => void) => {
  let told = ''
  return (tier, outcome) => {
    const { group, groupName, id, what, held } = outcome
    if (terminal.json) return terminal.note([`${tier} ${held ? 'held' : 'BROKEN'} ${id} ${what}`])
    const head = `${tier} ${group}`
    const isNew = head !== told
    told = head
    terminal.print([
      ...(isNew ? ['', `${tier}  ${groupHead(group, groupName, terminal.out)}`] : []),
      outcomeLine(outcome, terminal.out),
    ])
  }
}

/** 0 when all held, 70 when something got through, 130 when it was called off. */
export const exitOfScorecard = ({ held, isCancelled }: Scorecard): number => {
  if (isCancelled) return EXIT_CANCELLED
  // Whatever gets through is a defect in Tollgate.
  return held ? EXIT_DONE : exitOfCode('INTERNAL_ERROR')
}

/**
 * Attacks this build and prints what held; resolves to the exit code. The first signal calls the attack off, the second ends
 * everything at once. Throws CONFIG_USAGE and CONFIG_TIER_UNAVAILABLE.
 */
export const attack = async (choices: AttackChoices, { terminal }: Invocation): Promise<number> => {
  const tier = tierOf(choices.tier)
  const only = (choices.only ?? '').split(',').filter((name) => name.trim() !== '')
  const cancel = new AbortController()
  const release = onInterrupt(
    () => cancel.abort(),
    () => process.exit(EXIT_CANCELLED),
  )
  try {
    const scorecard = await attackBuild({
      ...(tier !== undefined && { tier }),
      only: only.map((name) => name.trim()),
      signal: AbortSignal.any([cancel.signal, terminal.outputClosed]),
      onOutcome: teller(terminal),
    })
    if (terminal.json) terminal.printJson(scorecard)
    else terminal.print(scorecardLines(scorecard, terminal.out))
    return exitOfScorecard(scorecard)
  } finally {
    release()
  }
}
