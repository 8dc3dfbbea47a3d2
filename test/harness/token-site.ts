/** A token endpoint and an API behind it, on one loopback server, for tests of oauth_refresh. */
import type { ServerResponse } from 'node:http'
import { openSite, type Arrived, type Site } from './site.ts'
import { LOOPBACK } from './gate.ts'

/** What the token endpoint is asked to do beside giving tokens. */
export type TokenSetting = {
  /** Seconds, as the answer says. */
  readonly lifetime?: number
  /** Each refresh token is good once; the answer holds the next one. */
  readonly rotates?: boolean
  /** Where `/elsewhere` of the API leads. */
  readonly redirectsTo?: () => string
  /** Answers in its place. */
  readonly answer?: (request: Arrived, response: ServerResponse) => void
}

export interface TokenSite extends Site {
  /** Requests to the token endpoint, and to the API, so far. */
  renewals(): readonly Arrived[]
  calls(): readonly Arrived[]
  /** Every access token and every other refresh token that was given. */
  readonly given: readonly string[]
  /** From now on the API takes none of the tokens that were given. */
  revoke(): void
}

/** The refresh token that the policy of {@link tokenPolicy} begins with. */
export const FIRST_REFRESH_TOKEN = 'refresh-first-8f31c2d4'
/** The client secret of that policy. */
export const CLIENT_SECRET = 'client:secret/9d4e77a0'

/** Serves `/token` and, for whoever holds a token of it, everything else: the path is answered with what was sent. */
export async function openTokenSite(setting: TokenSetting = {}): Promise<TokenSite> {
  const { lifetime = 3600, rotates = false } = setting
  const given: string[] = []
  const good = new Set<string>()
  let refreshToken = FIRST_REFRESH_TOKEN
  const giveTokens = ({ body }: Arrived, response: ServerResponse): void => {
    if (new URLSearchParams(body).get('refresh_token') !== refreshToken)
      return void response.writeHead(400).end('{"error":"invalid_grant"}')
    const accessToken = `access-${given.length}-${crypto.randomUUID()}`
    given.push(accessToken)
    good.add(accessToken)
    if (rotates) given.push((refreshToken = `refresh-${given.length}-${crypto.randomUUID()}`))
    const tokens = { access_token: accessToken, token_type: 'Bearer', expires_in: lifetime }
    return void response.end(JSON.stringify(rotates ? { ...tokens, refresh_token: refreshToken } : tokens))
  }
  const site = await openSite((request, response) => {
    if (request.url === '/token') return (setting.answer ?? giveTokens)(request, response)
    const held = String(request.headers.authorization).replace('Bearer ', '')
    const elsewhere = request.url === '/elsewhere' ? setting.redirectsTo?.() : undefined
    if (elsewhere !== undefined) return void response.writeHead(302, { location: elsewhere }).end()
    response.writeHead(good.has(held) ? 200 : 401).end(`${request.url} ${held} ${given.join(' ')}`)
  })
  return {
    ...site,
    given,
    renewals: () => site.requests.filter(({ url }) => url === '/token'),
    calls: () => site.requests.filter(({ url }) => url !== '/token'),
    revoke: () => good.clear(),
  }
}

/** What `oauth_refresh` may say beside its endpoint, and what the rest of the policy may. */
export type TokenPolicy = { oauth?: object; secret?: object; entry?: object; http?: object }

/** A policy whose one domain is that site, with a renewed secret named `crm`. */
export const tokenPolicy = (
  { origin, port }: Site,
  { oauth, secret, entry, http }: TokenPolicy = {},
): object => ({
  permissions: {
    http: {
      ...LOOPBACK,
      allowed_domains: [{ domain: origin, methods: ['GET', 'POST'], auth: 'crm', ask: 'never', ...entry }],
      ...http,
    },
  },
  secrets: {
    crm: {
      from: 'env:CRM',
      oauth_refresh: { token_url: `${origin}/token`, client_id: 'agent', ...oauth },
      hosts: [`127.0.0.1:${port}`],
      ...secret,
    },
    client: { from: 'env:CLIENT' },
  },
  limits: { max_tool_calls: 100 },
})

/** The environment that {@link tokenPolicy} names. */
export const TOKEN_ENV = { CRM: FIRST_REFRESH_TOKEN, CLIENT: CLIENT_SECRET } as const
