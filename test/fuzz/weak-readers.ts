/** Readers that are wrong on purpose: each fault must be found. */
import { TollgateError } from '../../src/errors/tollgate-error.ts'
import type { ReadFrame } from '../../src/cage/port.ts'
import type { Reader } from './fuzz-frames.ts'

type Header = { readonly s: readonly number[] }

const decode = (body: Buffer): ReadFrame => {
  const headerBytes = body.readUInt16LE(0)
  const header = JSON.parse(body.toString('utf8', 2, 2 + headerBytes)) as Header
  const segments: string[] = []
  let at = 2 + headerBytes
  for (const length of header.s) segments.push(body.toString('utf8', at, (at += length)))
  return { header, segments }
}

/** Takes every length as it is told, and lets whatever goes wrong through as it comes. */
export class TrustingReader implements Reader {
  #store: Buffer = Buffer.alloc(0)

  push(bytes: Buffer): readonly ReadFrame[] {
    this.#store = Buffer.concat([this.#store, bytes])
    const frames: ReadFrame[] = []
    while (this.#store.length >= 6 && this.#store.length >= 4 + this.#store.readUInt32LE(0)) {
      const end = 4 + this.#store.readUInt32LE(0)
      frames.push(decode(this.#store.subarray(4, end)))
      this.#store = this.#store.subarray(end)
    }
    return frames
  }
}

/** The same, but whatever goes wrong is a breach: it only takes what is malformed. */
export class LenientReader extends TrustingReader {
  override push(bytes: Buffer): readonly ReadFrame[] {
    try {
      return super.push(bytes)
    } catch (error) {
      throw new TollgateError('GUEST_BREACH', String(error), { gate: 'cage' })
    }
  }
}

/** Makes room for a whole frame as soon as its length is announced. */
export class GenerousReader implements Reader {
  readonly #inner: Reader
  room: Buffer = Buffer.alloc(0)

  constructor(inner: Reader) {
    this.#inner = inner
  }

  push(bytes: Buffer): readonly ReadFrame[] {
    if (bytes.length >= 4) this.room = Buffer.alloc(Math.min(bytes.readUInt32LE(0), 2 ** 26))
    return this.#inner.push(bytes)
  }
}

/** Keeps what it is given instead of a copy, though the caller uses those bytes again. */
export class SharingReader implements Reader {
  readonly #inner: () => Reader
  #pieces: Buffer[] = []
  #reader: Reader | undefined

  constructor(inner: () => Reader) {
    this.#inner = inner
  }

  push(bytes: Buffer): readonly ReadFrame[] {
    this.#pieces.push(bytes)
    this.#reader = this.#inner()
    const frames = this.#reader.push(Buffer.concat(this.#pieces))
    if (frames.length > 0) this.#pieces = []
    return frames
  }
}
