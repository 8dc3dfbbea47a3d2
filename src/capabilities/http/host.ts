import { domainToUnicode } from 'node:url'

/** A host in its one canonical form. `address` is set for IP literals: the address itself, without brackets. */
export type Host = { readonly host: string; readonly address?: string }

/** Longest host name (RFC 1035, section 2.3.4), in octets. */
const NAME_OCTETS_MAX = 253
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/
const IPV6 = /^\[[0-9a-f:]+\]$/
// A host never holds these; the URL parser would split or rewrite at some of them.
const NEVER_IN_HOST = /[\s/?#@\\%|^<>"'`{}]/u
// Case folding of ASCII only: the Kelvin sign is not a k here.
const lowerAscii = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())

/**
 * Reads a host as written. It must be canonical but for ASCII case: what the URL parser (WHATWG URL, section 3.5) would
 * rewrite (0x7f.1, full-width digits, a soft hyphen) is refused instead, so no second reading of it can exist.
 * A name in Unicode passes when it is exactly what its punycode form stands for. Returns a text that says what is wrong otherwise.
 */
export function readHost(written: string): Host | string {
  if (written === '') return 'the host is missing'
  const lower = lowerAscii(written)
  const bracketed = lower.startsWith('[')
  if (bracketed ? !IPV6.test(lower) : NEVER_IN_HOST.test(lower) || lower.includes(':'))
    return 'the host is malformed'
  const host = parsed(lower)
  if (host === undefined) return 'the host is malformed'
  if (host !== lower && (bracketed || !isItsUnicode(lower, host)))
    return `the host is not written in its canonical form (${host})`
  const address = addressOfHost(host)
  if (address !== undefined) return { host, address }
  if (host.endsWith('.')) return 'the host ends in a dot'
  if (host.length > NAME_OCTETS_MAX || !host.split('.').every((label) => LABEL.test(label)))
    return 'the host is malformed'
  return { host }
}

/** The address that a canonical host is, without brackets; undefined for a name. */
export function addressOfHost(host: string): string | undefined {
  if (host.startsWith('[')) return host.slice(1, -1)
  return IPV4.test(host) ? host : undefined
}

function parsed(host: string): string | undefined {
  const url = URL.parse(`http://${host}/`)
  return url === null || url.hostname === '' ? undefined : url.hostname
}

function isItsUnicode(written: string, host: string): boolean {
  // eslint-disable-next-line no-control-regex -- printable ASCII is what is looked for
  return /[^\u0000-\u007f]/u.test(written) && domainToUnicode(host) === written
}
