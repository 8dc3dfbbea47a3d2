import { asTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Outcome, PerformTerms, ResolvedSecret } from '../capability.ts'
import { toAnswer } from './answer.ts'
import type { Connection, Connections } from './connections.ts'
import { credentialHeaders } from './credentials.ts'
import type { Deadline } from './deadline.ts'
import { discardResponse, headersToSend, readResponse, send, type Response } from './exchange.ts'
import { entryOf, type HttpGrant, type HttpJudgement, type RequestDraft } from './grant.ts'
import type { Header } from './header-rules.ts'
import { CallTokens, isRenewable, type RenewTokens } from './call-tokens.ts'
import { egressBytes, egressMicroUsd } from './quotas.ts'
import { judgeHop, nextDraft, tooManyRedirects } from './redirects.ts'

/** What the calls of one driver share. */
export type Parts = {
  readonly grant: HttpGrant
  readonly secrets: ReadonlyMap<string, ResolvedSecret>
  readonly connections: Connections
  readonly renew: RenewTokens
}

/** One call under way: the request, the redirects that it follows, and what they amount to so far. */
type Progress = Parts & {
  readonly call: PerformTerms
  readonly deadline: Deadline
  readonly first: HttpJudgement
  readonly tokens: CallTokens
  hops: number
  /** URL, headers and body as the guest chose them, of every hop; what the host adds is not the guest's doing. */
  egressBytes: number
  /** Bodies as they came over the wire, before decoding, those of redirects too. */
  ingressBytes: number
  /** Something that the guest chose has left the machine, or may have. */
  sent: boolean
  /** The hop whose bytes were counted last. */
  counted: HttpJudgement | undefined
}

/** Performs a judged request and follows its redirects by hand. Throws DENIED_*, LIMIT_* and UPSTREAM_*. */
export async function performRequest(
  first: HttpJudgement,
  call: PerformTerms,
  deadline: Deadline,
  parts: Parts,
): Promise<Outcome> {
  const progress: Progress = {
    ...parts,
    call,
    deadline,
    first,
    tokens: new CallTokens(parts.renew, deadline),
    hops: 0,
    egressBytes: 0,
    ingressBytes: 0,
    sent: false,
    counted: undefined,
  }
  try {
    return await followAll(progress)
  } catch (error) {
    // What left before it failed is no less gone, and a refresh token may be used up.
    const { egressBytes: sentBytes, tokens } = progress
    throw asTollgateError(error).with({
      egressBytes: sentBytes,
      ...(tokens.renewed && { happened: { token_renewed: true } }),
    })
  }
}

/** One hop after another, until an answer is no redirect. */
async function followAll(progress: Progress): Promise<Outcome> {
  for (let hop = progress.first; ;) {
    const response = await sendRenewed(progress, hop)
    try {
      const draft = nextDraft(hop.request, response.status, response.headers)
      if (draft === undefined) return await finish(progress, hop, response)
      hop = await followRedirect(progress, draft, response)
    } catch (error) {
      await response.connection.end()
      throw error
    }
  }
}

/** Sends one hop; once more with another token where the first was rejected and sending twice does no harm. */
async function sendRenewed(progress: Progress, hop: HttpJudgement): Promise<Response> {
  const { grant, secrets, tokens, connections, deadline } = progress
  const response = await sendHop(progress, hop)
  const secret = secrets.get(entryOf(grant, hop).auth ?? '')
  if (response.status !== 401 || hop.idempotency !== 'idempotent') return response
  if (secret === undefined || !isRenewable(secret)) return response
  try {
    if (!(await tokens.replace(secret))) return response
    drawAgain(progress, hop)
    progress.ingressBytes += await discardResponse(response, deadline)
  } catch (error) {
    await response.connection.end()
    throw error
  }
  connections.keep(response.connection)
  progress.counted = undefined
  return sendHop(progress, hop)
}

/** What is sent further sends bytes like a call. It is none: rates count calls. */
function drawAgain({ call }: Progress, hop: HttpJudgement): void {
  for (const quota of hop.quotas) if (quota.windowMs === undefined) call.draw(quota)
}

