import { bytesOf, decodeUtf8, encodeUtf8 } from '../kernel/encoding.ts'
import { Uint8ArrayClass } from '../kernel/primordials.ts'
import { ReadableStream } from './streams.ts'

/** One array of bytes out of many. */
export const joinBytes = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  let length = 0
  for (let i = 0; i < parts.length; i += 1) length += parts[i]?.length ?? 0
  const whole = new Uint8ArrayClass(length)
  let at = 0
  for (let i = 0; i < parts.length; i += 1) {
    const part = parts[i] as Uint8Array
    for (let k = 0; k < part.length; k += 1) whole[at + k] = part[k] ?? 0
    at += part.length
  }
  return whole
}

/** A stream that gives bytes when it is first read. `onRead` hears of it. */
export const streamOf = (
  bytes: Uint8Array,
  onRead: () => void = () => undefined,
): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        onRead()
        if (bytes.length > 0) controller.enqueue(joinBytes([bytes]))
        controller.close()
      },
      cancel: onRead,
    },
    { highWaterMark: 0 },
  )

type BlobOptions = { readonly type?: unknown }

/** Bytes with a type (File API, section 3). */
export class Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>
  readonly #type: string

  constructor(parts: Iterable<unknown> = [], { type = '' }: BlobOptions = {}) {
    const pieces: Uint8Array[] = []
    for (const part of parts)
      pieces[pieces.length] = part instanceof Blob ? part.#bytes : (bytesOf(part) ?? encodeUtf8(String(part)))
    this.#bytes = joinBytes(pieces)
    this.#type = /^[ -~]*$/.test(String(type)) ? String(type).toLowerCase() : ''
  }

  get size(): number {
    return this.#bytes.length
  }

  get type(): string {
    return this.#type
  }

  slice(from = 0, to = this.size, type: unknown = ''): Blob {
    const end = (at: number): number => (at < 0 ? Math.max(this.size + at, 0) : at)
    return new Blob([this.#bytes.slice(end(from), end(to))], { type })
  }

  async text(): Promise<string> {
    return decodeUtf8(this.#bytes)
  }

  async bytes(): Promise<Uint8Array> {
    return joinBytes([this.#bytes])
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return joinBytes([this.#bytes]).buffer
  }

  stream(): ReadableStream<Uint8Array> {
    return streamOf(this.#bytes)
  }

  get [Symbol.toStringTag](): string {
    return 'Blob'
  }

  /** For our own: the bytes; undefined for what is no Blob. */
  static peek(this: void, value: unknown): Uint8Array | undefined {
    return value instanceof Blob ? value.#bytes : undefined
  }
}

const { peek } = Blob
/** The bytes of a Blob, not copied; undefined for anything else. */
export const blobBytes = (value: unknown): Uint8Array | undefined => peek(value)
Reflect.deleteProperty(Blob, 'peek')

/** A Blob with a name. */
export class File extends Blob {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly lastModified: number

  constructor(
    parts: Iterable<unknown>,
    name: unknown,
    options: BlobOptions & { lastModified?: number } = {},
  ) {
    super(parts, options)
    this.name = String(name)
    this.lastModified = options.lastModified ?? Date.now()
  }

  override get [Symbol.toStringTag](): string {
    return 'File'
  }
}
