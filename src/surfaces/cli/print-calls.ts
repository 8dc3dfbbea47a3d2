import type { CallRow } from './call-rows.ts'
import { printable } from './printable.ts'
import type { Style } from './style.ts'
import { tableLines, type Cell, type Column } from './table.ts'
import { formatBytes, formatMs, formatUsd } from './units.ts'

/** More rows than this are told by their number only; the audit holds them all. */
const ROWS_MAX = 40

const COLUMNS: readonly Column[] = [
  { title: '#', align: 'right' },
  { title: 'verdict' },
  { title: 'op' },
  { title: 'subject', flexible: true },
  { title: 'gate' },
  { title: 'in', align: 'right' },
  { title: 'out', align: 'right' },
  { title: 'time', align: 'right' },
  { title: 'cost', align: 'right' },
]

/** How a verdict looks: allowed is green, allowed but failed is yellow, refused is red. */
export const formatOfVerdict = (row: Pick<CallRow, 'verdict' | 'code'>): 'green' | 'yellow' | 'red' => {
  if (row.verdict !== 'allow') return 'red'
  return row.code === undefined ? 'green' : 'yellow'
}

const cellsOf = (row: CallRow): Cell[] => [
  { text: String(row.seq), format: 'dim' },
  { text: printable(row.verdict), format: formatOfVerdict(row) },
  { text: printable(row.op) },
  { text: printable(row.subject) },
  { text: printable(row.gate ?? '') },
  { text: formatBytes(row.ingressBytes) },
  { text: formatBytes(row.egressBytes) },
  { text: row.ms === undefined ? '' : formatMs(row.ms) },
  { text: formatUsd(row.costUsd) },
]

/** The table of calls of a run; the last rows when there are very many. */
export const callsLines = (rows: readonly CallRow[], style: Style): string[] => {
  if (rows.length === 0) return ['  none']
  const shown = rows.slice(-ROWS_MAX)
  const left = rows.length - shown.length
  const lines = tableLines(COLUMNS, shown.map(cellsOf), style)
  return left === 0 ? lines : [...lines, `  and ${left} before these: see the audit of the run`]
}
