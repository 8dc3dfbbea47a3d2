import { Transform, Writable, type TransformCallback } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Header } from './header-rules.ts'
import { causeCode } from './upstream-error.ts'

/** What is asked for. Not deflate, for servers disagree on what it means; it is decoded as the standard says when it comes. */
export const ACCEPTED_ENCODINGS = 'gzip, br, zstd'

/** Content codings that an answer may stack. */
const ENCODINGS_MAX = 2
/** What a coding may add to data that it cannot make smaller. */
const OVERHEAD_BYTES_MAX = 64 * 1024
/** 2^23 bytes: the largest window that a content coding may ask for (RFC 9659). */
const ZSTD_WINDOW_LOG_MAX = 23

const DECODERS = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  // RFC 9110, section 8.4.1.2: the zlib format, not a bare deflate stream.
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } }),
} as const satisfies Record<string, () => Transform>

/** A content coding that is understood. */
export type Encoding = keyof typeof DECODERS

const isEncoding = (name: string): name is Encoding => Object.hasOwn(DECODERS, name)

/** How the decoders of Node name what they cannot decode. */
const DECODER_CODE = /^(?:Z_|ZSTD_|ERR_BROTLI_|ERR__)/

/** A body as it was meant, and what it took on the wire. */
export type DecodedBody = { readonly bytes: Buffer; readonly wireBytes: number }

/**
 * The content codings of an answer, in the order in which they were applied (RFC 9110, section 8.4).
 * Throws UPSTREAM_PROTOCOL for one that is unknown, and for too many.
 */
export function readEncodings(headers: readonly Header[]): readonly Encoding[] {
  const encodings = headers
    .filter(([name]) => name === 'content-encoding')
    .flatMap(([, value]) => value.split(','))
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== '' && one !== 'identity')
  if (encodings.length > ENCODINGS_MAX || !encodings.every(isEncoding)) {
    throw new TollgateError('UPSTREAM_PROTOCOL', 'The answer is encoded in a way that is not understood.', {
      hint: `Understood are gzip, deflate, br and zstd, at most ${ENCODINGS_MAX} of them.`,
    })
  }
  return encodings
}

/** LIMIT_RESPONSE_SIZE, for an answer that has more bytes than `bytesMax` when decoded. */
export const tooLarge = (bytesMax: number): TollgateError =>
  new TollgateError('LIMIT_RESPONSE_SIZE', `The answer is larger than ${bytesMax} bytes.`, {
    rule: 'permissions.http.max_response_size_kb',
    hint: 'Ask for less: a page, a range, a narrower query.',
    change: 'raise permissions.http.max_response_size_kb',
  })

/**
 * Reads a body to its end while decoding it. Every stage is counted, the decoded bytes against `bytesMax`: the moment there are
 * too many, all streams are destroyed, and the socket with them. Throws LIMIT_RESPONSE_SIZE, UPSTREAM_PROTOCOL for what does
 * not decode, and whatever the body fails with.
 */
export async function readBody(
  body: NodeJS.ReadableStream,
  encodings: readonly Encoding[],
  bytesMax: number,
  signal: AbortSignal,
): Promise<DecodedBody> {
  const stageMax = encodings.length === 0 ? bytesMax : bytesMax + OVERHEAD_BYTES_MAX
  const wire = new Meter(stageMax, bytesMax)
  const decoded = new Collector(bytesMax)
  // What was encoded last is decoded first. What stands between two decoders is counted too: it may be larger than both ends.
  const stages = encodings
    .toReversed()
    .flatMap((name): Transform[] => [DECODERS[name](), new Meter(stageMax, bytesMax)])
  try {
    await pipeline([body, wire, ...stages, decoded], { signal })
  } catch (cause) {
    if (!DECODER_CODE.test(causeCode(cause))) throw cause
    // An answer without content may still name a coding, as if there were some.
    if (wire.bytes > 0) {
      throw new TollgateError('UPSTREAM_PROTOCOL', 'The answer is not what its content-encoding says.', {
        cause,
      })
    }
  }
  return { bytes: Buffer.concat(decoded.chunks), wireBytes: wire.bytes }
}

/** Lets a stream through as long as it has no more than so many bytes. */
class Meter extends Transform {
  bytes = 0
  readonly #max: number
  readonly #bytesMax: number

  constructor(max: number, bytesMax: number) {
    super()
    this.#max = max
    this.#bytesMax = bytesMax
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length
    if (this.bytes > this.#max) done(tooLarge(this.#bytesMax))
    else done(null, chunk)
  }
}

/** The end of the line: keeps what arrives, up to so many bytes. */
class Collector extends Writable {
  readonly chunks: Buffer[] = []
  #bytes = 0
  readonly #max: number

  constructor(max: number) {
    super()
    this.#max = max
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#max) return done(tooLarge(this.#max))
    this.chunks.push(chunk)
    done()
  }
}
