import type { AuditRecord, AuditVerdict } from '../../index.ts'
import { formatOfVerdict } from './print-calls.ts'
import { cut, printable } from './printable.ts'
import type { Format, Style } from './style.ts'
import { formatCount } from './units.ts'

const FACT_SIZE_MAX = 200
const DIGEST_SIZE_SHOWN = 12

/** Told by the line itself, or of use to machines only: `--json` prints them all. */
const FACTS_LEFT_OUT = new Set(['event_sha256', 'verdict', 'code', 'op', 'subject', 'status'])
/** What a line says first, without its name. */
const FACTS_FIRST = ['status', 'verdict', 'code', 'op', 'subject'] as const

/** A digest as people compare it: its beginning. */
const shortened = (text: string): string =>
  text.replace(
    /^(sha256:)?([0-9a-f]{64})$/,
    (_, prefix = '', hex: string) => `${prefix}${hex.slice(0, DIGEST_SIZE_SHOWN)}…`,
  )

const shown = (value: string | number | boolean): string =>
  printable(cut(shortened(String(value)), FACT_SIZE_MAX))

const formatOf = ({ event, facts }: AuditRecord): Format => {
  if (event === 'breach') return 'red'
  const { verdict, code, status } = facts
  if (verdict !== undefined)
    return formatOfVerdict({ verdict: String(verdict), code: code === undefined ? undefined : String(code) })
  return status === undefined ? 'cyan' : status === 'done' ? 'green' : 'red'
}

/** One record on one line: its position, when, what, and its facts. All text in it is printable. */
const recordLine = (record: AuditRecord, style: Style): string => {
  const { n, at, event, facts, runId } = record
  const first = FACTS_FIRST.flatMap((key) => facts[key] ?? []).map(shown)
  const rest = Object.entries(facts)
    .filter(([key, value]) => !FACTS_LEFT_OUT.has(key) && !(key === 'task' && value === runId))
    .map(([key, value]) => `${style.paint('dim', `${printable(key)}=`)}${shown(value)}`)
  const time = style.paint('dim', printable(at.slice(11, 23)))
  return [
    `  #${String(n).padEnd(3)}`,
    time,
    style.paint(formatOf(record), event.padEnd(13)),
    ...first,
    ...rest,
  ].join(' ')
}

/**
 * Writes records as lines, with a title wherever another run or another day begins. Keeps in mind what it wrote last, so
 * that records may come piece by piece.
 */
export const createAuditPrinter = (style: Style): ((records: readonly AuditRecord[]) => string[]) => {
  let title: string | undefined
  return (records) =>
    records.flatMap((record) => {
      const own = `${printable(record.runId)}  ${printable(record.at.slice(0, 10))} UTC`
      const isNew = own !== title
      const lines = [
        ...(isNew && title !== undefined ? [''] : []),
        ...(isNew ? [style.paint('bold', own)] : []),
      ]
      title = own
      return [...lines, recordLine(record, style)]
    })
}

/** What `audit verify` found, for people. */
export const verdictLines = (verdict: AuditVerdict, style: Style): string[] => {
  const counted = `${formatCount(verdict.records, 'record')} of ${formatCount(verdict.runs, 'run')}`
  if (verdict.intact) {
    const head = verdict.head === '' ? [] : [style.paint('dim', `head ${verdict.head}`)]
    return [`${style.paint(['bold', 'green'], '✔ intact')}  ${counted}`, ...head]
  }
  const { runId, position, message } = verdict.problem
  const where = runId === undefined ? `position ${position}` : `position ${position} of ${printable(runId)}`
  return [
    `${style.paint(['bold', 'red'], '✖ broken')} at ${where}`,
    `  ${printable(message)}`,
    style.paint('dim', `  looked at ${counted}`),
  ]
}
