import { isUtf8 } from 'node:buffer'
import {
  FRAME_BYTES_MAX,
  HEADER_BYTES_MAX,
  SEGMENTS_MAX,
  type CageFrame,
  type HostFrame,
} from '../../runtime/abi/frames.ts'
import { TollgateError } from '../errors/tollgate-error.ts'

const LENGTH_BYTES = 4
const HEADER_LENGTH_BYTES = 2
const STORE_BYTES_MIN = 4_096
/** A store that one large frame has made larger is let go. */
const STORE_BYTES_KEPT = 4 * 1024 * 1024

/** A frame as it was read: its header is JSON that nobody has judged yet, its segments are well-formed UTF-8. */
export type ReadFrame = { readonly header: unknown; readonly segments: readonly string[] }

const breach = (message: string): TollgateError =>
  new TollgateError('GUEST_BREACH', message, { gate: 'cage' })

/**
 * Lays out one frame: `u32 bodyBytes · u16 headerBytes · header · segments`, where bodyBytes counts all that follows it.
 * Throws GUEST_BREACH when a bound of frames.ts does not hold, which is a defect of the caller.
 */
export const encodeFrame = (header: HostFrame | CageFrame, segments: readonly string[]): Buffer => {
  const lengths = segments.map((segment) => Buffer.byteLength(segment))
  const head = `${JSON.stringify(header).slice(0, -1)},"s":[${lengths.join(',')}]}`
  const headerBytes = Buffer.byteLength(head)
  const bodyBytes = HEADER_LENGTH_BYTES + headerBytes + lengths.reduce((sum, length) => sum + length, 0)
  if (headerBytes > HEADER_BYTES_MAX || segments.length > SEGMENTS_MAX || bodyBytes > FRAME_BYTES_MAX)
    throw breach('A frame would be larger than the wire allows.')
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + bodyBytes)
  frame.writeUInt32LE(bodyBytes, 0)
  frame.writeUInt16LE(headerBytes, LENGTH_BYTES)
  let at = LENGTH_BYTES + HEADER_LENGTH_BYTES
  at += frame.write(head, at)
  for (const segment of segments) at += frame.write(segment, at)
  return frame
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** The lengths that the header declares; they must fill the rest of the body exactly. */
const segmentLengths = (header: unknown, restBytes: number): readonly number[] => {
  const lengths: unknown =
    typeof header === 'object' && header !== null ? (header as { s?: unknown }).s : undefined
  if (!Array.isArray(lengths) || lengths.length > SEGMENTS_MAX || !lengths.every(isSize))
    throw breach('A frame declares no proper segments.')
  if (lengths.reduce((sum, length) => sum + length, 0) !== restBytes)
    throw breach('The segments of a frame do not fill it.')
  return lengths
}

const text = (bytes: Buffer, from: number, to: number): string => {
  if (!isUtf8(bytes.subarray(from, to))) throw breach('A frame holds malformed UTF-8.')
  return bytes.toString('utf8', from, to)
}

const parseHeader = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    throw breach('The header of a frame is not JSON.')
  }
}

/**
 * Cuts a stream of bytes into frames. Holds at most one incomplete frame, and grows only with bytes that really came, so a
 * lying length costs nothing. Bytes that were pushed may be reused by the caller: what is kept is copied.
 */
export class FrameReader {
  readonly #bodyBytesMax: number
  #store: Buffer = Buffer.alloc(0)
  #storedBytes = 0

  /** `bodyBytesMax` is the largest frame that this side accepts. */
  constructor(bodyBytesMax: number = FRAME_BYTES_MAX) {
    this.#bodyBytesMax = bodyBytesMax
  }

  /** Returns the frames that these bytes complete, in order. Throws GUEST_BREACH; the reader is then of no further use. */
  push(bytes: Buffer): ReadFrame[] {
    const frames: ReadFrame[] = []
    if (this.#storedBytes === 0) {
      this.#keep(bytes, this.#cut(bytes, frames))
      return frames
    }
    this.#keep(bytes, 0)
    if (this.#storedBytes < this.#wantedBytes()) return frames
    const stored = this.#store.subarray(0, this.#storedBytes)
    const from = this.#cut(stored, frames)
    if (this.#store.length > STORE_BYTES_KEPT) this.#store = Buffer.alloc(0)
    this.#storedBytes = 0
    // What is left moves to the front, in the same memory as a rule: a store for each frame would be garbage of megabytes.
    this.#keep(stored, from)
    return frames
  }

  #wantedBytes(): number {
    return this.#storedBytes < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + this.#bodyBytes(this.#store, 0)
  }

  #bodyBytes(bytes: Buffer, at: number): number {
    const bodyBytes = bytes.readUInt32LE(at)
    if (bodyBytes < HEADER_LENGTH_BYTES || bodyBytes > this.#bodyBytesMax)
      throw breach('A frame is smaller or larger than the wire allows.')
    return bodyBytes
  }

  /** Takes every complete frame; returns where the incomplete rest begins. */
  #cut(bytes: Buffer, frames: ReadFrame[]): number {
    let at = 0
    while (bytes.length - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + this.#bodyBytes(bytes, at)
      if (end > bytes.length) break
      frames.push(this.#decode(bytes, at + LENGTH_BYTES, end))
      at = end
    }
    return at
  }

  #decode(bytes: Buffer, start: number, end: number): ReadFrame {
    const headerBytes = bytes.readUInt16LE(start)
    let at = start + HEADER_LENGTH_BYTES + headerBytes
    if (headerBytes > HEADER_BYTES_MAX || at > end) throw breach('The header of a frame is too large.')
    const header = parseHeader(text(bytes, start + HEADER_LENGTH_BYTES, at))
    const segments: string[] = []
    for (const length of segmentLengths(header, end - at)) segments.push(text(bytes, at, (at += length)))
    return { header, segments }
  }

  #keep(bytes: Buffer, from: number): void {
    const addedBytes = bytes.length - from
    if (addedBytes === 0) return
    const neededBytes = this.#storedBytes + addedBytes
    if (neededBytes > this.#store.length) {
      const grown = Buffer.allocUnsafe(Math.max(STORE_BYTES_MIN, neededBytes, this.#store.length * 2))
      this.#store.copy(grown, 0, 0, this.#storedBytes)
      this.#store = grown
    }
    bytes.copy(this.#store, this.#storedBytes, from)
    this.#storedBytes = neededBytes
  }
}
