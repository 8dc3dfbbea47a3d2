import type { RunEvent } from '../../index.ts'
import { formatOfVerdict } from './print-calls.ts'
import { clip, cut, printable, printableLines, wrapped } from './printable.ts'
import type { Terminal } from './terminal.ts'
import { formatMs, formatUsd } from './units.ts'

const LOG_SIZE_MAX = 16 * 1024
/** Level, bar, spaces, and one cell that is left free. */
const MARK_CELLS = 9
const LOG_FORMATS = { debug: 'dim', info: 'reset', warn: 'yellow', error: 'red' } as const

/** What happens in a run, as lines for stderr: the guest's logs always, calls and the rest while somebody watches. */
export const eventLines = (event: RunEvent, terminal: Terminal): string[] => {
  const { err } = terminal
  if (event.kind === 'log') {
    const mark = err.paint(LOG_FORMATS[event.level], `${event.level.padEnd(5)} │`)
    const lines = printableLines(cut(event.text, LOG_SIZE_MAX))
    // A terminal that breaks a line itself would begin the next row with whatever the guest put there.
    const rows = terminal.live ? lines.flatMap((line) => wrapped(line, err.columns - MARK_CELLS)) : lines
    return rows.map((row) => `${mark} ${row}`)
  }
  if (!terminal.live) return []
  switch (event.kind) {
    case 'call': {
      const { op, subject = '', verdict, code, gate } = event
      const why =
        code === undefined ? '' : ` ${printable(code)}${gate === undefined ? '' : ` (${printable(gate)})`}`
      const said = err.paint(formatOfVerdict({ verdict, code }), `${verdict}${why}`)
      const what = clip(`${printable(op)} ${printable(subject)}`, err.columns - 24)
      return [
        `${err.paint('dim', `call ${event.seq}`)} ${what} ${said} ${err.paint('dim', formatMs(event.ms))}`,
      ]
    }
    case 'approval':
      // What was asked stands there already, and the use of an approval is its call.
      if (event.state === 'asked' || event.state === 'used') return []
      return [`${err.paint('yellow', 'approval')} ${printable(event.state)}: ${printable(event.op)}`]
    case 'cost_alert': {
      const percent = `${Math.round(event.threshold * 100)}%`
      const spent = `${formatUsd(event.costUsd)} of ${formatUsd(event.limitUsd)}`
      return [err.paint('yellow', `cost alert: ${percent} passed, ${spent}`)]
    }
  }
}
