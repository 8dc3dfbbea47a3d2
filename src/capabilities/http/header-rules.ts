import { TollgateError } from '../../errors/tollgate-error.ts'

/** A guest may set these wherever it may send anything. */
export const HEADERS_ALWAYS_ALLOWED: readonly string[] = ['accept', 'content-type']

// What frames, routes or decodes the message belongs to the driver; no policy can grant it.
const NEVER = new Set([
  'host',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'expect',
  'accept-encoding',
  'http2-settings',
  'alt-used',
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
])

/** A header name (RFC 9110, section 5.6.2: token). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
/** A header value in visible ASCII, with spaces and tabs inside (RFC 9110, section 5.5, without obs-text). */
const VALUE = /^[\t\u0020-\u007e]*$/
const HEADERS_MAX = 64
const VALUE_SIZE_MAX = 8 * 1024

/** Whether no policy may list this header, written in lower case. */
export const isNeverAllowed = (name: string): boolean => NEVER.has(name) || name.startsWith('proxy-')

/** Whether a text is a header name. */
export const isHeaderName = (text: string): boolean => TOKEN.test(text)

export type Header = readonly [name: string, value: string]

const refuse = (problem: string): never => {
  throw new TollgateError('DENIED_HEADER', problem, {
    rule: 'permissions.http',
    hint: 'Send only plain headers that the policy lists.',
  })
}

/** Names in lower case, values without surrounding blanks, sorted by name. Throws DENIED_HEADER for what is malformed. */
export function readHeaders(given: Readonly<Record<string, string>>): readonly Header[] {
  const headers = new Map<string, string>()
  for (const [written, value] of Object.entries(given)) {
    if (!isHeaderName(written)) refuse('The name of a header is malformed.')
    const name = written.toLowerCase()
    if (!VALUE.test(value) || value.length > VALUE_SIZE_MAX) {
      refuse(`The value of the header ${name} is not plain ASCII of at most ${VALUE_SIZE_MAX} characters.`)
    }
    if (headers.has(name)) refuse(`The header ${name} is given twice.`)
    headers.set(name, value.replaceAll(/^[\t ]+|[\t ]+$/g, ''))
  }
  if (headers.size > HEADERS_MAX) refuse(`There are more than ${HEADERS_MAX} headers.`)
  return [...headers].toSorted(([a], [b]) => (a < b ? -1 : 1))
}
