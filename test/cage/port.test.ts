import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FRAME_BYTES_MAX, type CageFrame } from '../../runtime/abi/frames.ts'
import { checkCageFrame } from '../../src/cage/check.ts'
import { encodeFrame, FrameReader, type ReadFrame } from '../../src/cage/port.ts'

const ready = { t: 'ready', v: 1 } as const

/** A frame written by hand, so that each part can lie. */
const raw = (
  header: string | Buffer,
  rest: string | Buffer = '',
  facts: { body?: number; header?: number } = {},
): Buffer => {
  const head = Buffer.from(header)
  const tail = Buffer.from(rest)
  const sizes = Buffer.alloc(6)
  sizes.writeUInt32LE(facts.body ?? 2 + head.length + tail.length, 0)
  sizes.writeUInt16LE(facts.header ?? head.length, 4)
  return Buffer.concat([sizes, head, tail])
}
const readAll = (bytes: Buffer): ReadFrame[] => new FrameReader().push(bytes)

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ unit: 'grapheme', maxLength: 50 }), { maxLength: 4 }), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map((segments) => encodeFrame(ready, segments)))
          const reader = new FrameReader()
          const seen: ReadFrame[] = []
          for (let at = 0, i = 0; at < bytes.length; i += 1) {
            const size = cuts[i % cuts.length] ?? 1
            const piece = Buffer.from(bytes.subarray(at, at + size))
            seen.push(...reader.push(piece))
            piece.fill(0)
            at += size
          }
          expect(seen.map(({ segments }) => segments)).toEqual(frames)
          expect(seen.every(({ header }) => (header as CageFrame).t === 'ready')).toBe(true)
        },
      ),
    )
  })

  it('are refused when they are malformed', () => {
    const bad: Readonly<Record<string, Buffer>> = {
      'too large': raw('{"s":[]}', '', { body: FRAME_BYTES_MAX + 1 }),
      'smaller than a header': raw('', '', { body: 1 }),
      'a header larger than the frame': raw('{"s":[]}', '', { header: 60_000 }),
      'a header larger than may be': raw(`{"s":[],"x":"${'x'.repeat(2_000)}"}`),
      'a header that is no JSON': raw('{"s":[]'),
      'a header without segments': raw('{}'),
      'a header that is null': raw('null'),
      'segments that are no list': raw('{"s":5}'),
      'a negative length': raw('{"s":[-1,2]}', 'a'),
      'a length that is no whole number': raw('{"s":[0.5,0.5]}', 'a'),
      'a length that is a text': raw('{"s":["1"]}', 'a'),
      'too many segments': raw('{"s":[1,1,1,1,1]}', 'abcde'),
      'segments that do not fill the frame': raw('{"s":[1]}', 'ab'),
      'segments that overfill it': raw('{"s":[3]}', 'ab'),
      'a segment cut inside a character': raw('{"s":[1,1]}', 'ü'),
      'a lone surrogate in UTF-8': raw('{"s":[3]}', Buffer.from([0xed, 0xa0, 0x80])),
      'a header that is no UTF-8': raw(Buffer.from([0x7b, 0xff, 0x7d])),
    }
    const codeOf = (bytes: Buffer): unknown => {
      try {
        return readAll(bytes)
      } catch (error) {
        return (error as { code: unknown }).code
      }
    }
    for (const [name, bytes] of Object.entries(bad))
      expect([name, codeOf(bytes)]).toEqual([name, 'GUEST_BREACH'])
    expect(readAll(raw('{"s":[2]}', 'ü'))).toHaveLength(1)
  })

  it('that are announced large cost nothing until their bytes come', () => {
    const reader = new FrameReader()
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 50; i += 1) new FrameReader().push(raw('', '', { body: FRAME_BYTES_MAX }))
    expect(reader.push(raw('', '', { body: FRAME_BYTES_MAX }))).toEqual([])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024)
  })

  it('cannot be written beyond the bounds', () => {
    expect(() => encodeFrame(ready, ['', '', '', '', ''])).toThrow('larger than the wire allows')
    expect(() => encodeFrame({ t: 'call', slot: 0, seq: 1, handle: 0, op: 'x'.repeat(2_000) }, [])).toThrow(
      'larger than the wire allows',
    )
  })
})

describe('a frame from a cage', () => {
  const good: readonly (readonly [object, string[]])[] = [
    [{ t: 'ready', v: 1, s: [] }, []],
    [{ t: 'call', slot: 1, seq: 1, handle: 0, op: 'http.request', s: [2] }, ['{}']],
    [{ t: 'call', slot: 1, seq: 1, handle: 0, op: 'tools.a-b_c', key: 'k 1', s: [2] }, ['{}']],
    [{ t: 'log', slot: 1, level: 'info', s: [1] }, ['x']],
    [{ t: 'done', slot: 1, ok: true, s: [4] }, ['null']],
    [{ t: 'done', slot: 1, ok: false, fault: 'threw', refused: 3, s: [2] }, ['{}']],
  ]

  it('passes when every field is what it should be', () => {
    for (const [header, segments] of good) expect(checkCageFrame(header, segments)).toBeTypeOf('object')
  })

  it('is refused when any field is missing, added, or of another kind', () => {
    const odd = [null, {}, [], -1, 1.5, NaN, '', 'nonsense\n', 2 ** 53, true, '__proto__']
    const accepted: unknown[] = []
    const offer = (header: unknown, segments: readonly string[]): void => {
      if (typeof checkCageFrame(header, segments) !== 'string') accepted.push(header)
    }
    for (const [header, segments] of good) {
      for (const [name, value] of Object.entries(header).filter(
        ([key]) => !['s', 'key', 'refused'].includes(key),
      )) {
        offer(Object.fromEntries(Object.entries(header).filter(([key]) => key !== name)), segments)
        for (const one of odd.filter((other) => other !== value)) offer({ ...header, [name]: one }, segments)
      }
      offer({ ...header, extra: 1 }, segments)
      offer(header, [...segments, 'more'])
    }
    for (const header of [null, 5, 'ready', [], { t: 'hello', v: 1, s: [] }, { t: 'constructor', s: [] }])
      offer(header, [])
    expect(accepted).toEqual([])
  })
})
