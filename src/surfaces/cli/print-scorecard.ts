import type { CaseOutcome, GroupScore, Scorecard, TierScore } from '../../admin.ts'
import { printable } from './printable.ts'
import type { Style } from './style.ts'
import { formatCount, formatMs } from './units.ts'

const WHAT_COLUMNS = 56
const TIME_COLUMNS = 7
const BYTES_SHOWN_MAX = 2_000

/** One case on one line; where it was broken the line goes on for as long as there is something to say. */
export const outcomeLine = ({ id, what, held, happened, ms, tries }: CaseOutcome, style: Style): string => {
  const mark = held ? style.paint('green', '✔') : style.paint(['bold', 'red'], '✖')
  const told = printable(happened.slice(0, BYTES_SHOWN_MAX))
  const again = tries > 1 ? style.paint('dim', ` (try ${tries})`) : ''
  const time = style.paint('dim', formatMs(ms).padStart(TIME_COLUMNS))
  return `  ${mark} ${id}  ${what.padEnd(WHAT_COLUMNS)} ${time}  ${held ? told : style.paint('red', told)}${again}`
}

/** The heading of a group of cases. */
export const groupHead = (group: string, name: string, style: Style): string =>
  style.paint('bold', `${group}  ${name}`)

const groupLine = ({ group, name, held, cases }: GroupScore, style: Style): string => {
  const text = `  ${group}  ${name.padEnd(20)} ${held} of ${cases} held`
  return held === cases ? text : style.paint('red', text)
}

const tierLines = ({ tier, groups, outcomes, ms }: TierScore, style: Style): string[] => {
  const broken = outcomes.filter(({ held }) => !held)
  const text = `${outcomes.length - broken.length} of ${formatCount(outcomes.length, 'hostile case')} held in ${tier}, in ${formatMs(ms)}`
  return [
    '',
    ...groups.map((group) => groupLine(group, style)),
    style.paint(broken.length === 0 ? ['bold', 'green'] : ['bold', 'red'], text),
  ]
}

/** The scorecard below the cases: subtotals, and the last word of each tier. */
export const scorecardLines = ({ tiers, held, isCancelled }: Scorecard, style: Style): string[] => [
  ...tiers.flatMap((tier) => tierLines(tier, style)),
  ...(isCancelled ? [style.paint('yellow', 'called off: the rest was not run')] : []),
  ...(held || isCancelled
    ? []
    : [style.paint('red', 'what is marked ✖ got through: SECURITY.md says where to report it')]),
]
