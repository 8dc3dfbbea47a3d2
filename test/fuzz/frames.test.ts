import { describe, it } from 'vitest'
import { checkCageFrame } from '../../src/cage/check.ts'
import { FrameReader } from '../../src/cage/port.ts'
import { assertFound, assertNothingFound, seedOfEnvironment } from './campaign.ts'
import { fuzzCheck, type Check } from './fuzz-check.ts'
import { fuzzBytes, fuzzFrames } from './fuzz-frames.ts'
import { GenerousReader, LenientReader, SharingReader, TrustingReader } from './weak-readers.ts'

const effort = { seed: seedOfEnvironment(), durationMs: 1_500 }
/** Under this seed each fault comes up soon. */
const longer = { seed: 1, durationMs: 20_000, shrinkMs: 500 }

describe('frames', () => {
  it('are read as they were written, however the bytes are cut', async () => {
    assertNothingFound(await fuzzFrames(effort))
  })

  it('that an attacker wrote are refused, or are what the bytes say, however they are cut', async () => {
    assertNothingFound(await fuzzBytes(effort))
  })

  it('are judged field by field, without a throw and without a field that nobody knows', async () => {
    assertNothingFound(await fuzzCheck(effort))
  })
})

describe('negative control: it is found that', () => {
  it('a reader lets its own errors through', async () => {
    assertFound(await fuzzBytes(longer, () => new TrustingReader()), /something else than GUEST_BREACH/)
  })

  it('a reader trusts lengths', async () => {
    assertFound(await fuzzBytes(longer, () => new LenientReader()), /took what is malformed|invented/)
  })

  it('a reader makes room for what is only announced', async () => {
    assertFound(await fuzzBytes(longer, () => new GenerousReader(new FrameReader())), /holds \d+ bytes/)
  })

  it('a reader keeps bytes that are not its own', async () => {
    const make = (): SharingReader => new SharingReader(() => new FrameReader())
    assertFound(await fuzzFrames(longer, make), /refused|not what was written/)
  })

  const weakChecks: readonly (readonly [string, Check, RegExp])[] = [
    [
      'a check passes kinds that it does not know',
      (header, segments) => {
        const verdict = checkCageFrame(header, segments)
        return verdict === 'header: unknown kind' ? header : verdict
      },
      /unknown kind/,
    ],
    [
      'a check passes fields that it does not know',
      (header, segments) => {
        const verdict = checkCageFrame(header, segments)
        return typeof verdict === 'string' ? verdict : { ...(header as object), ...verdict }
      },
      /unknown field/,
    ],
    [
      'a check believes in the type of a header',
      (header, segments) =>
        checkCageFrame({ ...(header as object), t: (header as { t: unknown }).t }, segments),
      /threw/,
    ],
    [
      'a check merges what was sent into an object of the host',
      (header, segments) => {
        const names = Object.keys(typeof header === 'object' && header !== null ? header : {})
        if (names.includes('constructor'))
          Object.defineProperty(Object.prototype, 'merged', { configurable: true })
        return checkCageFrame(header, segments)
      },
      /prototype/,
    ],
  ]
  it.each(weakChecks)('%s', async (_, check, why) => {
    assertFound(await fuzzCheck(longer, check), why)
  })
})
