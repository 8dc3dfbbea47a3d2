import type { Unit } from '../question.ts'

/** `63 µs`, `0.79 ms`, `12.3 ms`. */
export const formatTime = (ms: number): string => {
  if (Math.abs(ms) < 0.9995) return `${Math.round(ms * 1000)} µs`
  if (ms >= 999.5) return `${Math.round(ms)} ms`
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`
}

/** A figure in its unit. */
export const formatFigure = (figure: number, unit: Unit): string => {
  if (unit === 'ms') return formatTime(figure)
  if (unit === 'runs/s') return `${figure < 100 ? figure.toFixed(1) : Math.round(figure)} /s`
  if (unit === 'MB') return `${figure < 10 ? figure.toFixed(2) : Math.round(figure)} MB`
  return `${Number.isInteger(figure) ? figure : figure.toFixed(2)} ×`
}

/** Rows of cells as a Markdown table; the first is the head. */
export const table = ([head = [], ...rows]: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
