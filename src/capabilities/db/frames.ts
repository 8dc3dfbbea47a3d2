/**
 * What passes between the host and the process of a database: `u32 bytes · text in UTF-8`, little-endian. A question is
 * JSON; its answer comes in parts, each a mark and JSON. Both sides bound what they accept; what the process sends is judged in
 * answer.ts, for it may have been taken over.
 */

const LENGTH_BYTES = 4
/** How an answer begins: with the mark of a part that others follow, or of the last one. */
export const MORE = '+'
export const LAST = '='
/** Largest question: a statement and its parameters. */
export const QUESTION_BYTES_MAX = 16 * 1024 * 1024
/** What an answer may be larger than its rows. */
export const ANSWER_EXTRA_BYTES = 1024 * 1024

/** Lays out one frame. */
export function encodeFrame(json: string): Buffer {
  const bytes = Buffer.byteLength(json)
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + bytes)
  frame.writeUInt32LE(bytes, 0)
  frame.write(json, LENGTH_BYTES)
  return frame
}

/** Cuts a stream into frames; holds one incomplete frame at most. */
export class FrameReader {
  readonly #bytesMax: number
  #chunks: Buffer[] = []
  #held = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The texts of the frames that these bytes complete. Undefined when a frame is larger than it may be; nothing is read after that. */
  push(bytes: Buffer): readonly string[] | undefined {
    this.#chunks.push(bytes)
    this.#held += bytes.length
    const texts: string[] = []
    while (this.#held >= LENGTH_BYTES) {
      const wanted = this.#head().readUInt32LE(0)
      if (wanted > this.#bytesMax) return undefined
      if (this.#held < LENGTH_BYTES + wanted) break
      const all = Buffer.concat(this.#chunks)
      texts.push(all.toString('utf8', LENGTH_BYTES, LENGTH_BYTES + wanted))
      this.#chunks = [all.subarray(LENGTH_BYTES + wanted)]
      this.#held = all.length - LENGTH_BYTES - wanted
    }
    return texts
  }

  /** The first chunk, made long enough for a length. */
  #head(): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && first.length >= LENGTH_BYTES) return first
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}
