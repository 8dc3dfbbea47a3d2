import { createRequire } from 'node:module'
import type * as Tldts from 'tldts'
import { readHost } from './host.ts'

const require = createRequire(import.meta.url)
let loaded: typeof Tldts | undefined
/** The list of public suffixes, loaded by the first pattern that needs it. */
const tldts = (): typeof Tldts => (loaded ??= require('tldts') as typeof Tldts)

/** Scheme, host and port as a policy writes them: a host, `*.wildcard`, or `scheme://host:port`. */
export type DomainPattern = {
  /** Canonical: the scheme and the port only where they are not https and 443. */
  readonly text: string
  readonly scheme: 'https' | 'http'
  /** Without the `*.` of a wildcard. */
  readonly host: string
  readonly port: number
  /** Stands for the sub-domains of the host, not for the host itself. */
  readonly wildcard: boolean
  /** Set for an IP literal: the address without brackets. */
  readonly address?: string
  /** A scheme was written, a port was written; what was not is https and 443 in a grant, and open where a pattern only narrows. */
  readonly schemeWritten: boolean
  readonly portWritten: boolean
}

/** A place that a request goes to. */
export type Origin = { readonly scheme: 'https' | 'http'; readonly host: string; readonly port: number }

/** What a wildcard may stand for: so many labels, so many characters. Beyond, a name is a message, not a place. */
const WILDCARD_LABELS_MAX = 4
const WILDCARD_CHARS_MAX = 64

const SHAPE = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):\/\/)?(\[[^\]]*\]|[^:/?#]*)(?::([^/?#]*))?(.*)$/su
const PORT = /^[1-9]\d{0,4}$/

/** The port that a scheme implies. */
export const defaultPort = (scheme: 'https' | 'http'): number => (scheme === 'https' ? 443 : 80)

/** A port as written, or undefined when it is not one. */
export const readPort = (written: string): number | undefined =>
  PORT.test(written) && Number(written) <= 65_535 ? Number(written) : undefined

/** Scheme, host and port as one text, the scheme and the port only where they are not https and 443. */
export function originText({ scheme, host, port }: Origin): string {
  const shownPort = port === defaultPort(scheme) ? '' : `:${port}`
  return scheme === 'https' ? `${host}${shownPort}` : `http://${host}${shownPort}`
}

/** Reads a domain that a policy grants. Returns a text that says what is wrong with it otherwise. Pure. */
export function readDomainPattern(written: string): DomainPattern | string {
  const pattern = readPlacePattern(written)
  if (typeof pattern === 'string' || !pattern.wildcard) return pattern
  return wildcardProblem(pattern) ?? pattern
}

/** Like {@link readDomainPattern}, for patterns that grant nothing (they ask): any wildcard passes. */
export function readPlacePattern(written: string): DomainPattern | string {
  const [, schemeText, hostText = '', portText, rest = ''] = SHAPE.exec(written) ?? []
  if (rest !== '')
    return rest.startsWith('/') ? 'a domain has no path: use the full form with paths' : 'is not a domain'
  const scheme = schemeText === undefined ? 'https' : schemeText.toLowerCase()
  if (scheme !== 'https' && scheme !== 'http') return `the scheme ${scheme} cannot be granted: https or http`
  const port = portText === undefined ? defaultPort(scheme) : readPort(portText)
  if (port === undefined) return 'the port is not a number from 1 to 65535'
  const wildcard = hostText.startsWith('*.')
  const bare = wildcard ? hostText.slice(2) : hostText
  if (bare.includes('*')) return 'a * stands only for the first labels, as in *.company.com'
  const read = readHost(bare)
  if (typeof read === 'string') return read
  const shown = wildcard ? `*.${read.host}` : read.host
  return Object.freeze({
    text: originText({ scheme, host: shown, port }),
    scheme,
    port,
    wildcard,
    ...read,
    schemeWritten: schemeText !== undefined,
    portWritten: portText !== undefined,
  })
}

/** Whoever owns a sub-domain of a public suffix is a stranger to the next one, so a wildcard there grants to anybody. */
function wildcardProblem({ host, address }: DomainPattern): string | undefined {
  if (address !== undefined) return 'an address has no sub-domains'
  const suffix = tldts().getPublicSuffix(host, { allowPrivateDomains: true })
  return suffix === host ? `anybody can own a sub-domain of the public suffix ${host}` : undefined
}

/** Whether a host is that of a pattern or, under a wildcard, any below it, by whole labels. Both are canonical. */
export const fallsUnder = (pattern: DomainPattern, host: string): boolean =>
  pattern.wildcard ? host.endsWith(`.${pattern.host}`) : host === pattern.host

/**
 * Whether a pattern grants a host. A wildcard stands for few and short labels, and never for a name that a stranger can own
 * below a public suffix further down: `*.amazonaws.com` is not `bucket.s3.amazonaws.com`.
 */
export function matchesHost(pattern: DomainPattern, host: string): boolean {
  if (!pattern.wildcard || !fallsUnder(pattern, host)) return fallsUnder(pattern, host)
  const prefix = host.slice(0, -pattern.host.length - 1)
  if (prefix.length > WILDCARD_CHARS_MAX || prefix.split('.').length > WILDCARD_LABELS_MAX) return false
  const owned = tldts().getDomain(host, { allowPrivateDomains: true })
  return owned !== null && !owned.endsWith(`.${pattern.host}`)
}

/** Whether scheme, host and port of a request fall under a pattern. */
export const matchesOrigin = (pattern: DomainPattern, origin: Origin): boolean =>
  pattern.scheme === origin.scheme && pattern.port === origin.port && matchesHost(pattern, origin.host)

/** Whether scheme and port agree with a pattern, where it names them. */
export const agreesWith = (pattern: DomainPattern, { scheme, port }: Origin): boolean =>
  (!pattern.schemeWritten || pattern.scheme === scheme) && (!pattern.portWritten || pattern.port === port)

/** Whether every origin of `inner` falls under `outer`, where `outer` may leave scheme and port open (the hosts of a secret do). */
export function covers(outer: DomainPattern, inner: DomainPattern): boolean {
  if (!agreesWith(outer, inner)) return false
  if (outer.host === inner.host) return outer.wildcard === inner.wildcard
  return outer.wildcard && matchesHost(outer, inner.host)
}
