import { describe, it } from 'vitest'
import type { Cage } from '../../src/cage/launch.ts'
import { assertFound, assertNothingFound, seedOfEnvironment } from './campaign.ts'
import { fuzzCages } from './fuzz-cages.ts'

type OnFrame = Cage['onFrame']

/** Puts something between a cage and its host, as far as frames go. */
const between = (cage: Cage, change: (onFrame: OnFrame) => OnFrame): Cage => {
  let { onFrame } = cage
  return Object.defineProperty(cage, 'onFrame', {
    get: () => change((...frame) => onFrame(...frame)),
    set: (next: OnFrame) => {
      onFrame = next
    },
  })
}

const seed = seedOfEnvironment()
/** Under this seed each fault comes up within a few cases. */
const longer = { seed: 3, durationMs: 25_000, shrinkMs: 0 }

describe('cages that were taken over', () => {
  it('harm nobody: each run ends with a code, and a bystander is served', { timeout: 60_000 }, async () => {
    assertNothingFound(await fuzzCages({ seed, durationMs: 3_000 }))
  })
})

describe('negative control: it is found that', () => {
  it('a host puts numbers right instead of refusing them', { timeout: 60_000 }, async () => {
    const lenient = (cage: Cage): Cage => {
      let lastSeq = 0
      return between(
        cage,
        (onFrame) => (frame, segments) =>
          onFrame(frame.t === 'call' ? { ...frame, seq: (lastSeq += 1) } : frame, segments),
      )
    }
    assertFound(await fuzzCages(longer, lenient), /a breach ended as|were in turn/)
  })

  it('a host does not hear of breaches', { timeout: 60_000 }, async () => {
    const deaf = (cage: Cage): Cage =>
      Object.defineProperty(cage, 'onBreach', { get: () => () => undefined, set() {} })
    assertFound(await fuzzCages(longer, deaf), /a breach ended as/)
  })

  it('a host lets an error of its own go', { timeout: 60_000 }, async () => {
    const fragile = (cage: Cage): Cage =>
      between(cage, (onFrame) => (frame, segments) => {
        if (frame.t === 'log' && segments[0] === '') throw new TypeError('an empty line')
        onFrame(frame, segments)
      })
    assertFound(await fuzzCages(longer, fragile), /the host was hit/)
  })
})
