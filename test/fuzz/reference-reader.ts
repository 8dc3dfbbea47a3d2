import { FRAME_BYTES_MAX, HEADER_BYTES_MAX, SEGMENTS_MAX } from '../../runtime/abi/frames.ts'
import type { ReadFrame } from '../../src/cage/port.ts'

/** What a stream of bytes holds: the frames before it ends or breaks. */
export type Reading = { readonly frames: readonly ReadFrame[]; readonly isBroken: boolean }

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

const parsed = (text: string | undefined): unknown => {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

const lengthsOf = (header: unknown): readonly number[] | undefined => {
  if (typeof header !== 'object' || header === null || !('s' in header)) return undefined
  const { s } = header
  if (!Array.isArray(s) || s.length > SEGMENTS_MAX) return undefined
  const lengths: readonly unknown[] = s
  return lengths.every(
    (length): length is number => typeof length === 'number' && Number.isInteger(length) && length >= 0,
  )
    ? lengths
    : undefined
}

const decode = (body: Buffer): ReadFrame | undefined => {
  const headerBytes = body.readUInt16LE(0)
  if (headerBytes > HEADER_BYTES_MAX || 2 + headerBytes > body.length) return undefined
  const header = parsed(textOf(body.subarray(2, 2 + headerBytes)))
  const lengths = lengthsOf(header)
  if (lengths === undefined) return undefined
  const segments: string[] = []
  let at = 2 + headerBytes
  for (const length of lengths) {
    if (at + length > body.length) return undefined
    const text = textOf(body.subarray(at, at + length))
    if (text === undefined) return undefined
    segments.push(text)
    at += length
  }
  return at === body.length ? { header, segments } : undefined
}

/**
 * Reads a whole stream as the comment in runtime/abi/frames.ts describes it, with nothing in mind but that: no chunks, no speed.
 * What the real reader makes of the same bytes must be the same.
 */
export const readByTheBook = (bytes: Buffer): Reading => {
  const frames: ReadFrame[] = []
  let at = 0
  while (bytes.length - at >= 4) {
    const bodyBytes = bytes.readUInt32LE(at)
    if (bodyBytes < 2 || bodyBytes > FRAME_BYTES_MAX) return { frames, isBroken: true }
    if (bytes.length - at < 4 + bodyBytes) break
    const frame = decode(bytes.subarray(at + 4, at + 4 + bodyBytes))
    if (frame === undefined) return { frames, isBroken: true }
    frames.push(frame)
    at += 4 + bodyBytes
  }
  return { frames, isBroken: false }
}
