/** Keeps what a whole run of the benchmarks measured: JSON, Markdown and plots under `bench/results/`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFigure, type Figure } from '../question.ts'
import { formatMarkdown, type Report } from '../report.ts'
import { formatTime } from './format.ts'
import { drawPlot, type Line } from './plot.ts'

const FOLDER = join(import.meta.dirname, '..', 'results')

type Pick = {
  readonly question: string
  readonly fits: (row: Figure) => boolean
  readonly pointsOf: (row: Figure) => Line['points']
}

/** One line for each contender, of the rows that fit. */
const linesOf = ({ rivals }: Report, { question, fits, pointsOf }: Pick): readonly Line[] =>
  rivals.map(({ name, figures }) => ({
    name,
    points: figures
      .filter((row) => row.question === question)
      .filter((row) => isFigure(row))
      .filter((row) => fits(row))
      .flatMap((row) => pointsOf(row))
      .toSorted(([a], [b]) => a - b),
  }))

const at: Pick['pointsOf'] = ({ at: place, figure }) => (place === undefined ? [] : [[place, figure]])
const size = (kilobytes: number): string => (kilobytes === 1024 ? '1 MB' : `${kilobytes} KB`)
const time = { isLogarithmic: true, format: formatTime } as const

const latency = (report: Report): string =>
  drawPlot({
    title: 'One run of a trivial tool, at a quiet pace: share of runs that are done',
    x: { title: 'time', ...time },
    y: { title: 'share of runs', isLogarithmic: false, format: (share) => `${Math.round(share * 100)} %` },
    lines: linesOf(report, {
      question: 'cold-run',
      fits: ({ what }) => what === 'a run, at a quiet pace',
      pointsOf: ({ points = [] }) => points.map(([share, ms]) => [ms, share] as const),
    }),
  })

const throughput = (report: Report): string =>
  drawPlot({
    title: 'Runs a second against runs at once, fresh isolation each, one embedder',
    x: { title: 'runs at once', isLogarithmic: true, ticks: [1, 2, 4, 8, 16], format: String },
    y: { title: 'runs/s', isLogarithmic: true, format: String },
    lines: linesOf(report, { question: 'throughput', fits: (row) => row.at !== undefined, pointsOf: at }),
  })

const payload = (report: Report, way: string): string =>
  drawPlot({
    title: `A whole run with a ${way}, against its size`,
    x: { title: 'size', isLogarithmic: true, ticks: [1, 10, 100, 1024], format: size },
    y: { title: 'time', ...time },
    lines: linesOf(report, { question: 'payload', fits: ({ what }) => what.endsWith(way), pointsOf: at }),
  })

/** Writes all of it, and returns the names of the files. */
export const keepResults = (report: Report): readonly string[] => {
  const files = {
    'report.json': `${JSON.stringify(report, null, 2)}\n`,
    'report.md': `${formatMarkdown(report)}\n`,
    'latency.svg': latency(report),
    'throughput.svg': throughput(report),
    'payload-in.svg': payload(report, 'string in'),
    'payload-out.svg': payload(report, 'JSON out'),
  }
  mkdirSync(FOLDER, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(FOLDER, name), text)
  return Object.keys(files)
}
