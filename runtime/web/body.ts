import { bytesOf, decodeUtf8, encodeUtf8 } from '../kernel/encoding.ts'
import { JSONParse, StringPrototypeCharCodeAt, StringPrototypeSlice } from '../kernel/primordials.ts'
import { Blob, blobBytes, joinBytes, streamOf } from './blob.ts'
import { decodeForm, encodeForm, FormData } from './form-data.ts'
import { ReadableStream } from './streams.ts'
import { URLSearchParams } from './url.ts'

/** What a body is made of. Text stays text, so that it crosses as such. */
export type Payload = {
  readonly source: string | Uint8Array | ReadableStream<Uint8Array> | null
  /** Content type, unless a header says another. */
  readonly type?: string
}

/** Reads what a caller gave as a body (Fetch, section 5.2). */
export const payloadOf = (given: unknown): Payload => {
  if (given === undefined || given === null) return { source: null }
  if (given instanceof ReadableStream) {
    if (given.locked) throw new TypeError('The stream is read by somebody else')
    return { source: given as ReadableStream<Uint8Array> }
  }
  if (given instanceof FormData) {
    const { bytes, type } = encodeForm(given)
    return { source: bytes, type }
  }
  if (given instanceof URLSearchParams)
    return { source: given.toString(), type: 'application/x-www-form-urlencoded;charset=UTF-8' }
  const blob = blobBytes(given)
  if (blob !== undefined) {
    const { type } = given as Blob
    return { source: blob, ...(type !== '' && { type }) }
  }
  const bytes = bytesOf(given)
  if (bytes !== undefined) return { source: joinBytes([bytes]) }
  // oxlint-disable-next-line typescript/no-base-to-string -- whatever it is, the standard takes it as text
  return { source: String(given), type: 'text/plain;charset=UTF-8' }
}

/** All that a stream gives. Throws a TypeError for a chunk that is no bytes. */
const collect = async (stream: ReadableStream<Uint8Array>): Promise<Uint8Array> => {
  const reader = stream.getReader()
  const parts: Uint8Array[] = []
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return joinBytes(parts)
    const bytes = bytesOf(value)
    if (bytes === undefined) throw new TypeError('A chunk of the body is no Uint8Array')
    parts[parts.length] = joinBytes([bytes])
  }
}

const isStream = (source: Payload['source']): source is ReadableStream<Uint8Array> =>
  source instanceof ReadableStream

/** The body of a request or an answer: read once, as what the reader wants. */
export class Body {
  #source: Payload['source']
  #stream: ReadableStream<Uint8Array> | undefined
  #used = false

  constructor({ source }: Payload) {
    this.#source = source
    if (isStream(source)) this.#stream = source
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#source === null) return null
    this.#stream ??= streamOf(
      typeof this.#source === 'string' ? encodeUtf8(this.#source) : (this.#source as Uint8Array),
      () => {
        this.#used = true
      },
    )
    return this.#stream
  }

  get bodyUsed(): boolean {
    return this.#used
  }

  async text(): Promise<string> {
    return Body.#textOf(await takeBody(this))
  }

  async json(): Promise<unknown> {
    return JSONParse(Body.#textOf(await takeBody(this))) as unknown
  }

  async bytes(): Promise<Uint8Array> {
    return Body.#copy(await takeBody(this))
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return Body.#copy(await takeBody(this)).buffer
  }

  async blob(): Promise<Blob> {
    return new Blob([await takeBody(this)], { type: Body.#typeOf(this) })
  }

  async formData(): Promise<FormData> {
    const whole = Body.#copy(await takeBody(this))
    const readPairs = (text: string): Iterable<readonly [string, string]> =>
      new URLSearchParams(text) as unknown as Iterable<readonly [string, string]>
    return decodeForm(whole, Body.#typeOf(this), readPairs)
  }

  /** UTF-8 is read without its mark (Encoding, section 6); many servers put one before their JSON. */
  static #textOf(whole: string | Uint8Array): string {
    if (typeof whole !== 'string') return decodeUtf8(whole)
    return StringPrototypeCharCodeAt(whole, 0) === 0xfeff ? StringPrototypeSlice(whole, 1) : whole
  }

  static #copy(whole: string | Uint8Array): Uint8Array<ArrayBuffer> {
    return joinBytes([typeof whole === 'string' ? encodeUtf8(whole) : whole])
  }

  static #typeOf(body: Body): string {
    const { headers } = body as unknown as { headers?: { get(name: string): string | null } }
    return headers?.get('content-type') ?? ''
  }

  static #refuseUsed(body: Body): void {
    if (body.#used || body.#stream?.locked === true) throw new TypeError('The body was read already')
  }

  /** Takes the body out: nobody can read it again. Empty where there is none. */
  static async take(this: void, body: Body): Promise<string | Uint8Array> {
    Body.#refuseUsed(body)
    const source = body.#source
    if (source === null) return ''
    body.#used = true
    return isStream(source) ? collect(source) : source
  }

  /** A second body of the same content. */
  static fork(this: void, body: Body): Payload {
    Body.#refuseUsed(body)
    const { body: stream } = body
    if (!isStream(body.#source) || stream === null) return { source: body.#source }
    const [own, other] = stream.tee()
    body.#source = body.#stream = own
    return { source: other }
  }
}

const { take, fork } = Body
/** Takes a body out, as text where it was text. */
export const takeBody = (body: Body): Promise<string | Uint8Array> => take(body)
/** A second body of the same content. Throws a TypeError for one that was read. */
export const forkBody = (body: Body): Payload => fork(body)
