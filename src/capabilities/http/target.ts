import { TollgateError } from '../../errors/tollgate-error.ts'
import { defaultPort, readPort, type Origin } from './domain-pattern.ts'
import { readHost } from './host.ts'

/** A URL that was parsed once; what is judged and what is dialled. */
export type Target = Origin & {
  /** Canonical text, without fragment. */
  readonly url: string
  readonly path: string
  readonly query: string
  /** Segments of the path, percent-decoded. */
  readonly segments: readonly string[]
}

/** Longest URL, in UTF-16 code units as written and in bytes once encoded. */
export const URL_SIZE_MAX = 8 * 1024

const SHAPE = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?/u
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/su
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u
const ENCODED_DOTS = /^(?:\.|%2e){1,2}$/iu

/** A refusal never repeats what it refuses: the text may be hostile. */
const refuse = (
  problem: string,
  hint = 'Send a plain absolute URL, like https://host/path?name=value.',
): never => {
  throw new TollgateError('DENIED_URL', `The URL is refused: ${problem}.`, { rule: 'permissions.http', hint })
}

/**
 * Parses a URL strictly. Where the URL standard (WHATWG URL, section 4.4) would repair or reinterpret, this refuses:
 * tabs and newlines, backslashes, userinfo, hosts that are not canonical, odd ports, encoded slashes and dot segments.
 * Plain `.` and `..` segments are resolved; the fragment is dropped. Throws DENIED_URL.
 */
export function parseTarget(text: string): Target {
  if (text.length > URL_SIZE_MAX) refuse(`it is longer than ${URL_SIZE_MAX} characters`)
  if (CONTROLS.test(text) || !text.isWellFormed()) refuse('it holds control characters')
  if (text.includes('\\')) refuse('it holds a backslash')
  if (text !== text.trim()) refuse('it starts or ends with white space')
  const [, schemeText, authority = '', path = '', query = ''] = SHAPE.exec(text) ?? []
  if (schemeText === undefined) return refuse('it is not absolute')
  const scheme = schemeText.toLowerCase()
  if (scheme !== 'https' && scheme !== 'http') return refuse('its scheme is neither https nor http')
  const origin = parseAuthority(scheme, authority)
  // Without its fragment the parser would cut it off.
  if ((path + query).endsWith(' ')) refuse('it ends with white space')
  if (/%00/u.test(path + query)) refuse('it holds an encoded NUL')
  if (path.split('/').some((one) => one.includes('%') && ENCODED_DOTS.test(one)))
    refuse('it holds encoded dot segments')
  return assemble(origin, path, query)
}

function parseAuthority(scheme: 'https' | 'http', authority: string): Origin {
  if (authority.includes('@'))
    refuse(
      'it holds credentials',
      'Send no user name or password in the URL; the host adds credentials itself.',
    )
  const [, hostText = '', portText] = AUTHORITY.exec(authority) ?? []
  const port = portText === undefined ? defaultPort(scheme) : readPort(portText)
  if (port === undefined) return refuse('its port is not a plain number from 1 to 65535')
  const read = readHost(hostText)
  if (typeof read === 'string') return refuse(read)
  return { scheme, host: read.host, port }
}

function assemble(origin: Origin, path: string, query: string): Target {
  const url = URL.parse(`${origin.scheme}://${origin.host}:${origin.port}${path}${query}`)
  // The authority was judged on its own: the parser must agree with it.
  if (url === null || url.hostname !== origin.host || url.hash !== '') return refuse('it is malformed')
  if (url.href.length > URL_SIZE_MAX) refuse(`it is longer than ${URL_SIZE_MAX} bytes when encoded`)
  return Object.freeze({
    ...origin,
    url: url.href,
    path: url.pathname,
    query: url.search,
    segments: Object.freeze(decodeSegments(url.pathname)),
  })
}

/**
 * The segments of an encoded path, decoded once. Throws DENIED_URL where another server could read other segments than we do:
 * an encoded slash, what decodes a second time to one, a dot segment with parameters, bytes that are not UTF-8.
 */
export function decodeSegments(path: string): string[] {
  return path
    .slice(1)
    .split('/')
    .map((encoded) => {
      const decoded = decodeOnce(encoded)
      if (/[/\\]/u.test(decoded) || /%(?:2f|5c|2e|00)/iu.test(decoded))
        refuse('its path holds an encoded slash or dot')
      if (CONTROLS.test(decoded)) refuse('its path holds encoded control characters')
      if (/^\.{1,2}(?:;|$)/u.test(decoded)) refuse('its path holds a dot segment')
      return decoded
    })
}

function decodeOnce(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return refuse('its path is not percent-encoded UTF-8')
  }
}

/** What a Location header is resolved against: the URL that answered. */
export type Base = Origin & { readonly path: string; readonly query: string }

/** Resolves what a Location header holds (RFC 9110, section 10.2.2), as strictly as {@link parseTarget}. Throws DENIED_URL. */
export function resolveLocation(base: Base, location: string): Target {
  const origin = `${base.scheme}://${base.host}:${base.port}`
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/u.test(location)) return parseTarget(location)
  if (location.startsWith('//')) return parseTarget(`${base.scheme}:${location}`)
  if (location.startsWith('/')) return parseTarget(origin + location)
  if (location.startsWith('?')) return parseTarget(origin + base.path + location)
  if (location === '' || location.startsWith('#')) return parseTarget(origin + base.path + base.query)
  return parseTarget(origin + base.path.slice(0, base.path.lastIndexOf('/') + 1) + location)
}
