import * as z from 'zod'
import type { Code } from '../../../runtime/abi/codes.ts'
import { asTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { RenewedTokens, ResolvedSecret } from '../capability.ts'
import type { RenewableSecret, RenewTokens } from './call-tokens.ts'
import { Connection } from './connections.ts'
import type { Connector } from './connector.ts'
import { refuseOtherHost } from './credentials.ts'
import { Deadline } from './deadline.ts'
import { headersToSend, readResponse, send } from './exchange.ts'
import type { Header } from './header-rules.ts'
import type { HttpRequest } from './ops.ts'
import { parseTarget } from './target.ts'

/** How long a token endpoint may take, whatever becomes of the call that needs the token: others may wait for it as well. */
const RENEWAL_MS_MAX = 10_000
const ANSWER_BYTES_MAX = 64 * 1024
/** Of a token that does not say how long it is good. */
const LIFETIME_SECONDS_DEFAULT = 3600
const LIFETIME_SECONDS_MAX = 24 * 3600

/** RFC 6749, appendix A.12 and A.17, without spaces; a shorter one could not be told from ordinary text. */
const token = z.string().regex(/^[\u0021-\u007e]{8,8192}$/)
const answerSchema = z.object({
  access_token: token,
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.number().min(0).optional(),
  refresh_token: token.optional(),
})

const failed = (name: string, what: string, cause?: unknown): TollgateError =>
  new TollgateError('UPSTREAM_TOKEN', `The secret ${name} could not be renewed: ${what}.`, {
    rule: `secrets.${name}.oauth_refresh`,
    cause,
  })

/** RFC 6749, section 5.2: what is wrong is what was sent, not when. */
const REFUSALS = new Set([400, 401, 403])

/** These say of a renewal what there is to say; every other error is a cause. */
const FINAL_CODES = new Set<Code>(['UPSTREAM_TOKEN', 'CONFIG_SECRET_REFUSED', 'DENIED_SECRET_HOST'])

const refused = (name: string, status: number): TollgateError =>
  new TollgateError(
    'CONFIG_SECRET_REFUSED',
    `The secret ${name} could not be renewed: the token endpoint refused it with ${status}.`,
    { rule: `secrets.${name}.oauth_refresh` },
  )

/** RFC 6749, section 2.3.1: both are form-encoded before they become Basic. */
function clientAuthorization(clientId: string, clientSecret: string): string {
  const encoded = [clientId, clientSecret].map((text) =>
    new URLSearchParams([['', text]]).toString().slice(1),
  )
  return Buffer.from(encoded.join(':')).toString('base64')
}

/** The request of RFC 6749, section 6. */
function renewalRequest({ signer }: RenewableSecret, refreshToken: string): HttpRequest {
  const { tokenUrl, clientId, clientSecret, scope } = signer
  const { url, scheme, host, port, path, query } = parseTarget(tokenUrl)
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken })
  if (clientSecret === undefined) form.set('client_id', clientId)
  if (scope !== undefined) form.set('scope', scope)
  const headers: Header[] = [
    ['accept', 'application/json'],
    ['content-type', 'application/x-www-form-urlencoded'],
  ]
  const body = { text: form.toString() }
  const place = { url, scheme, host, port, path, query }
  return { method: 'POST', ...place, headers, body, redirect: 'error', timeoutMs: RENEWAL_MS_MAX, entry: -1 }
}

function clientHeaders(
  { name, signer: { clientId, clientSecret } }: RenewableSecret,
  request: HttpRequest,
  secrets: ReadonlyMap<string, ResolvedSecret>,
): readonly Header[] {
  if (clientSecret === undefined) return []
  const secret = secrets.get(clientSecret)
  if (secret === undefined) throw failed(name, `the secret ${clientSecret} was not resolved`)
  refuseOtherHost(secret, request)
  return [['authorization', `Basic ${clientAuthorization(clientId, secret.value)}`]]
}

/** Neither the text of the answer nor what a parser says of it goes into an error: both hold tokens. */
function readTokens(name: string, bytes: Buffer): RenewedTokens {
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw failed(name, 'the token endpoint did not answer with JSON')
  }
  const { success, data } = answerSchema.safeParse(json)
  if (!success) throw failed(name, 'the token endpoint did not answer with a bearer token that can be sent')
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = data
  const lifetimeMs = Math.min(seconds ?? LIFETIME_SECONDS_DEFAULT, LIFETIME_SECONDS_MAX) * 1000
  return { accessToken, lifetimeMs, ...(refreshToken !== undefined && { refreshToken }) }
}

/**
 * Renews tokens over the connector of `permissions.http`: the address of the token endpoint is judged like every other. One
 * connection for one exchange; no redirect is followed, for a refresh token goes to its token endpoint alone.
 */
export const createRenewal =
  (connect: Connector, secrets: ReadonlyMap<string, ResolvedSecret>): RenewTokens =>
  async (secret, refreshToken) => {
    const { name } = secret
    const deadline = new Deadline(new AbortController().signal, RENEWAL_MS_MAX)
    let connection: Connection | undefined
    try {
      const request = renewalRequest(secret, refreshToken)
      const headers = headersToSend(request, clientHeaders(secret, request, secrets), undefined)
      connection = new Connection(request, await connect(request, deadline))
      const response = await send(connection, request, headers, deadline)
      if (response === undefined) throw failed(name, 'the token endpoint closed the connection')
      if (REFUSALS.has(response.status)) throw refused(name, response.status)
      if (response.status !== 200) throw failed(name, `the token endpoint answered with ${response.status}`)
      const { bytes } = await readResponse(response, request, ANSWER_BYTES_MAX, deadline)
      return readTokens(name, bytes)
    } catch (error) {
      const cause = asTollgateError(error)
      throw FINAL_CODES.has(cause.code) ? cause : failed(name, 'its token endpoint cannot be used', cause)
    } finally {
      deadline.close()
      await connection?.end()
    }
  }
