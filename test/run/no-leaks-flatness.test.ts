import { describe, expect, it } from 'vitest'
import { judgeFlatness } from '../../bench/soak/flatness.ts'
import type { Sample } from '../../bench/soak/samples.ts'

const MB = 2 ** 20
/** Up and down by a little, the same each time. */
const wobble = (at: number): number => [0, 3, -2, 1, -3, 2][at % 6] ?? 0

/** Samples of a host at which nothing changes, but for what `drift` changes. */
const samplesOf = (count: number, drift: (share: number) => Partial<Sample> = () => ({})): Sample[] =>
  Array.from({ length: count }, (_, at) => ({
    atSeconds: at * 15,
    heapBytes: (40 + wobble(at) / 10) * MB,
    residentBytes: (200 + wobble(at)) * MB,
    descriptors: 70 + wobble(at),
    processes: 25 + wobble(at),
    zombies: 0,
    stateBytes: at * MB,
    runs: 500,
    trivialP50: 6 + wobble(at) / 10,
    goodP50: 9 + wobble(at) / 10,
    goodP99: 120 + wobble(at) * 4,
    ...drift(at / count),
  }))
const steep = (samples: readonly Sample[]): string[] =>
  judgeFlatness(samples)
    .filter(({ flat }) => !flat)
    .map(({ name }) => name)

describe('what a soak calls flat', () => {
  it('wobbles and grows while it warms up, and does not grow on', () => {
    const warming = samplesOf(60, (share) => (share < 0.14 ? { heapBytes: 10 * MB, goodP50: 90 } : {}))
    expect(judgeFlatness(warming).length).toBeGreaterThan(5)
    expect(steep(warming)).toEqual([])
  })

  it.each<[string, (share: number) => Partial<Sample>]>([
    ['heap of the host', (share) => ({ heapBytes: (40 + 12 * share) * MB })],
    ['resident memory of the host', (share) => ({ residentBytes: (200 + 80 * share) * MB })],
    ['descriptors of the host', (share) => ({ descriptors: 70 + 40 * share })],
    ['processes', (share) => ({ processes: 25 + 20 * share })],
    ['trivial run, p50', (share) => ({ trivialP50: 6 + 6 * share })],
    ['good runs, p50', (share) => ({ goodP50: 9 * (1 + share) })],
    ['good runs, p99', (share) => ({ goodP99: 120 * (1 + 1.5 * share) })],
  ])('is not: %s', (name, drift) => {
    expect(steep(samplesOf(60, drift))).toEqual([name])
  })

  it('is nothing that too few samples could tell', () => {
    expect(judgeFlatness(samplesOf(5))).toEqual([])
  })
})
