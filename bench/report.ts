/** Puts the answers together, as one JSON document and as Markdown. */
import { join } from 'node:path'
import { formatFigure, table } from './measure/format.ts'
import { isDisturbed, type Machine } from './measure/machine.ts'
import { isFigure, type Aim, type Contender, type Figure, type Row } from './question.ts'
import { installedVersion } from './rivals/rival.ts'

export type Answered = {
  readonly name: string
  readonly asks: string
  readonly fairness?: string
  /** Share of all processors that others used meanwhile. */
  readonly foreignShare: number
  readonly rows: readonly Row[]
}

export type RivalReport = {
  readonly name: string
  readonly version?: string
  readonly isolation: string
  /** Why it was not measured at all. */
  readonly missing?: string
  readonly figures: readonly (Row & { readonly question: string })[]
}

export type Report = {
  readonly machine: Machine
  readonly aims: readonly Aim[]
  readonly rivals: readonly RivalReport[]
  readonly questions: readonly Answered[]
}

const CHECKOUT = join(import.meta.dirname, '..')

/** What a contender said may name places of this machine; they are nobody's business. */
const withoutPlaces = (row: Row): Row =>
  isFigure(row) ? row : { ...row, cannot: row.cannot.replaceAll(CHECKOUT, '.').replace(/\s+/g, ' ') }

/** The report of what was asked. */
export const reportOf = (
  machine: Machine,
  contenders: readonly Contender[],
  answered: readonly (Answered & { readonly aims: readonly Aim[] })[],
): Report => {
  const questions = answered.map(({ name, asks, fairness, foreignShare, rows }) => ({
    name,
    asks,
    ...(fairness !== undefined && { fairness }),
    foreignShare,
    rows: rows.map(withoutPlaces),
  }))
  const figuresOf = (by: string): RivalReport['figures'] =>
    questions.flatMap(({ name: question, rows }) =>
      rows.filter((row) => row.by === by).map((row) => ({ question, ...row })),
    )
  return {
    machine,
    aims: answered.flatMap(({ aims }) => aims),
    rivals: contenders.map(({ rival: { name, npm, isolation }, missing }) => {
      const version = npm === undefined ? undefined : installedVersion(npm)
      return {
        name,
        ...(version !== undefined && { version }),
        isolation,
        ...(missing !== undefined && { missing }),
        figures: figuresOf(name),
      }
    }),
    questions,
  }
}

const aimRow = ({ name, figure, unit, aim, better, held, note }: Aim): string[] => [
  name,
  figure === null ? (note ?? 'not measured') : formatFigure(figure, unit),
  `${better === 'less' ? '≤' : '≥'} ${formatFigure(aim, unit)}`,
  held ? 'yes' : '**no**',
  figure === null ? '' : (note ?? ''),
]

/** The aims as a table. */
const aimsTable = (aims: readonly Aim[]): string =>
  table([['aim', 'figure', 'wanted', 'held', 'note'], ...aims.map(aimRow)])

/** What one line of the summary shows of each contender. */
const COLUMNS = [
  { head: 'a run: p50 / p99', question: 'cold-run', what: 'a run, at a quiet pace', withP99: true },
  { head: 'runs/s, one process', question: 'throughput', what: 'runs, one process' },
  { head: 'two processes', question: 'throughput', what: 'runs, two processes' },
  { head: 'host call', question: 'host-call', what: 'one call, then the next' },
  { head: '100 calls at once', question: 'host-call', what: '100 calls at once, all of them' },
  {
    head: '50 waiting runs',
    question: 'waiting-runs',
    what: '50 runs at once, each awaiting two calls of 100 ms',
  },
  { head: '1 MB string in', question: 'payload', what: '1 MB string in' },
  { head: 'computing', question: 'computing', what: 'numbers, JSON and a regular expression' },
  { head: 'loop after a call', question: 'stopping', what: 'an endless loop after an awaited call' },
  { head: 'native', question: 'stopping', what: 'a native that cannot be interrupted' },
  { head: 'bomb of buffers: peak', question: 'stopping', what: 'a bomb of buffers' },
] as const

const cellOf = (figures: RivalReport['figures'], column: (typeof COLUMNS)[number]): string => {
  const row = figures.find(({ question, what }) => question === column.question && what === column.what)
  if (row === undefined) return ''
  if (!isFigure(row)) return column.question === 'stopping' ? '**not held**' : '–'
  const { figure, unit, p99 } = row
  const text = formatFigure(figure, unit)
  return 'withP99' in column && p99 !== undefined ? `${text} / ${formatFigure(p99, unit)}` : text
}

/** One line for each contender. */
const rivalsTable = (rivals: readonly RivalReport[]): string => {
  const columns = COLUMNS.filter(({ question }) =>
    rivals.some(({ figures }) => figures.some((row) => row.question === question)),
  )
  if (columns.length === 0) return ''
  return table([
    ['', ...columns.map(({ head }) => head)],
    ...rivals.map(({ name, version, missing, figures }) => [
      version === undefined ? name : `${name} ${version}`,
      ...(missing === undefined
        ? columns.map((column) => cellOf(figures, column))
        : [missing, ...columns.slice(1).map(() => '')]),
    ]),
  ])
}

const ratioTo = (own: Figure | undefined, { figure, unit }: Figure): string => {
  if (own === undefined || own.unit !== unit || own.figure === 0) return ''
  return `${(figure / own.figure).toFixed(2)} ×`
}

const detailRow = (row: Row, own: Figure | undefined): string[] => {
  if (!isFigure(row)) return [row.by, '–', '', '', '', '', row.cannot.replaceAll('|', '/')]
  const { by, figure, unit, p99, cpuMsPerRun, samples, note = '' } = row
  return [
    by,
    formatFigure(figure, unit),
    p99 === undefined ? '' : formatFigure(p99, unit),
    ratioTo(own, row),
    cpuMsPerRun === undefined ? '' : formatFigure(cpuMsPerRun, 'ms'),
    String(samples),
    note.replaceAll('|', '/'),
  ]
}

const detailsOf = ({ name, asks, fairness, foreignShare, rows }: Answered): string => {
  const parts = [...new Set(rows.map(({ what }) => what))].map((what) => {
    const among = rows.filter((row) => row.what === what)
    const own = among.filter(isFigure).find(({ by }) => by === 'Tollgate')
    const head = [what, 'median', 'p99', 'to Tollgate', 'CPU', 'samples', '']
    return table([head, ...among.map((row) => detailRow(row, own))])
  })
  const warning = isDisturbed(foreignShare)
    ? [`**Others used ${Math.round(foreignShare * 100)} % of the processors meanwhile: upper bounds.**`]
    : []
  const fair = fairness === undefined ? [] : [`Fairness: ${fairness}`]
  return [`## ${name}`, asks, ...fair, ...warning, ...parts].join('\n\n')
}

const machineLine = ({ processor, cores, memoryGb, system, kernel, versions, busy }: Machine): string => {
  const told = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const warning = busy ? ' **The machine was busy: these figures are upper bounds.**' : ''
  return `${cores} × ${processor}, ${memoryGb} GB, ${system} ${kernel}; ${told.join(', ')}.${warning}`
}

/** A report as Markdown: where it was measured, the aims, the contenders, and then every question. */
export const formatMarkdown = ({ machine, aims, rivals, questions }: Report): string =>
  [
    machineLine(machine),
    ...(aims.length === 0 ? [] : [aimsTable(aims)]),
    rivalsTable(rivals),
    ...questions.map(detailsOf),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
