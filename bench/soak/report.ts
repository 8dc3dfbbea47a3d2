/** What a soak found: as JSON, as a plot, and as the Markdown that the README shows. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { median } from '../measure/statistics.ts'
import { formatTime, table } from '../measure/format.ts'
import type { Machine } from '../measure/machine.ts'
import { drawPlot, type Line } from '../measure/plot.ts'
import { afterWarmUp, judgeFlatness, MEASURES, type Flatness } from './flatness.ts'
import type { Surprise, Tally } from './load.ts'
import type { Sample } from './samples.ts'

export type SoakReport = {
  /** Whether it went on for a time, or for a number of runs of which a share was killed. */
  readonly mode: 'time' | 'runs'
  readonly machine: Omit<Machine, 'before' | 'busy'>
  readonly tier: string
  readonly seed: number
  readonly seconds: number
  readonly concurrency: number
  readonly runs: number
  readonly cages: number
  /** It was ended before its time. */
  readonly interrupted: boolean
  readonly tallies: readonly Tally[]
  readonly surprises: readonly Surprise[]
  readonly flatness: readonly Flatness[]
  /** What was left behind, or otherwise wrong, after the last run. */
  readonly problems: readonly string[]
  readonly samples: readonly Sample[]
}

const FOLDER = join(import.meta.dirname, '..', 'results')
const NAMES = { time: 'soak.json', runs: 'soak.killed.json' } as const
const MB = 2 ** 20

/** Whether everything was as it must be. */
export const isSound = ({ surprises, flatness, problems, interrupted }: SoakReport): boolean =>
  surprises.length === 0 && problems.length === 0 && !interrupted && flatness.every(({ flat }) => flat)

const figure = (value: number, unit: Flatness['unit']): string => {
  if (unit === 'ms') return formatTime(value)
  return unit === 'MB' ? `${value.toFixed(1)} MB` : String(Math.round(value))
}

const duration = (seconds: number): string =>
  seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} minutes`

const flatnessTable = (flatness: readonly Flatness[]): string =>
  table([
    ['', 'first third', 'last third', 'allowed', 'slope, per hour', 'flat'],
    ...flatness.map(({ name, unit, first, last, allowed, perHour, flat }) => [
      name,
      figure(first, unit),
      figure(last, unit),
      figure(allowed, unit),
      `${perHour < 0 ? '−' : '+'}${figure(Math.abs(perHour), unit)}`,
      flat ? 'yes' : '**no**',
    ]),
  ])

const talliesTable = (tallies: readonly Tally[]): string =>
  table([
    ['runs', 'must end with', 'did', 'did not'],
    ...tallies
      .filter(({ right, wrong }) => right + wrong > 0)
      .map(({ kind, expected, right, wrong }) => [
        kind,
        expected === 'done' ? 'its value' : `\`${expected}\``,
        String(right),
        String(wrong),
      ]),
  ])

const listOf = (report: SoakReport): string =>
  [...report.problems, ...report.surprises.map(({ kind, what }) => `${kind}: ${what}`)]
    .map((line) => `- ${line}`)
    .join('\n')

const stateGrowth = ({ samples, runs }: SoakReport): string => {
  const bytes = samples.at(-1)?.stateBytes ?? 0
  return `${Math.round(bytes / MB)} MB on disk, ${(bytes / Math.max(1, runs) / 1_024).toFixed(1)} KB a run`
}

const countOf = (tallies: readonly Tally[]): number =>
  tallies.reduce((sum, { right, wrong }) => sum + right + wrong, 0)

const whatWasRun = ({ mode, runs, seconds, tallies }: SoakReport): string => {
  const killed = countOf(tallies.filter(({ kills }) => kills))
  if (mode === 'runs') return `${runs} runs, ${killed} of them ended by force, in ${duration(seconds)}`
  const odd = countOf(tallies.filter(({ expected, kills }) => kills || expected !== 'done'))
  return `${duration(seconds)} with ${runs} runs, ${odd} of them hostile or ended by force`
}

