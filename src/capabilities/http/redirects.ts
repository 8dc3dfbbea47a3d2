import { isTollgateError, TollgateError, type ErrorFacts } from '../../errors/tollgate-error.ts'
import type { IdempotencyClass, Judgement, PerformTerms } from '../capability.ts'
import { entryOf, type HttpGrant, type HttpJudgement, type RequestDraft } from './grant.ts'
import type { Header } from './header-rules.ts'
import type { HttpRequest, Method } from './ops.ts'
import { strongerEffect } from './schema-rules.ts'
import { resolveLocation, type Target } from './target.ts'

const STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** A caller's header that may cross to another origin; everything else was meant for the first. */
const KEPT_ACROSS_ORIGINS: ReadonlySet<string> = new Set(['accept'])
/** What describes a body goes when the body goes. */
const ABOUT_BODY = /^content-/u

const refuse = (problem: string, facts: ErrorFacts = {}): TollgateError =>
  new TollgateError('DENIED_REDIRECT', `The answer redirects ${problem}.`, {
    rule: 'permissions.http',
    hint: 'Ask for the place itself, or send redirect: manual to see where it leads.',
    ...facts,
  })

/**
 * The request that a redirect asks for, before it is judged; undefined when the answer is none, or the guest wants to see it.
 * Throws DENIED_REDIRECT when it leads to no place that a URL could name, or must not be followed.
 */
export function nextDraft(
  request: HttpRequest,
  status: number,
  headers: readonly Header[],
): RequestDraft | undefined {
  if (!STATUSES.has(status) || request.redirect === 'manual') return undefined
  const locations = new Set(headers.filter(([name]) => name === 'location').map(([, value]) => value))
  const [location] = locations
  if (location === undefined) return undefined
  if (request.redirect === 'error') throw refuse('although the call asked for none')
  if (locations.size > 1) throw refuse('to more than one place')
  const target = readLocation(request, location)
  const method = nextMethod(request.method, status)
  const keepsBody = method === request.method
  return {
    method,
    target,
    headers: Object.fromEntries(keptHeaders(request, target, keepsBody)),
    ...(keepsBody && request.body !== null && { body: request.body }),
    redirect: request.redirect,
    timeoutMs: request.timeoutMs,
  }
}

/** A header is bytes; those of a Location that is not plain ASCII are UTF-8 when they are anything. */
function readLocation(request: HttpRequest, location: string): Target {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(location, 'latin1'))
    return resolveLocation(request, text)
  } catch (cause) {
    throw refuse(`to a URL that cannot be followed${reasonOf(cause)}`, { cause })
  }
}

const reasonOf = (cause: unknown): string =>
  isTollgateError(cause) ? `: ${cause.message.replace(/\.$/u, '')}` : ''

/** 303 asks to see a result, and 301 and 302 are followed as browsers do (RFC 9110, sections 15.4.2 to 15.4.4). */
function nextMethod(method: Method, status: number): Method {
  if (status === 303) return method === 'HEAD' ? 'HEAD' : 'GET'
  return (status === 301 || status === 302) && method === 'POST' ? 'GET' : method
}

function keptHeaders(request: HttpRequest, target: Target, keepsBody: boolean): readonly Header[] {
  const { scheme, host, port } = request
  const isSameOrigin = target.scheme === scheme && target.host === host && target.port === port
  return request.headers.filter(
    ([name]) => (isSameOrigin || KEPT_ACROSS_ORIGINS.has(name)) && (keepsBody || !ABOUT_BODY.test(name)),
  )
}

/**
 * Judges a hop like a call of its own, and against the call that it belongs to: what was judged, paid and approved was that
 * call, so no hop may do more, cost more or need a human, or go where the handle of the call may not.
 * Throws DENIED_REDIRECT, DENIED_REVOKED and LIMIT_REQUEST_SIZE.
 */
export function judgeHop(
  grant: HttpGrant,
  first: HttpJudgement,
  draft: RequestDraft,
  terms: Pick<PerformTerms, 'asks' | 'assertPermitted'>,
): HttpJudgement {
  const hop = judgeDraft(grant, draft, terms)
  const { rule } = hop
  if (strongerEffect(first.effect, hop.effect) !== first.effect)
    throw refuse(`to something with a stronger effect (${hop.effect})`, { rule })
  if (hop.categories.some((category) => !first.categories.includes(category)))
    throw refuse(`to something of another category (${hop.categories.join(', ')})`, { rule })
  if (hop.effect !== 'read' && REPEATABLE[hop.idempotency] < REPEATABLE[first.idempotency])
    throw refuse('to something that can be repeated less safely', { rule })
  if (entryOf(grant, hop).costMicroUsd > entryOf(grant, first).costMicroUsd)
    throw refuse('to something that costs more', { rule })
  if (asksByItself(hop) || terms.asks(hop))
    throw refuse('to something that needs an approval of its own', { rule })
  return hop
}

function judgeDraft(
  grant: HttpGrant,
  draft: RequestDraft,
  terms: Pick<PerformTerms, 'assertPermitted'>,
): HttpJudgement {
  try {
    const hop = grant.judgeDraft(draft)
    terms.assertPermitted(hop)
    return hop
  } catch (cause) {
    if (!isTollgateError(cause) || !cause.code.startsWith('DENIED_') || cause.code === 'DENIED_REVOKED')
      throw cause
    const { rule, change } = cause.facts
    throw refuse(`to a place that is not allowed${reasonOf(cause)}`, {
      cause,
      ...(rule !== undefined && { rule }),
      ...(change !== undefined && { change }),
    })
  }
}

const REPEATABLE: Readonly<Record<IdempotencyClass, number>> = { at_most_once: 0, keyed: 1, idempotent: 2 }

/** What asks by its grant, or by default (POLICY.md, the table of defaults). Standing approvals do not count: they were for another place. */
const asksByItself = ({ ask, effect, categories }: Judgement): boolean =>
  ask === undefined ? effect === 'irreversible' || categories.length > 0 : ask !== 'never'

/** DENIED_REDIRECT, when there were more than the policy allows. */
export const tooManyRedirects = (max: number): TollgateError =>
  refuse(`more often than ${max} times`, {
    rule: 'permissions.http.max_redirects',
    change: 'raise permissions.http.max_redirects',
  })
