import type { TollgateError } from '../../errors/tollgate-error.ts'
import { LAST, MORE } from './frames.ts'

/** One part of an answer. */
export type AnswerPart = { readonly text: string; readonly isLast: boolean }

/** The parts of one answer: they wait here until somebody takes them, and come to no more than the bytes that were allowed. */
export class AnswerParts {
  /** Resolves when the last part is here, or none will come any more. */
  readonly arrived: Promise<void>
  readonly #arrived = Promise.withResolvers<void>()
  readonly #bytesMax: number
  readonly #parts: AnswerPart[] = []
  #waiting: PromiseWithResolvers<AnswerPart> | undefined
  #error: TollgateError | undefined
  #bytes = 0
  #isBegun = false
  #isWhole = false

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.arrived = this.#arrived.promise
  }

  /** Whether a part has come: its call is over then, and what is left belongs to who reads on. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  /** Whether nothing more comes. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Takes a part off the wire; false for what is none, or comes after the last one, or is too much. */
  push(text: string): boolean {
    this.#bytes += text.length
    const mark = text[0]
    if (this.#isWhole || this.#bytes > this.#bytesMax || (mark !== MORE && mark !== LAST)) return false
    const isLast = mark === LAST
    this.#isBegun = true
    this.#parts.push({ text: text.slice(1), isLast })
    if (isLast) this.#end()
    this.#serve()
    return true
  }

  /** Nothing more comes; what is here can still be taken. */
  fail(error: TollgateError): void {
    if (!this.#isWhole) this.#error = error
    this.#end()
    this.#serve()
  }

  /** The next part. One caller at a time; not to be called after the last. */
  next(): Promise<AnswerPart> {
    const waiting = Promise.withResolvers<AnswerPart>()
    this.#waiting = waiting
    this.#serve()
    return waiting.promise
  }

  #serve(): void {
    if (this.#waiting === undefined) return
    const part = this.#parts.shift()
    if (part !== undefined) this.#waiting.resolve(part)
    else if (this.#error !== undefined) this.#waiting.reject(this.#error)
    else return
    this.#waiting = undefined
  }

  #end(): void {
    this.#isWhole = true
    this.#arrived.resolve()
  }
}
