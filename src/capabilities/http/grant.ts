import { hash } from 'node:crypto'
import { deepFreeze } from '../../canonical/canonical-json.ts'
import { isTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Grant, GrantEnvironment, Judgement } from '../capability.ts'
import { httpAttenuation } from './attenuation.ts'
import { compileActionPattern } from './action-pattern.ts'
import { declareHttp } from './declaration.ts'
import { compileEntry, warnOfShadows, type HttpEntry } from './entry.ts'
import { explainGrant, worstCaseOf } from './explain.ts'
import { readHeaders } from './header-rules.ts'
import { findEntry } from './match.ts'
import {
  HTTP_OP,
  METHODS,
  requestArguments,
  type HttpRequest,
  type Method,
  type RequestArguments,
} from './ops.ts'
import { egressBytes, egressMicroUsd, quotasOf } from './quotas.ts'
import type { HttpDocument } from './schema.ts'
import { compileSettings, type HttpSettings } from './settings.ts'
import { parseTarget, URL_SIZE_MAX, type Target } from './target.ts'

/** A request before it is judged, its URL already parsed. */
export type RequestDraft = Omit<RequestArguments, 'url'> & { readonly target: Target }

/** A judgement of this capability, whose request has its real type. */
export type HttpJudgement = Judgement & { readonly request: HttpRequest }

/** The compiled `permissions.http`. Beside the contract it has what the driver judges the wire with. */
export interface HttpGrant extends Grant {
  readonly entries: readonly HttpEntry[]
  readonly settings: HttpSettings
  /** Judges a request whose URL was parsed already: each hop of a redirect is one. Throws DENIED_* and LIMIT_REQUEST_SIZE. */
  judgeDraft(draft: RequestDraft): HttpJudgement
}

/** Longest piece of a subject that is shown as it is, in characters; what is cut of a longer URL is named by its digest. */
const SUBJECT_SIZE_MAX = 512

/** Compiles a parsed `permissions.http`. Throws CONFIG_POLICY_INVALID. Pure. */
export function compileHttpGrant(document: HttpDocument, environment: GrantEnvironment): HttpGrant {
  const entries = Object.freeze(
    document.allowed_domains.map((entry, index) => compileEntry(entry, index, environment)),
  )
  warnOfShadows(entries, environment)
  const settings = compileSettings(document, environment)
  const judgeDraft = (draft: RequestDraft): HttpJudgement => judgeRequest(entries, settings, draft)
  const places = entries.map(({ pattern }) => pattern)
  return Object.freeze<HttpGrant>({
    capability: 'http',
    entries,
    settings,
    judgeDraft,
    attenuation: httpAttenuation,
    ops: Object.freeze([
      Object.freeze({ name: HTTP_OP, path: Object.freeze(['http', 'request']), arguments: requestArguments }),
    ]),
    judge(op, args) {
      if (op !== HTTP_OP)
        throw new TollgateError('DENIED_NOT_GRANTED', `http has no op ${JSON.stringify(op.slice(0, 64))}.`)
      const asked = args as RequestArguments
      try {
        const { url, ...rest } = asked
        return judgeDraft({ ...rest, target: parseTarget(url) })
      } catch (error) {
        // What was refused is recorded as well: method and URL as the guest wrote them, for no canonical form may exist.
        throw isTollgateError(error)
          ? error.with({ subject: shortened(`${asked.method} ${asked.url}`) })
          : error
      }
    },
    actionPattern: (text) => compileActionPattern(text, places),
    explain: () => explainGrant(entries, settings),
    worstCase: () => worstCaseOf(entries, settings),
    declare: () => declareHttp(entries, settings),
  })
}

/** The entry that let a request through. Throws INTERNAL_ERROR when the judgement is of another grant. */
export function entryOf({ entries }: HttpGrant, { request }: HttpJudgement): HttpEntry {
  const entry = entries[request.entry]
  if (entry === undefined)
    throw new TollgateError('INTERNAL_ERROR', 'The request was judged by another grant.')
  return entry
}

function readMethod(written: string): Method {
  const upper = written.toUpperCase()
  const method = METHODS.find((one) => one === upper)
  if (method === undefined) {
    throw new TollgateError('DENIED_METHOD', 'The method is not one that is ever sent.', {
      rule: 'permissions.http',
      hint: `Use one of ${METHODS.join(', ')}.`,
    })
  }
  return method
}

function judgeRequest(
  entries: readonly HttpEntry[],
  settings: HttpSettings,
  draft: RequestDraft,
): HttpJudgement {
  const { target, body = null, redirect } = draft
  const method = readMethod(draft.method)
  if (body !== null && (method === 'GET' || method === 'HEAD')) {
    throw new TollgateError('GUEST_ARGUMENTS', `A ${method} request has no body.`, {
      hint: 'Put the data into the query, or use POST.',
    })
  }
  const headers = readHeaders(draft.headers ?? {})
  const entry = findEntry(entries, { method, target, headers })
  const sizeBytes = egressBytes(target.url, headers, body)
  if (sizeBytes > settings.requestBytesMax) {
    throw new TollgateError(
      'LIMIT_REQUEST_SIZE',
      `The request has ${sizeBytes} bytes; ${settings.requestBytesMax} are allowed.`,
      {
        rule: 'permissions.http.max_request_size_kb',
        hint: `Send at most ${settings.requestBytesMax} bytes of URL, headers and body.`,
        change: `raise permissions.http.max_request_size_kb to ${Math.ceil(sizeBytes / 1024)}`,
      },
    )
  }
  const { scheme, host, port, path, query, url } = target
  const timeoutMs = Math.min(settings.timeoutMs, draft.timeoutMs ?? settings.timeoutMs)
  const request = deepFreeze<HttpRequest>({
    method,
    url,
    scheme,
    host,
    port,
    path,
    query,
    headers,
    body,
    redirect,
    timeoutMs,
    entry: entry.index,
  })
  return Object.freeze({ ...verdict(entry, request, settings, sizeBytes), request })
}

function verdict(
  entry: HttpEntry,
  request: HttpRequest,
  settings: HttpSettings,
  sizeBytes: number,
): Omit<Judgement, 'request'> {
  const effect = entry.effectOf(request.method)
  // Each hop of a redirect may send the same again, to a URL that the server chooses.
  const hops = request.redirect === 'follow' ? settings.redirectsMax : 0
  const worstBytes = sizeBytes + hops * (sizeBytes + URL_SIZE_MAX)
  return {
    op: HTTP_OP,
    rule: entry.rule,
    effect,
    categories: entry.categories,
    ...(entry.ask && { ask: entry.ask }),
    subject: subjectOf(request),
    costMicroUsd: entry.costMicroUsd + egressMicroUsd(worstBytes, settings.egressMbMicroUsd),
    quotas: quotasOf(entry, sizeBytes, settings),
    idempotency: entry.idempotencyOf(effect),
    ...(entry.keyTtlMs !== undefined && { keyTtlMs: entry.keyTtlMs }),
  }
}

/**
 * Canonical URLs are ASCII without spaces and controls, so the subject is too. Two requests never share one by being cut: a
 * standing approval goes by the subject.
 */
const subjectOf = ({ method, url }: HttpRequest): string => shortened(`${method} ${url}`)

function shortened(text: string): string {
  return text.length <= SUBJECT_SIZE_MAX
    ? text
    : `${text.slice(0, SUBJECT_SIZE_MAX)}… [${text.length} characters, sha256 ${hash('sha256', text)}]`
}