const headline = (report: SoakReport): string => {
  const { concurrency, cages, tier, machine, surprises } = report
  const count = surprises.length
  const outcome = count === 0 ? 'each ended as it must' : `**${count} ended otherwise than they must**`
  const share = Math.round(machine.foreignShare * 100)
  const disturbed = share > 10 ? ` Others used ${share} % of the processors meanwhile.` : ''
  return `${whatWasRun(report)}, ${concurrency} at once, in ${cages} cages of tier ${tier}: ${outcome}. The state came to ${stateGrowth(report)}.${disturbed}`
}

/** One soak as Markdown. */
const formatSoak = (report: SoakReport): string => {
  const isClean = report.problems.length === 0
  const left = isClean
    ? 'After the last run, and after closing: no process, no zombie, no descriptor and no temporary file was left; every run has its result; the audit is whole.'
    : '**What was left is not as it must be:**'
  return [
    headline(report),
    report.flatness.length > 0
      ? flatnessTable(report.flatness)
      : 'Too short to say whether anything stays flat.',
    left,
    ...(isClean && report.surprises.length === 0 ? [] : [listOf(report)]),
  ].join('\n\n')
}

/** What is printed at the end: the same, and every kind of runs. */
export const formatWhole = (report: SoakReport): string =>
  `${formatSoak(report)}\n\n${talliesTable(report.tallies)}`

const lineOf = ({ name, of }: (typeof MEASURES)[number], samples: readonly Sample[]): Line => {
  const points = samples.flatMap((sample) => {
    const value = of(sample)
    return value === undefined ? [] : [[sample.atSeconds / 60, value] as const]
  })
  const counted = points.slice(-afterWarmUp(samples).length)
  const usual = median(
    counted.slice(0, Math.max(1, Math.floor(counted.length / 3))).map(([, value]) => value),
  )
  return { name, points: points.map(([minute, value]) => [minute, value / usual] as const) }
}

const plotOf = ({ samples, runs, concurrency }: SoakReport): string =>
  drawPlot({
    title: `${runs} runs, ${concurrency} at once: each measure against its own beginning`,
    x: { title: 'minutes', isLogarithmic: false, format: (minute) => minute.toFixed(minute < 10 ? 1 : 0) },
    y: {
      title: 'times the median of the first third',
      isLogarithmic: false,
      format: (value) => `${value.toFixed(1)} ×`,
    },
    lines: MEASURES.map((measure) => lineOf(measure, samples)),
  })

const readKept = (mode: SoakReport['mode']): SoakReport | undefined => {
  const path = join(FOLDER, NAMES[mode])
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as SoakReport) : undefined
}

/** Keeps a soak under `bench/results/`, and writes the Markdown of the last one of each mode anew. Returns the names of the files. */
export const keepSoak = (report: SoakReport): readonly string[] => {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, NAMES[report.mode]), `${JSON.stringify(report, null, 2)}\n`)
  const parts = (['time', 'runs'] as const).flatMap((mode) => {
    const kept = mode === report.mode ? report : readKept(mode)
    return kept === undefined ? [] : [formatSoak(kept)]
  })
  writeFileSync(join(FOLDER, 'soak.md'), `${parts.join('\n\n')}\n`)
  if (report.mode === 'runs') return [NAMES.runs, 'soak.md']
  writeFileSync(join(FOLDER, 'soak.svg'), plotOf(report))
  return [NAMES.time, 'soak.md', 'soak.svg']
}

/** A soak from the numbers that were gathered, judged. Where runs are counted nothing paces them, so their times are not judged. */
export const soakReport = (gathered: Omit<SoakReport, 'flatness'>): SoakReport => ({
  ...gathered,
  flatness: judgeFlatness(gathered.samples).filter(({ unit }) => gathered.mode === 'time' || unit !== 'ms'),
})
