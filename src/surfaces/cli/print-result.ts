import type { AuditRecord, RunResult } from '../../index.ts'
import { callRows, type CallRow } from './call-rows.ts'
import { callsLines } from './print-calls.ts'
import { reasonLines, refusalLines } from './print-refusals.ts'
import { usageLines } from './print-usage.ts'
import { cut, printable, printableLines } from './printable.ts'
import type { Style } from './style.ts'
import { formatMs, formatUsd } from './units.ts'

const VALUE_LINES_MAX = 200
const VALUE_SIZE_MAX = 32 * 1024
const STACK_LINES_MAX = 12
const WARNINGS_MAX = 20
const COMMITTED_SIZE_MAX = 2_500

const LOOKS = {
  done: { mark: '✔', format: ['bold', 'green'] },
  failed: { mark: '✖', format: ['bold', 'red'] },
  waiting: { mark: '…', format: ['bold', 'yellow'] },
  cancelled: { mark: '■', format: ['bold', 'yellow'] },
} as const

/** The result of a run for people: status, value or error, calls, refusals, usage, warnings. All text in it is printable. */
export const resultLines = (result: RunResult, records: readonly AuditRecord[], style: Style): string[] => {
  const rows = callRows(records)
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', style.paint('bold', title), ...lines]
  return [
    headLine(result, style),
    ...section('value', valueLines(result)),
    ...section('error', errorLines(result, style)),
    ...section('calls', callsLines(rows, style)),
    ...section('committed', committedLines(rows)),
    ...section('refused or failed', refusalLines(withoutEnding(rows, result), style)),
    ...section('approvals', approvalLines(result)),
    ...section('usage', usageLines(result.usage, style)),
    ...section('cost alerts', alertLines(result, style)),
    ...section('warnings of the policy', warningLines(result.warnings, style)),
    '',
    ...footLines(result, style),
  ]
}

const headLine = (result: RunResult, style: Style): string => {
  const { mark, format } = LOOKS[result.status]
  const code = result.error === undefined ? '' : `  ${style.paint('red', result.error.code)}`
  return `${style.paint(format, `${mark} ${result.status}`)}${code}  ${style.paint('dim', `in ${formatMs(result.usage.wallMs)}`)}`
}

const valueLines = (result: RunResult): string[] => {
  if (result.status !== 'done') return []
  const text = JSON.stringify(result.value ?? null, null, 2)
  const lines = printableLines(text.slice(0, VALUE_SIZE_MAX)).slice(0, VALUE_LINES_MAX)
  const whole = lines.join('\n').length >= text.length
  return [
    ...lines,
    ...(whole ? [] : [`… [cut, ${text.length} characters in all; --json prints everything]`]),
  ].map((line) => `  ${line}`)
}

const committedLines = (rows: readonly CallRow[]): string[] =>
  rows.flatMap(({ committed }) =>
    committed === undefined ? [] : [`  ${printable(cut(committed, COMMITTED_SIZE_MAX))}`],
  )

/** The calls without the one whose refusal ended the run: the error tells it already. */
const withoutEnding = (rows: readonly CallRow[], { error }: RunResult): readonly CallRow[] => {
  const same = rows.filter(
    ({ code, gate, op }) =>
      code !== undefined && code === error?.code && gate === error.gate && op === error.op,
  )
  return same.length === 1 ? rows.filter((row) => row !== same[0]) : rows
}

/** The places of a stack; its first lines only repeat name and message. What has no places is shown as it is. */
const stackLines = (stack = ''): string[] => {
  const lines = printableLines(cut(stack, VALUE_SIZE_MAX)).map((line) => line.trim())
  const places = lines.filter((line) => line.startsWith('at '))
  return (places.length > 0 ? places : lines.filter((line) => line !== '')).slice(0, STACK_LINES_MAX)
}

const errorLines = ({ error }: RunResult, style: Style): string[] => {
  if (error === undefined) return []
  const gate = error.gate === undefined ? '' : ` at the gate ${error.gate}`
  const op = error.op === undefined ? '' : ` of ${printable(error.op)}`
  return [
    `  ${style.paint('red', error.code)}${gate}${op}`,
    ...reasonLines(error, style, '  '),
    ...stackLines(error.stack).map((line) => style.paint('dim', `    ${line}`)),
  ]
}

const DECISIONS: Readonly<Record<RunResult['approvals'][number]['state'], string>> = {
  approved: 'approved, not used',
  used: 'approved and used',
  denied: 'refused',
  expired: 'expired',
  unavailable: 'nobody to ask',
}

const approvalLines = (result: RunResult): string[] =>
  result.approvals.map(({ state, op, subject, by, reason }) => {
    const who = by === undefined ? '' : ` by ${printable(cut(by, 100))}`
    const why = reason === undefined ? '' : `: ${printable(cut(reason, 300))}`
    return `  ${DECISIONS[state]}${who}  ${printable(op)} ${printable(cut(subject, 300))}${why}`
  })

const alertLines = (result: RunResult, style: Style): string[] =>
  result.costAlerts.map((threshold) =>
    style.paint(
      'yellow',
      `  passed ${Math.round(threshold * 100)}% of ${formatUsd(result.usage.limits.costUsd)}`,
    ),
  )

/** Remarks of a policy, at most 20 of them. */
const warningLines = (warnings: readonly string[], style: Style): string[] => {
  const lines = warnings
    .slice(0, WARNINGS_MAX)
    .map((warning) => style.paint('yellow', `  ${printable(cut(warning, 600))}`))
  return warnings.length > WARNINGS_MAX ? [...lines, `  and ${warnings.length - WARNINGS_MAX} more`] : lines
}

const footLines = (result: RunResult, style: Style): string[] =>
  [
    `run ${printable(result.runId)}${result.task === result.runId ? '' : `  task ${printable(cut(result.task, 100))}`}`,
    `cage ${result.tier}`,
    `policy ${result.policyDigest}`,
    `tool ${result.toolDigest}`,
  ].map((line) => style.paint('dim', line))
