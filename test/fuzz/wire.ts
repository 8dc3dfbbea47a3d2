/** Arbitrary frames and streams: well-formed ones, and ones in which each part can lie. */
import fc from 'fast-check'
import { FAULTS, LOG_LEVELS } from '../../runtime/abi/frames.ts'

/** A secret of every policy here, so that what is written and shown goes through redaction. */
export const HELD_SECRET = 'held-by-the-host-1234567890'

/** A text that holds whatever a JavaScript string can, lone surrogates and characters of JSON syntax included. */
export const anyText = (maxLength = 60): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength }) },
    { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '\u0000',
        '\ud800',
        'x\udfff',
        '"\\',
        '__proto__',
        '\u2028',
        '\ufeff',
        'ü',
        '😀',
      ),
    },
  )

const slot = fc.constantFrom(1, 0, 2, 2 ** 32 - 1)
const seq = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom(2 ** 31 - 1, 1))
const op = fc.oneof(
  fc.constantFrom('tools.count', 'timer.set', 'stream.pull', 'http.request'),
  fc.stringMatching(/^[a-z][a-z.]{0,20}$/),
)
const key = fc.string({ minLength: 1, maxLength: 20 })

/** Headers of the kinds that a cage sends, each well-formed. */
export const goodHeader: fc.Arbitrary<Readonly<Record<string, unknown>>> = fc.oneof(
  fc.record({ t: fc.constant('ready'), v: fc.constantFrom(1, 2, 65_535) }),
  fc.record({ t: fc.constant('turn') }),
  fc.record(
    { t: fc.constant('call'), slot, seq, handle: fc.constantFrom(0, 1), op, key },
    { requiredKeys: ['t', 'slot', 'seq', 'handle', 'op'] },
  ),
  fc.record({ t: fc.constant('log'), slot, level: fc.constantFrom(...LOG_LEVELS) }),
  fc.record({ t: fc.constant('done'), slot, ok: fc.constant(true) }),
  fc.record({ t: fc.constant('done'), slot, ok: fc.constant(false), fault: fc.constantFrom(...FAULTS) }),
  fc.record({
    t: fc.constant('done'),
    slot,
    ok: fc.constant(false),
    fault: fc.constant('threw'),
    refused: seq,
  }),
)

/** How many segments go with a header. */
export const segmentsOf = ({ t }: Readonly<Record<string, unknown>>): number =>
  t === 'ready' || t === 'turn' ? 0 : 1

/** A value that stands where another was expected. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    -1,
    0,
    1.5,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1e300,
    -0,
    '',
    '1',
    'call',
    '__proto__',
  ),
  fc.constantFrom<unknown>([], {}, [1], { t: 'done' }),
  anyText(20),
  fc.jsonValue({ maxDepth: 2 }),
)

/** One frame, laid out by hand: what it says of its own lengths may be a lie. */
export type LaidFrame = {
  readonly header: string
  readonly rest: string
  readonly bodyLie?: number
  readonly headerLie?: number
}

/** The bytes of a frame that was laid out by hand. */
export const layOut = ({ header, rest, bodyLie, headerLie }: LaidFrame): Buffer => {
  const head = Buffer.from(header)
  const tail = Buffer.from(rest)
  const sizes = Buffer.alloc(6)
  sizes.writeUInt32LE((bodyLie ?? 2 + head.length + tail.length) >>> 0, 0)
  sizes.writeUInt16LE((headerLie ?? head.length) & 0xffff, 4)
  return Buffer.concat([sizes, head, tail])
}

const withSegments = (header: Readonly<Record<string, unknown>>, segments: readonly string[]): LaidFrame => ({
  header: JSON.stringify({ ...header, s: segments.map((one) => Buffer.byteLength(one)) }),
  rest: segments.join(''),
})

/** A well-formed frame of one of the kinds that a cage sends, laid out. */
const goodFrame: fc.Arbitrary<LaidFrame> = goodHeader.chain((header) =>
  fc
    .array(anyText(), { minLength: segmentsOf(header), maxLength: segmentsOf(header) })
    .map((segments) => withSegments(header, segments)),
)

const lengthLie = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 6, 255, 1_024, 1_025, 65_535, 2 ** 26, 2 ** 26 + 1, 2 ** 32 - 1),
  fc.nat({ max: 200 }),
)
const segmentLie: fc.Arbitrary<unknown> = fc.oneof(
  fc.array(fc.oneof(fc.integer({ min: -2, max: 40 }), fc.constantFrom(0.5, 2 ** 53, 1e300)), {
    maxLength: 6,
  }),
  fc.jsonValue({ maxDepth: 1 }),
)

/** A frame whose header is anything and whose lengths may lie. */
export const lyingFrame: fc.Arbitrary<LaidFrame> = fc.oneof(
  fc.record(
    {
      header: fc.oneof(anyText(40), fc.json({ maxDepth: 2 })),
      rest: anyText(30),
      bodyLie: lengthLie,
      headerLie: lengthLie,
    },
    { requiredKeys: ['header', 'rest'] },
  ),
  fc
    .tuple(goodHeader, segmentLie, anyText(30))
    .map(([header, s, rest]) => ({ header: JSON.stringify({ ...header, s }), rest })),
  fc.tuple(goodFrame, lengthLie).map(([frame, bodyLie]) => ({ ...frame, bodyLie })),
  fc.tuple(goodFrame, lengthLie).map(([frame, headerLie]) => ({ ...frame, headerLie })),
)

type Change =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'set'; readonly at: number; readonly byte: number }
  | { readonly kind: 'cut'; readonly at: number; readonly count: number }
  | { readonly kind: 'double'; readonly at: number; readonly count: number }
  | { readonly kind: 'end'; readonly at: number }

const place = fc.nat({ max: 400 })
const count = fc.integer({ min: 1, max: 40 })

/** What happens to a stream on its way. */
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat({ max: 7 }) }),
  fc.record({
    kind: fc.constant('set' as const),
    at: place,
    byte: fc.constantFrom(0, 0x22, 0x7d, 0x80, 0xc3, 0xed, 0xff),
  }),
  fc.record({ kind: fc.constant('cut' as const), at: place, count }),
  fc.record({ kind: fc.constant('double' as const), at: place, count }),
  fc.record({ kind: fc.constant('end' as const), at: place }),
)

const apply = (bytes: Buffer, one: Change): Buffer => {
  if (bytes.length === 0) return bytes
  const at = one.at % bytes.length
  if (one.kind === 'end') return bytes.subarray(0, at)
  if (one.kind === 'cut') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + one.count)])
  if (one.kind === 'double') {
    const piece = bytes.subarray(at, at + one.count)
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])
  }
  const changed = Buffer.from(bytes)
  changed[at] = one.kind === 'set' ? one.byte : (changed[at] ?? 0) ^ (1 << one.bit)
  return changed
}

/** A stream of bytes: frames good and bad, bytes of no sense, and changes made to the whole. */
export const stream: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: goodFrame.map(layOut) },
        { weight: 3, arbitrary: lyingFrame.map(layOut) },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
      ),
      { maxLength: 5 },
    ),
    fc.oneof(
      { weight: 1, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.array(change, { maxLength: 3 }) },
    ),
  )
  .map(([pieces, changes]) => changes.reduce(apply, Buffer.concat(pieces)))
