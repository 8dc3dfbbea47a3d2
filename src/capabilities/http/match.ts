import type { Code } from '../../../runtime/abi/codes.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import { matchesHost, matchesOrigin, originText } from './domain-pattern.ts'
import type { HttpEntry } from './entry.ts'
import type { Header } from './header-rules.ts'
import type { Method } from './ops.ts'
import type { Target } from './target.ts'

/** What the rules of an entry look at. */
export type Asked = { readonly method: Method; readonly target: Target; readonly headers: readonly Header[] }

/** How far a request got with an entry before it was turned away. */
type Miss = { readonly stage: number; readonly entry: HttpEntry; readonly refusal: () => TollgateError }

const DOMAINS_SHOWN_MAX = 8
const SHOWN_CHARS_MAX = 120

/**
 * The first entry that allows the request in full: domain, method, path, query names and headers. An entry that turns it
 * away leaves it to the next, so what is granted is the union of the entries and deleting one never widens.
 * Throws the refusal of the entry that it got furthest with: DENIED_DOMAIN, _METHOD, _PATH, _QUERY or _HEADER.
 */
export function findEntry(entries: readonly HttpEntry[], asked: Asked): HttpEntry {
  let nearest: Miss | undefined
  for (const entry of entries) {
    const miss = tryEntry(entry, asked)
    if (miss === undefined) return entry
    if (nearest === undefined || miss.stage > nearest.stage) nearest = miss
  }
  throw nearest === undefined || nearest.stage === 0
    ? domainRefusal(entries, asked.target)
    : nearest.refusal()
}

function tryEntry(entry: HttpEntry, { method, target, headers }: Asked): Miss | undefined {
  if (!matchesOrigin(entry.pattern, target))
    return { stage: 0, entry, refusal: () => domainRefusal([entry], target) }
  if (!entry.methods.includes(method)) return { stage: 1, entry, refusal: () => methodRefusal(entry, method) }
  if (entry.paths?.some((path) => path.matches(target.segments)) === false) {
    return { stage: 2, entry, refusal: () => pathRefusal(entry, target) }
  }
  const parameter = entry.query && unlistedParameter(entry.query, target.query)
  if (parameter !== undefined) return { stage: 3, entry, refusal: () => queryRefusal(entry, parameter) }
  const header = headers.find(([name]) => !entry.headers.has(name))?.[0]
  if (header !== undefined) return { stage: 4, entry, refusal: () => headerRefusal(entry, header) }
  return undefined
}

/** The first parameter that is not listed. A raw `;` counts as one: some servers split there. */
function unlistedParameter(allowed: ReadonlySet<string>, query: string): string | undefined {
  if (query.includes(';')) return ';'
  return [...new URLSearchParams(query).keys()].find((name) => !allowed.has(name))
}

const plain = (text: string): string => JSON.stringify(text.replaceAll(/[^\u0020-\u007e]/gu, '?'))

/**
 * A piece of the request inside a message: escaped where it is not plain, and whole or not at all. A redirect's piece comes from
 * a server that may hand a credential back in it, and what a cut left of that nobody would recognise.
 */
const shown = (text: string): string =>
  text.length > SHOWN_CHARS_MAX ? `of ${text.length} characters` : plain(text)

const addition = (text: string): string => (text.length > SHOWN_CHARS_MAX ? 'it' : plain(text))

const deny = (code: Code, message: string, rule: string, hint: string, change: string): TollgateError =>
  new TollgateError(code, message, { rule, hint, change })

function domainRefusal(entries: readonly HttpEntry[], target: Target): TollgateError {
  const asked = originText(target)
  const near = entries.find(({ pattern }) => matchesHost(pattern, target.host))
  const reachable = [...new Set(entries.map(({ pattern }) => pattern.text))]
  const more = reachable.length > DOMAINS_SHOWN_MAX ? ', …' : ''
  const hint =
    reachable.length === 0
      ? 'Nothing can be reached over http.'
      : `Allowed are: ${reachable.slice(0, DOMAINS_SHOWN_MAX).join(', ')}${more}.`
  const but = near === undefined ? '' : `; the host is allowed only as ${near.pattern.text}`
  return deny(
    'DENIED_DOMAIN',
    `No entry allows ${asked}${but}.`,
    near?.rule ?? 'permissions.http.allowed_domains',
    hint,
    `add ${JSON.stringify(asked)} to permissions.http.allowed_domains`,
  )
}

function methodRefusal({ rule, pattern, methods }: HttpEntry, method: Method): TollgateError {
  const allowed = methods.length === 0 ? 'none' : methods.join(', ')
  return deny(
    'DENIED_METHOD',
    `${method} is not allowed for ${pattern.text}.`,
    rule,
    `Allowed methods: ${allowed}.`,
    `add ${method} to ${rule}.methods`,
  )
}

function pathRefusal({ rule, pattern, paths = [] }: HttpEntry, target: Target): TollgateError {
  const allowed =
    paths.length === 0
      ? 'none'
      : paths
          .slice(0, DOMAINS_SHOWN_MAX)
          .map(({ text }) => text)
          .join(', ')
  const path = `/${target.segments.join('/')}`
  return deny(
    'DENIED_PATH',
    `The path ${shown(path)} is not allowed for ${pattern.text}.`,
    rule,
    `Allowed paths: ${allowed}.`,
    `add ${addition(path)} to ${rule}.paths`,
  )
}

function queryRefusal({ rule, pattern, query = new Set() }: HttpEntry, name: string): TollgateError {
  const allowed = query.size === 0 ? 'none' : [...query].slice(0, DOMAINS_SHOWN_MAX).join(', ')
  return deny(
    'DENIED_QUERY',
    `The query parameter ${shown(name)} is not allowed for ${pattern.text}.`,
    rule,
    `Allowed parameters: ${allowed}.`,
    `add ${addition(name)} to ${rule}.query`,
  )
}

function headerRefusal({ rule, pattern, headers }: HttpEntry, name: string): TollgateError {
  return deny(
    'DENIED_HEADER',
    `The header ${shown(name)} may not be set for ${pattern.text}.`,
    rule,
    `Headers that may be set: ${[...headers].slice(0, DOMAINS_SHOWN_MAX).join(', ')}.`,
    `add ${name} to ${rule}.headers`,
  )
}
