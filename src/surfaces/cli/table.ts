import { clip } from './printable.ts'
import type { Format, Style } from './style.ts'

export type Column = {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** This column gives way when the table is wider than the stream. */
  readonly flexible?: boolean
}

/** Text that is printable already, and how it looks. */
export type Cell = { readonly text: string; readonly format?: Format }

const GAP = '  '
const FLEXIBLE_COLUMNS_MIN = 12

const lengthOf = (text: string): number => [...text].length

const widthsOf = (columns: readonly Column[], rows: readonly (readonly Cell[])[], room: number): number[] => {
  const natural = columns.map((column, at) =>
    Math.max(lengthOf(column.title), ...rows.map((row) => lengthOf(row[at]?.text ?? ''))),
  )
  const total = natural.reduce((sum, width) => sum + width, 0) + GAP.length * (columns.length - 1)
  const excess = total - room
  if (excess <= 0) return natural
  return natural.map((width, at) =>
    columns[at]?.flexible ? Math.max(FLEXIBLE_COLUMNS_MIN, width - excess) : width,
  )
}

const pad = (text: string, width: number, align: Column['align']): string => {
  const fill = ' '.repeat(Math.max(0, width - lengthOf(text)))
  return align === 'right' ? fill + text : text + fill
}

/** Lines of a table under a dim head. Every row has as many cells as there are columns. */
export const tableLines = (
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  style: Style,
  indent = '  ',
): string[] => {
  const widths = widthsOf(columns, rows, style.columns - indent.length)
  const line = (cells: readonly Cell[]): string =>
    columns
      .map((column, at) => {
        const width = widths[at] ?? 0
        const { text, format } = cells[at] ?? { text: '' }
        const padded = pad(clip(text, width), width, column.align)
        return format === undefined ? padded : style.paint(format, padded)
      })
      .join(GAP)
      .trimEnd()
  const head = line(columns.map(({ title }) => ({ text: title, format: 'dim' as const })))
  return [head, ...rows.map(line)].map((text) => indent + text)
}
