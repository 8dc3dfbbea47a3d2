import type { CallRow } from './call-rows.ts'
import { cut, printable } from './printable.ts'
import type { Style } from './style.ts'

const REFUSALS_MAX = 10
const TEXT_SIZE_MAX = 600

/** What explains a refusal or a failure; shared by single calls and whole runs. */
export type Reason = Partial<Record<'message' | 'rule' | 'hint' | 'change', string | undefined>>

/** One line for each part of a reason that is known. `hintName` introduces the hint. */
export const reasonLines = (reason: Reason, style: Style, indent: string, hintName = 'instead'): string[] => {
  const parts = [
    ['why', reason.message],
    ['rule', reason.rule],
    [hintName, reason.hint],
    ['change', reason.change],
  ] as const
  return parts.flatMap(([name, text]) =>
    text === undefined
      ? []
      : [`${indent}${style.paint('dim', name.padEnd(8))} ${printable(cut(text, TEXT_SIZE_MAX))}`],
  )
}

const sameRefusal = (row: CallRow): string => [row.op, row.subject, row.code, row.gate, row.rule].join('\n')

/** Calls that were refused or failed: what, by which gate and rule, and the smallest change that would allow it. */
export const refusalLines = (rows: readonly CallRow[], style: Style): string[] => {
  const groups = new Map<string, CallRow[]>()
  for (const row of rows.filter(({ code }) => code !== undefined)) {
    const key = sameRefusal(row)
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  const shown = [...groups.values()].slice(0, REFUSALS_MAX)
  const lines = shown.flatMap((group) => refusalOf(group, style))
  const left = groups.size - shown.length
  return left > 0 ? [...lines, `  and ${left} more: see the audit of the run`] : lines
}

const refusalOf = (group: readonly CallRow[], style: Style): string[] => {
  const [row] = group
  if (row === undefined) return []
  const times = group.length > 1 ? ` (${group.length} times)` : ''
  const gate = row.gate === undefined ? '' : ` at the gate ${printable(row.gate)}`
  return [
    `  call ${row.seq}${times}: ${printable(row.op)} ${printable(cut(row.subject, TEXT_SIZE_MAX))}`,
    `    ${style.paint('red', printable(row.code ?? ''))}${gate}`,
    ...reasonLines(row, style, '    '),
  ]
}