/** Sends one hop. While nothing has left, a failure says so: then nothing is charged, and an effect can be tried again. */
async function sendHop(progress: Progress, hop: HttpJudgement): Promise<Response> {
  try {
    return await dispatch(progress, hop, await headersOf(progress, hop))
  } catch (error) {
    throw progress.sent ? error : asTollgateError(error).with({ notPerformed: true })
  }
}

/** Everything that the host adds is decided here, by the entry that allowed this hop. */
async function headersOf(
  { grant, secrets, tokens, call }: Progress,
  hop: HttpJudgement,
): Promise<readonly Header[]> {
  const { auth } = entryOf(grant, hop)
  const credential = auth === undefined ? [] : await credentialHeaders(auth, hop.request, secrets, tokens)
  return headersToSend(hop.request, credential, hop.idempotency === 'keyed' ? call.idempotencyKey : undefined)
}

/**
 * A read may use a connection that served before. An effect never does: where the server is just closing it, nobody could tell
 * whether the effect took place.
 */
async function dispatch(
  progress: Progress,
  hop: HttpJudgement,
  headers: readonly Header[],
): Promise<Response> {
  const { connections, deadline } = progress
  const kept = hop.effect === 'read' ? connections.reuse(hop.request) : undefined
  const answered = kept && (await sendOn(kept, progress, hop, headers))
  if (answered !== undefined) return answered
  // Under a wildcard the name is the guest's choice, and asking a resolver for it sends it out.
  if (entryOf(progress.grant, hop).pattern.wildcard) leave(progress, hop)
  const response = await sendOn(await connections.dial(hop.request, deadline), progress, hop, headers)
  if (response === undefined) {
    throw new TollgateError('UPSTREAM_UNREACHABLE', `${hop.request.host} closed the connection at once.`)
  }
  return response
}

async function sendOn(
  connection: Connection,
  progress: Progress,
  hop: HttpJudgement,
  headers: readonly Header[],
): Promise<Response | undefined> {
  const { sent, counted, egressBytes: before } = progress
  leave(progress, hop)
  const response = await send(connection, hop.request, headers, progress.deadline)
  if (response === undefined) Object.assign(progress, { sent, counted, egressBytes: before })
  return response
}

/** From here on the bytes of a hop have left, or may have. Each hop is counted once. */
function leave(progress: Progress, hop: HttpJudgement): void {
  progress.sent = true
  if (progress.counted === hop) return
  progress.counted = hop
  const { url, headers, body } = hop.request
  progress.egressBytes += egressBytes(url, headers, body)
}

/** From one hop to the next: judged, paid for, and the redirect's own body read past. */
async function followRedirect(
  progress: Progress,
  draft: RequestDraft,
  response: Response,
): Promise<HttpJudgement> {
  const { grant, first, call, deadline, connections } = progress
  const { redirectsMax } = grant.settings
  if (progress.hops >= redirectsMax) throw tooManyRedirects(redirectsMax)
  const hop = judgeHop(grant, first, draft, call)
  drawAgain(progress, hop)
  progress.ingressBytes += await discardResponse(response, deadline)
  connections.keep(response.connection)
  progress.hops += 1
  return hop
}

/** Reads the last answer, and says what the call amounted to. */
async function finish(progress: Progress, hop: HttpJudgement, response: Response): Promise<Outcome> {
  const { grant, first, tokens, connections, deadline, hops, egressBytes: sentBytes } = progress
  const { responseBytesMax, egressMbMicroUsd } = grant.settings
  const decoded = await readResponse(response, hop.request, responseBytesMax, deadline)
  connections.keep(response.connection)
  const { url, query } = hop.request
  return {
    value: toAnswer(response, decoded, { url, redirected: hops > 0 }),
    ingressBytes: progress.ingressBytes + decoded.wireBytes,
    egressBytes: sentBytes,
    costMicroUsd: entryOf(grant, first).costMicroUsd + egressMicroUsd(sentBytes, egressMbMicroUsd),
    facts: {
      address: response.connection.address,
      status: response.status,
      hops,
      ...(tokens.renewed && { token_renewed: true }),
      // Without the query: in a redirect it often is a credential, like the signature of a prepared download. The record cuts
      // it, once what is known to be secret is out of it.
      ...(hops > 0 && { final_url: url.slice(0, url.length - query.length) }),
    },
  }
}
