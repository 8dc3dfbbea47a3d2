import { toldBy } from '../answer.ts'
import type { Refusal } from '../wire.ts'

/** A refusal of a statement or of a whole database, on its way to the line that tells the guest. */
export class Refused extends Error {
  readonly refusal: Refusal
  readonly detail: string

  constructor(refusal: Refusal, detail: string) {
    super(detail)
    this.refusal = refusal
    this.detail = toldBy(detail)
  }
}
