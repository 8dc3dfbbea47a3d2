import { Duplex } from 'node:stream'

/** What is thrown at whoever reads from a stream that brought more than it may. */
export class TooMuch extends Error {}

/**
 * The stream that the library of the protocol is given: a connection that was dialled already, of which every byte that comes in is
 * counted. The library knows how to cap neither a row nor a cell, so a stream that brings too much is torn down.
 */
export class CountedStream extends Duplex {
  readonly #inner: Duplex
  #bytesLeft: number
  #received = 0

  constructor(inner: Duplex, bytesMax: number) {
    super({ allowHalfOpen: false })
    this.#inner = inner
    this.#bytesLeft = bytesMax
    inner.on('data', (bytes: Buffer) => this.#take(bytes))
    inner.on('end', () => this.push(null))
    inner.on('error', (error) => this.destroy(error))
    inner.on('close', () => this.destroy())
  }

  /** Bytes that came in so far. */
  get received(): number {
    return this.#received
  }

  /** From here on, so many bytes may come in. */
  allow(bytesMax: number): void {
    this.#bytesLeft = bytesMax
  }

  /** Called by the library; the connection is under way, wherever it thinks that it should go. */
  connect(): this {
    this.#inner.once('connect', () => this.emit('connect'))
    return this
  }

  /** Called by the library. */
  setNoDelay(): this {
    return this
  }

  #take(bytes: Buffer): void {
    this.#received += bytes.length
    this.#bytesLeft -= bytes.length
    if (this.#bytesLeft < 0) this.destroy(new TooMuch('too many bytes'))
    else if (!this.push(bytes)) this.#inner.pause()
  }

  override _read(): void {
    this.#inner.resume()
  }

  override _write(bytes: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#inner.write(bytes, encoding, (error) => done(error))
  }

  override _final(done: () => void): void {
    this.#inner.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner.destroy()
    done(error)
  }
}
