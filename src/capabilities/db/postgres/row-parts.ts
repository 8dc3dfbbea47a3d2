import type { AnswerParts } from '../answer-parts.ts'
import { LAST, MORE } from '../frames.ts'
import type { Batch } from './connection.ts'
import { Refused } from './refused.ts'

/** So large is a part of an answer, but for its last row, in bytes. */
const PART_BYTES = 64 * 1024

/** Writes the rows of a statement as the parts of its answer. Stops at the first row, and byte, too many. */
export class RowParts {
  readonly #parts: AnswerParts
  readonly #limits: { readonly rowsMax: number; readonly bytesMax: number }
  #columns: string | undefined
  #rows: string[] = []
  #count = 0
  #bytes = 0
  #partBytes = 0

  constructor(parts: AnswerParts, limits: { readonly rowsMax: number; readonly bytesMax: number }) {
    this.#parts = parts
    this.#limits = limits
  }

  get count(): number {
    return this.#count
  }

  /** Throws Refused: `rows`, `bytes`. */
  add({ columns, rows }: Batch): void {
    this.#columns ??= this.#counted(JSON.stringify(columns))
    for (const row of rows) {
      if (this.#count >= this.#limits.rowsMax) throw new Refused('rows', '')
      const text = this.#counted(JSON.stringify(row))
      // A row more follows, so that a part is never the last.
      if (this.#partBytes > PART_BYTES) this.#send(MORE)
      this.#rows.push(text)
      this.#count += 1
      this.#partBytes += text.length
    }
  }

  /** Throws Refused `bytes`. */
  finish(): void {
    this.#send(LAST)
  }

  #counted(text: string): string {
    this.#bytes += Buffer.byteLength(text) + 1
    if (this.#bytes > this.#limits.bytesMax) throw new Refused('bytes', '')
    return text
  }

  #send(mark: string): void {
    const text = `${mark}{"ok":true,"columns":${this.#columns ?? '[]'},"rows":[${this.#rows.join(',')}]}`
    // The names come with each part, and may be more than the rows. Whoever waits for a part that was not taken would wait for ever.
    if (!this.#parts.push(text)) throw new Refused('bytes', '')
    this.#rows = []
    this.#partBytes = 0
  }
}
