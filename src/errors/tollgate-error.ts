import { CODES, type Code } from '../../runtime/abi/codes.ts'
import type { GuestError } from '../../runtime/abi/frames.ts'

/** The steps of the broker that can refuse, and the places around it that can end a run. */
export type Gate =
  | 'decode'
  | 'replay'
  | 'authorize'
  | 'recall'
  | 'reserve'
  | 'approve'
  | 'intend'
  | 'perform'
  | 'settle'
  | 'seal'
  | 'record'
  | 'policy'
  | 'cage'
  | 'watchdog'

export type ErrorFacts = {
  gate?: Gate
  op?: string
  /** The part of the policy that decided, as a path: `permissions.http.allowed_domains[0]`. */
  rule?: string
  /** What was asked for, where it was refused before a judgement could name it; for the record, never for the guest. */
  subject?: string
  /** What the caller may do instead; the guest sees it too, so no path and no secret. */
  hint?: string
  /** The smallest change that would allow it; only the operator sees it. */
  change?: string
  /** Set by a driver that knows that nothing left: the op may be tried again under the same key. */
  notPerformed?: boolean
  /** Bytes chosen by the guest that had left, or may have, when the work failed. */
  egressBytes?: number
  /** What had happened all the same when the work failed, for the record. */
  happened?: Readonly<Record<string, string | number | boolean>>
  cause?: unknown
}

/** What a result carries of an error. */
export type ErrorRecord = {
  code: Code
  message: string
  gate?: Gate
  op?: string
  rule?: string
  hint?: string
  change?: string
  /** Message of the underlying error, for the operator; never crosses to the guest. */
  cause?: string
  retryable: boolean
}

const brand = Symbol.for('tollgate.error')

/** The one class of errors that Tollgate itself raises. Recognise it with {@link isTollgateError}: it is branded, so copies of the package agree. */
export class TollgateError extends Error {
  override readonly name = 'TollgateError'
  readonly code: Code
  readonly facts: Readonly<ErrorFacts>
  readonly [brand] = true

  constructor(code: Code, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.facts = Object.freeze({ ...facts })
  }

  get gate(): Gate | undefined {
    return this.facts.gate
  }
  get retryable(): boolean {
    return CODES[this.code].retryable
  }

  /** The plain form that results, journals and records carry. */
  toRecord(): ErrorRecord {
    const { gate, op, rule, hint, change } = this.facts
    return {
      code: this.code,
      message: this.message,
      ...(gate && { gate }),
      ...(op && { op }),
      ...(rule && { rule }),
      ...(hint && { hint }),
      ...(change && { change }),
      ...(this.cause instanceof Error && { cause: this.cause.message }),
      retryable: this.retryable,
    }
  }

  /** The same error with facts filled in that it lacks; what it has already, it keeps. */
  with(facts: ErrorFacts): TollgateError {
    // By another name: a class that names itself is renamed by the bundler, and then shows under that name.
    const Same = this.constructor as typeof TollgateError
    const merged = new Same(this.code, this.message, { ...facts, ...this.facts })
    if (this.stack) merged.stack = this.stack
    return merged
  }
}

/** Whether a caught value is a {@link TollgateError} of this or another copy of the package. */
export const isTollgateError = (value: unknown): value is TollgateError =>
  typeof value === 'object' && value !== null && (value as { [brand]?: unknown })[brand] === true

/** What may cross to the guest of an error: code, message, gate, hint. */
export const toGuestError = ({ code, message, gate, hint, retryable }: ErrorRecord): GuestError => ({
  code,
  message,
  ...(gate && { gate }),
  ...(hint && { hint }),
  retryable,
})

/** Any caught value as a TollgateError; what is not one of ours becomes `INTERNAL_ERROR` with its cause kept for the host's log. */
export const asTollgateError = (value: unknown): TollgateError =>
  isTollgateError(value)
    ? value
    : new TollgateError('INTERNAL_ERROR', 'An unexpected error inside Tollgate.', { cause: value })
