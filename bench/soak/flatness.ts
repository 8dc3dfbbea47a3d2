/** Whether what was sampled stays as it is: the middle of the first third against that of the last. */
import { median } from '../measure/statistics.ts'
import type { Sample } from './samples.ts'

const MB = 2 ** 20
/** The share of samples at the start that does not count: pools fill, code is compiled. */
const WARM_UP = 0.15
/** Fewer say nothing. */
const SAMPLES_MIN = 6

type Measure = {
  readonly name: string
  readonly unit: 'MB' | 'ms' | ''
  readonly of: (sample: Sample) => number | undefined
  /** It may grow by the larger of both: so much, and so much of what it was. */
  readonly slack: number
  readonly share: number
}

/** What must be flat, and how flat. */
export const MEASURES: readonly Measure[] = [
  { name: 'heap of the host', unit: 'MB', of: ({ heapBytes }) => heapBytes / MB, slack: 4, share: 0.1 },
  {
    name: 'resident memory of the host',
    unit: 'MB',
    of: ({ residentBytes }) => residentBytes / MB,
    slack: 24,
    share: 0.15,
  },
  { name: 'descriptors of the host', unit: '', of: ({ descriptors }) => descriptors, slack: 12, share: 0.2 },
  { name: 'processes', unit: '', of: ({ processes }) => processes, slack: 6, share: 0.25 },
  { name: 'trivial run, p50', unit: 'ms', of: ({ trivialP50 }) => trivialP50, slack: 2, share: 0.25 },
  { name: 'good runs, p50', unit: 'ms', of: ({ goodP50 }) => goodP50, slack: 2, share: 0.25 },
  { name: 'good runs, p99', unit: 'ms', of: ({ goodP99 }) => goodP99, slack: 60, share: 0.5 },
]

export type Flatness = {
  readonly name: string
  readonly unit: Measure['unit']
  readonly first: number
  readonly last: number
  /** The most that `last` may be. */
  readonly allowed: number
  /** Slope of the line that fits best. */
  readonly perHour: number
  readonly flat: boolean
}

/** Slope of the line that fits best (least squares). */
const slopeOf = (points: readonly (readonly [number, number])[]): number => {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length
  const across = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return across === 0 ? 0 : points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / across
}

/** The samples that count. */
export const afterWarmUp = (samples: readonly Sample[]): readonly Sample[] =>
  samples.slice(Math.max(1, Math.ceil(samples.length * WARM_UP)))

const judge = ({ name, unit, of, slack, share }: Measure, samples: readonly Sample[]): Flatness => {
  const points = samples.flatMap((sample) => {
    const value = of(sample)
    return value === undefined ? [] : [[sample.atSeconds, value] as const]
  })
  const third = Math.max(1, Math.floor(points.length / 3))
  const first = median(points.slice(0, third).map(([, value]) => value))
  const last = median(points.slice(-third).map(([, value]) => value))
  const allowed = first + Math.max(slack, first * share)
  return { name, unit, first, last, allowed, perHour: slopeOf(points) * 3_600, flat: last <= allowed }
}

/** Judges every measure; empty when there are too few samples to say anything. */
export const judgeFlatness = (samples: readonly Sample[]): readonly Flatness[] => {
  const counted = afterWarmUp(samples)
  return counted.length < SAMPLES_MIN ? [] : MEASURES.map((measure) => judge(measure, counted))
}
