import { isTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Deadline } from './deadline.ts'
import { undici } from './undici.ts'

/** Bytes of names and values that the headers of one answer may have. */
export const HEADER_BYTES_MAX = 16 * 1024

/** The code that Node or undici gives an error, or `unknown`. It names a kind of failure, never a place. */
export function causeCode(cause: unknown): string {
  const code: unknown =
    typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(code) ? code : 'unknown'
}

/**
 * What went wrong with a request that was under way, as one of our errors: UPSTREAM_TIMEOUT when the deadline fired,
 * UPSTREAM_PROTOCOL for an answer that is no HTTP, else UPSTREAM_UNREACHABLE. The message holds no text of the other side.
 */
export function upstreamError(cause: unknown, host: string, deadline: Deadline): TollgateError {
  if (isTollgateError(cause)) return cause
  if (deadline.signal.aborted) return deadline.error()
  const { errors } = undici()
  if (cause instanceof errors.HeadersOverflowError) {
    return new TollgateError(
      'UPSTREAM_PROTOCOL',
      `The headers of the answer of ${host} are larger than ${HEADER_BYTES_MAX} bytes.`,
      { cause },
    )
  }
  if (cause instanceof errors.HTTPParserError || cause instanceof errors.ResponseContentLengthMismatchError)
    return new TollgateError('UPSTREAM_PROTOCOL', `The answer of ${host} is not valid HTTP.`, { cause })
  return new TollgateError('UPSTREAM_UNREACHABLE', `The connection to ${host} broke (${causeCode(cause)}).`, {
    cause,
  })
}
