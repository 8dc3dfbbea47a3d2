import { define } from '../kernel/primordials.ts'

/** The old numbers of names that still have one (Web IDL, section 2.8.1). */
const CODES: Readonly<Record<string, number>> = Object.freeze({
  __proto__: null as never,
  InvalidCharacterError: 5,
  InvalidStateError: 11,
  AbortError: 20,
  QuotaExceededError: 22,
  TimeoutError: 23,
  DataCloneError: 25,
})

/** An error with one of the names of the web platform. */
export class DOMException extends Error {
  readonly code: number

  constructor(message = '', name = 'Error') {
    super(message)
    define(this, 'name', name)
    this.code = CODES[name] ?? 0
  }
}
