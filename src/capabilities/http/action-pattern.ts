import { EFFECTS } from '../../../runtime/abi/ops.ts'
import type { Judgement } from '../capability.ts'
import { agreesWith, fallsUnder, readPlacePattern, type DomainPattern } from './domain-pattern.ts'
import { HTTP_OP, METHODS, type HttpRequest } from './ops.ts'
import { readPathPattern } from './path-pattern.ts'
import { decodeSegments } from './target.ts'

type Matcher = (judgement: Judgement) => boolean

// http.POST, http.POST api.company.com, http.* https://host:8443/v1/**
const SHAPE = /^http\.([A-Za-z]+|\*)(?:\s+(?:([A-Za-z]+:\/\/))?([^\s/]+)(\/\S*)?)?$/u

/**
 * Compiles an entry of human_in_loop that speaks of http: `http.request`, `http.write` (an effect), `http.POST`,
 * `http.POST api.company.com/v1/**`. Method and host are matched whatever their case; where scheme or port are not written,
 * any will do, for a question too many is better than one too few. Undefined: it does not speak of http, or of a place that none
 * of `granted` can reach, so that a misspelt host is told.
 */
export function compileActionPattern(text: string, granted: readonly DomainPattern[]): Matcher | undefined {
  const trimmed = text.trim()
  if (trimmed === HTTP_OP || trimmed === 'http') return ({ op }) => op === HTTP_OP
  const effect = EFFECTS.find((one) => trimmed === `http.${one}`)
  if (effect !== undefined) return (judgement) => judgement.op === HTTP_OP && judgement.effect === effect
  const [, methodText, scheme = '', host, path] = SHAPE.exec(trimmed) ?? []
  if (methodText === undefined) return undefined
  const method = methodText.toUpperCase()
  if (method !== '*' && !METHODS.some((one) => one === method)) return undefined
  const place = host === undefined ? () => true : compilePlace(scheme + host, path, granted)
  if (place === undefined) return undefined
  return ({ op, request }) => {
    if (op !== HTTP_OP) return false
    const asked = request as HttpRequest
    return (method === '*' || asked.method === method) && place(asked)
  }
}

function compilePlace(
  domainText: string,
  pathText: string | undefined,
  granted: readonly DomainPattern[],
): ((request: HttpRequest) => boolean) | undefined {
  const pattern = domainText === '*' || domainText === '**' ? undefined : readPlacePattern(domainText)
  const onPath = pathText === undefined ? () => true : compilePath(pathText)
  if (typeof pattern === 'string' || onPath === undefined) return undefined
  if (pattern === undefined) return onPath
  if (!granted.some((one) => meets(pattern, one))) return undefined
  return (request) => fallsUnder(pattern, request.host) && agreesWith(pattern, request) && onPath(request)
}

/** Whether some origin can fall under both. */
const meets = (asked: DomainPattern, granted: DomainPattern): boolean =>
  agreesWith(asked, granted) &&
  (fallsUnder(asked, granted.host) ||
    (granted.wildcard && asked.host.endsWith(`.${granted.host}`)) ||
    (asked.wildcard && granted.host.endsWith(`.${asked.host}`)) ||
    (asked.wildcard && granted.wildcard && asked.host === granted.host))

/** Beside the path itself, what many servers take for the same: another case, a slash more, parameters behind a semicolon. */
function compilePath(text: string): ((request: HttpRequest) => boolean) | undefined {
  const strict = readPathPattern(text)
  const loose = readPathPattern(`/${plainSegments(text.slice(1).split('/')).join('/')}`)
  if (typeof strict === 'string' || typeof loose === 'string') return undefined
  return ({ path }) => {
    const segments = decodeSegments(path)
    return strict.matches(segments) || loose.matches(plainSegments(segments))
  }
}

function plainSegments(segments: readonly string[]): string[] {
  const plain = segments.map((one) => one.toLowerCase().replace(/;.*$/su, '')).filter((one) => one !== '')
  return plain.length === 0 ? [''] : plain
}
