/** Frames on the wire: what was written is read, and bytes of an attacker give exactly what the wire's description says. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { encodeFrame, FrameReader, type ReadFrame } from '../../src/cage/port.ts'
import { isTollgateError } from '../../src/errors/tollgate-error.ts'
import type { CageFrame } from '../../runtime/abi/frames.ts'
import { campaign, type Effort, type Report } from './campaign.ts'
import { readByTheBook, type Reading } from './reference-reader.ts'
import { anyText, goodHeader, stream } from './wire.ts'

/** The part under test; a weaker one is passed in for negative controls. */
export type Reader = { push(bytes: Buffer): readonly ReadFrame[] }
type MakeReader = () => Reader

const readerOfOurs: MakeReader = () => new FrameReader()
/** What a reader may hold beside the bytes that came: its store grows by doubling, and Node hands out small buffers from slabs. */
const SLACK_BYTES = 1024 * 1024

const cutsArbitrary = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 6 })

/** Pushes bytes piece by piece; each piece is wiped afterwards, as the buffers of a socket are. */
const readInPieces = (make: MakeReader, bytes: Buffer, cuts: readonly number[]): Reading => {
  const reader = make()
  const frames: ReadFrame[] = []
  const beforeBytes = process.memoryUsage().arrayBuffers
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = cuts[turn % cuts.length] ?? 1
    const piece = Buffer.from(bytes.subarray(at, at + size))
    at += size
    try {
      frames.push(...reader.push(piece))
    } catch (error) {
      if (isTollgateError(error) && error.code === 'GUEST_BREACH') return { frames, isBroken: true }
      throw new Error(`it threw something else than GUEST_BREACH: ${String(error)}`, { cause: error })
    }
    piece.fill(0)
  }
  const heldBytes = process.memoryUsage().arrayBuffers - beforeBytes
  if (heldBytes > 4 * bytes.length + SLACK_BYTES)
    throw new Error(`it holds ${heldBytes} bytes of memory for ${bytes.length} bytes that came`)
  return { frames, isBroken: false }
}

/** Byte by byte nothing is lost, so that reading must be the book's own. In larger pieces a breach may swallow what came with it. */
const mustAgree = (name: string, reading: Reading, book: Reading): void => {
  const { frames, isBroken } = reading
  if (isBroken !== book.isBroken)
    throw new Error(`${name}: ${isBroken ? 'refused what is well-formed' : 'took what is malformed'}`)
  if (!isDeepStrictEqual(frames, book.frames.slice(0, frames.length)))
    throw new Error(`${name}: a frame was invented or changed`)
  if (!isBroken && frames.length !== book.frames.length) throw new Error(`${name}: a frame was lost`)
}

const bytesHold =
  (make: MakeReader) =>
  ([bytes, cuts]: [Buffer, number[]]): void => {
    const book = readByTheBook(bytes)
    const single = readInPieces(make, bytes, [1])
    mustAgree('byte by byte', single, book)
    if (single.frames.length !== book.frames.length) throw new Error('byte by byte: a frame was lost')
    mustAgree('at once', readInPieces(make, bytes, [Math.max(1, bytes.length)]), book)
    mustAgree('in pieces', readInPieces(make, bytes, cuts), book)
  }

/** Arbitrary, mutated and lying bytes, however they are cut. */
export const fuzzBytes = (effort: Effort, make: MakeReader = readerOfOurs): Promise<Report> =>
  campaign('bytes', fc.tuple(stream, cutsArbitrary), bytesHold(make), effort, 500)

type Written = { readonly header: Readonly<Record<string, unknown>>; readonly segments: readonly string[] }

const written: fc.Arbitrary<Written> = fc.record({
  header: goodHeader,
  segments: fc.array(
    fc.oneof(
      { weight: 20, arbitrary: anyText(200) },
      { weight: 1, arbitrary: fc.nat({ max: 70_000 }).map((size) => 'ü'.repeat(size)) },
    ),
    { maxLength: 4 },
  ),
})

const framesHold =
  (make: MakeReader) =>
  ([frames, cuts]: [Written[], number[]]): void => {
    const bytes = Buffer.concat(
      frames.map(({ header, segments }) => encodeFrame(header as unknown as CageFrame, segments)),
    )
    const expected = frames.map(({ header, segments }) => ({
      header: { ...header, s: segments.map((one) => Buffer.byteLength(one)) },
      // UTF-8 has no half of a pair: it is written as the mark for what cannot be shown.
      segments: segments.map((one) => one.toWellFormed()),
    }))
    for (const pieces of [[Math.max(1, bytes.length)], cuts]) {
      const reading = readInPieces(
        make,
        bytes,
        pieces.map((size) => (bytes.length > 5_000 ? size * 997 : size)),
      )
      if (reading.isBroken) throw new Error('what was written well is refused')
      if (!isDeepStrictEqual(reading.frames, expected))
        throw new Error('what is read is not what was written')
    }
  }

/** Frames that were written are read as they were, however the bytes are cut. */
export const fuzzFrames = (effort: Effort, make: MakeReader = readerOfOurs): Promise<Report> =>
  campaign(
    'frames',
    fc.tuple(fc.array(written, { minLength: 1, maxLength: 5 }), cutsArbitrary),
    framesHold(make),
    effort,
  )
