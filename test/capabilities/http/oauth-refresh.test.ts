import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import * as z from 'zod'
import { defineTool, type RunResult, type Tollgate } from '../../../src/index.ts'
import type { HttpPowers } from '../../../src/capabilities/http/powers.ts'
import { openGate } from '../../harness/gate.ts'
import { openSite } from '../../harness/site.ts'
import {
  CLIENT_SECRET,
  FIRST_REFRESH_TOKEN,
  openTokenSite,
  TOKEN_ENV,
  tokenPolicy,
  type TokenPolicy,
  type TokenSetting,
  type TokenSite,
} from '../../harness/token-site.ts'

type Opened = {
  readonly site: TokenSite
  readonly gate: Tollgate
  readonly run: (code: string, policy?: TokenPolicy) => Promise<RunResult>
}

/** A site and a Tollgate that end with their test. */
async function open(
  setting?: TokenSetting,
  env: Record<string, string> = TOKEN_ENV,
  http?: HttpPowers,
): Promise<Opened> {
  const site = await openTokenSite(setting)
  onTestFinished(() => site[Symbol.asyncDispose]())
  const gate = await openGate({ powers: { env, ...(http && { http }) } })
  onTestFinished(() => gate.close())
  return {
    site,
    gate,
    run: (code, policy) => gate.run({ code, policy: tokenPolicy(site, policy), input: site.origin }),
  }
}

const GET = `const { status } = await http.get(input + '/item'); return status`
const CAUGHT = `try { await http.get(input + '/item') } catch ({ code, gate, message }) { return { code, gate, message } }`
const bearers = (site: TokenSite): unknown[] => site.calls().map(({ headers }) => headers.authorization)

describe('an access token', () => {
  it('is got at the token endpoint, and goes to the host as bearer', async () => {
    const { site, gate, run } = await open()
    const { value, runId } = await run(GET, { oauth: { scope: 'read write' } })
    expect(value).toBe(200)
    const records = await gate.audit.read({ runId })
    expect(records.map(({ facts }) => facts['token_renewed']).filter((fact) => fact !== undefined)).toEqual([
      true,
    ])
    const [renewal] = site.renewals()
    expect(renewal?.method).toBe('POST')
    expect(Object.fromEntries(new URLSearchParams(renewal?.body))).toEqual({
      grant_type: 'refresh_token',
      refresh_token: FIRST_REFRESH_TOKEN,
      client_id: 'agent',
      scope: 'read write',
    })
    expect(renewal?.headers.authorization).toBeUndefined()
    expect(bearers(site)).toEqual([`Bearer ${site.given[0]}`])
  })

  it('that was got stands in the audit, also of a call that failed', async () => {
    const { gate, run } = await open({ redirectsTo: () => 'http://elsewhere.company.com/' })
    const failing = CAUGHT.replace('/item', '/elsewhere')
    const { value, runId } = await run(failing)
    expect(value).toMatchObject({ code: 'DENIED_REDIRECT' })
    const [call] = (await gate.audit.read({ runId })).filter(({ event }) => event === 'call')
    expect(call?.facts).toMatchObject({ verdict: 'deny', token_renewed: true })
    const again = await run(failing)
    const [second] = (await gate.audit.read({ runId: again.runId })).filter(({ event }) => event === 'call')
    expect(second?.facts).not.toHaveProperty('token_renewed')
  })

  it('is got with the secret of the client, as Basic', async () => {
    const { site, run } = await open()
    expect((await run(GET, { oauth: { client_secret: 'secret:client' } })).value).toBe(200)
    const [renewal] = site.renewals()
    const sent = Buffer.from(String(renewal?.headers.authorization).slice('Basic '.length), 'base64')
    expect(sent.toString()).toBe(`agent:${encodeURIComponent(CLIENT_SECRET)}`)
    expect(renewal?.body).not.toContain('client')
  })

  it('is got once, by however many calls and runs at a time', async () => {
    const { site, run } = await open()
    const many = `return (await Promise.all(Array.from({ length: 4 }, () => http.get(input)))).map(({ status }) => status)`
    const results = await Promise.all([run(many), run(many)])
    expect(results.map(({ value }) => value)).toEqual([
      [200, 200, 200, 200],
      [200, 200, 200, 200],
    ])
    expect([site.renewals().length, new Set(bearers(site)).size]).toEqual([1, 1])
  })

  it('that has expired is got again, with the refresh token that came with it', async () => {
    const { site, run } = await open({ lifetime: 0, rotates: true })
    expect((await run(GET)).value).toBe(200)
    expect((await run(`${GET.replace('return', 'await http.get(input); return')}`)).value).toBe(200)
    expect(site.renewals().length).toBe(3)
    expect(new Set(site.renewals().map(({ body }) => body)).size).toBe(3)
  })

  it('that is rejected is got again once, and the request is repeated', async () => {
    const { site, run } = await open()
    await run(GET)
    site.revoke()
    expect((await run(GET)).value).toBe(200)
    expect([site.renewals().length, site.calls().length]).toEqual([2, 3])
  })

  it('that is new and rejected all the same is not got again', async () => {
    const { site, run } = await open({
      answer: (_, response) =>
        response.end('{"access_token":"of-somebody-else","token_type":"bearer","expires_in":0}'),
    })
    expect((await run(GET)).value).toBe(401)
    expect([site.renewals().length, site.calls().length]).toEqual([1, 1])
  })

  it('that is rejected with an effect is not sent again', async () => {
    const { site, run } = await open()
    await run(GET)
    site.revoke()
    const post = `const { status } = await http.post(input, { text: 'x' }); return status`
    expect((await run(post)).value).toBe(401)
    expect([site.renewals().length, site.calls().length]).toEqual([1, 2])
  })

  it('of a credential that was refused comes from its source again', async () => {
    let refuses = false
    const { site, run } = await open({
      lifetime: 0,
      answer: (_, response) =>
        void (refuses
          ? response.writeHead(400).end()
          : response.end(
              `{"access_token":"access-token-1","token_type":"bearer","expires_in":0,"refresh_token":"rotated-token-2"}`,
            )),
    })
    await run(GET)
    refuses = true
    expect((await run(CAUGHT)).value).toMatchObject({ code: 'CONFIG_SECRET_REFUSED', gate: 'perform' })
    refuses = false
    await run(GET)
    const sent = site.renewals().map(({ body }) => new URLSearchParams(body).get('refresh_token'))
    expect(sent).toEqual([FIRST_REFRESH_TOKEN, 'rotated-token-2', FIRST_REFRESH_TOKEN])
  })
})

describe('what a server sees of a renewal does not reach the tool when it is said again', () => {
  it('the first token, however many came after it', async () => {
    const { site, gate, run } = await open({ lifetime: 0 })
    const many = `let text; for (let i = 0; i < 70; i += 1) text = await (await http.get(input)).text(); return text`
    const { value, runId } = await run(many)
    expect([site.given.length, value]).toEqual([70, expect.stringContaining('[redacted:crm]')])
    expect(site.given.filter((token) => String(value).includes(token))).toEqual([])
    const records = JSON.stringify(await gate.audit.read({ runId }))
    expect(site.given.filter((token) => records.includes(token))).toEqual([])
  })

  it('the secret of the client, as it was sent', async () => {
    let sent = ''
    const site = await openTokenSite({
      answer(request, response) {
        sent = String(request.headers.authorization).slice('Basic '.length)
        response.end(JSON.stringify({ access_token: `said-again-${sent}`, token_type: 'Bearer' }))
      },
    })
    onTestFinished(() => site[Symbol.asyncDispose]())
    const echo = await openSite((_, response) => void response.end(sent))
    onTestFinished(() => echo[Symbol.asyncDispose]())
    await using gate = await openGate({ powers: { env: TOKEN_ENV } })
    const policy = tokenPolicy(site, { oauth: { client_secret: 'secret:client' } }) as {
      permissions: { http: { allowed_domains: object[] } }
    }
    policy.permissions.http.allowed_domains.push({ domain: echo.origin })
    const code = `await http.get(input.api); return (await http.get(input.echo)).text()`
    const input = { api: site.origin, echo: echo.origin }
    const { value } = await gate.run({ code, policy, input })
    expect(Buffer.from(sent, 'base64').toString()).toContain(encodeURIComponent(CLIENT_SECRET))
    expect(Buffer.from(String(value), 'base64').toString()).toBe('agent:[redacted:client]')
  })
})

describe('a token endpoint that is hostile or broken', () => {
  const tokens = (more: object): string =>
    JSON.stringify({ access_token: 'a-good-token', token_type: 'Bearer', ...more })
  it.each([
    ['redirects', (_, response) => response.writeHead(307, { location: '/elsewhere' }).end()],
    ['answers with what is no JSON', (_, response) => response.end('access_token=leaky-token-value')],
    [
      'gives a token with a line break',
      (_, response) => response.end(tokens({ access_token: 'ab\r\nX-Evil: 1' })),
    ],
    [
      'gives a token that is too short to be redacted',
      (_, response) => response.end(tokens({ access_token: 'short' })),
    ],
    ['gives a token that is no text', (_, response) => response.end(tokens({ access_token: { a: 1 } }))],
    ['gives a token of another kind', (_, response) => response.end(tokens({ token_type: 'mac' }))],
    ['gives a negative lifetime', (_, response) => response.end(tokens({ expires_in: -1 }))],
    ['gives a huge answer', (_, response) => response.end(tokens({ more: 'x'.repeat(128 * 1024) }))],
    ['breaks off', (_, response) => response.destroy()],
    ['is down', (_, response) => response.writeHead(503).end('{"access_token":"leaky-token-value"}')],
  ] as [string, NonNullable<TokenSetting['answer']>][])(
    'one that %s gives an error that names the secret and nothing else',
    async (_, answer) => {
      const { site, run } = await open({ answer })
      const { value, runId } = await run(CAUGHT)
      expect(value).toMatchObject({ code: 'UPSTREAM_TOKEN', gate: 'perform' })
      expect((value as { message: string }).message).toMatch(/^The secret crm could not be renewed: /)
      expect(JSON.stringify([value, runId])).not.toMatch(/leaky|Evil|refresh-first/)
      // Nothing was sent to the host, and nowhere else either.
      expect([site.calls().length, site.renewals().length]).toEqual([0, 1])
    },
  )

  it('one that never answers is waited for no longer than the call has', async () => {
    const { site, run } = await open({ answer: () => undefined })
    const { value } = await run(CAUGHT, { http: { timeout_seconds: 1 } })
    expect([(value as { code: string }).code, site.calls().length]).toEqual(['UPSTREAM_TIMEOUT', 0])
  })

  it('one at an address that is not public is not dialled', async () => {
    const dialled: string[] = []
    const { site, run } = await open({}, TOKEN_ENV, {
      resolve: () => Promise.resolve(['10.1.2.3']),
      dial(address, port) {
        dialled.push(address)
        return connect({ host: address, port })
      },
    })
    const { value } = await run(CAUGHT, { oauth: { token_url: 'https://auth.company.com/token' } })
    expect(value).toMatchObject({ code: 'UPSTREAM_TOKEN', gate: 'perform' })
    expect([site.connections, dialled]).toEqual([0, []])
  })
})

describe('a secret that cannot be used so', () => {
  it('is not named by an entry whose host it is not meant for', async () => {
    const { site, run } = await open()
    await expect(run(GET, { secret: { hosts: ['api.company.com'] } })).rejects.toThrow(
      'the secret crm may not go to',
    )
    expect(site.requests).toEqual([])
  })

  it('has no access token for a host that the request is led on to', async () => {
    const site = await openTokenSite({ redirectsTo: () => stranger.origin })
    await using stranger = await openSite()
    onTestFinished(() => site[Symbol.asyncDispose]())
    await using gate = await openGate({ powers: { env: TOKEN_ENV } })
    const policy = tokenPolicy(site) as { permissions: { http: { allowed_domains: object[] } } }
    policy.permissions.http.allowed_domains.push({ domain: stranger.origin })
    const code = `return (await http.get(input + '/elsewhere')).url`
    const { value } = await gate.run({ code, policy, input: site.origin })
    expect(value).toBe(`${stranger.origin}/`)
    expect(bearers(site)).toEqual([`Bearer ${site.given[0]}`])
    expect(stranger.requests.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  it('that proves the client does not go to a token endpoint it is not meant for', async () => {
    const { site, gate } = await open()
    const policy = tokenPolicy(site, { oauth: { client_secret: 'secret:client' } }) as {
      secrets: Record<string, object>
    }
    policy.secrets['client'] = { from: 'env:CLIENT', hosts: ['auth.company.com'] }
    const { value } = await gate.run({ code: CAUGHT, policy, input: site.origin })
    expect(value).toMatchObject({ code: 'DENIED_SECRET_HOST' })
    expect(site.requests).toEqual([])
  })

  it.each([{ CLIENT: CLIENT_SECRET }, { CRM: FIRST_REFRESH_TOKEN }])(
    'is missing before the tool begins: only %j',
    async (env) => {
      const { run } = await open({}, env)
      await expect(run(GET)).rejects.toMatchObject({ code: 'CONFIG_SECRET_MISSING' })
    },
  )

  it.each([
    ['http://auth.company.com/token', 'token_url'],
    ['http://10.0.0.1/token', 'token_url'],
    ['http://localhost/token', 'token_url'],
    ['https://user:pass@auth.company.com/token', 'token_url'],
    ['https://auth.company.com/token#x', 'token_url'],
    ['ftp://auth.company.com/token', 'token_url'],
  ])('at %s is refused when the policy is loaded', async (tokenUrl, key) => {
    const { run } = await open()
    await expect(run(GET, { oauth: { token_url: tokenUrl } })).rejects.toThrow(
      `secrets.crm.oauth_refresh.${key}`,
    )
  })

  it.each([
    [{ oauth: { client_secret: 'secret:nobody' } }, 'no secret is named nobody'],
    [{ oauth: { client_secret: 'secret:crm' } }, 'says how it is sent'],
    [{ oauth: { client_secret: 'plain-text' } }, 'must be secret:NAME'],
    [{ oauth: { scope: 'a  b' } }, 'must be scopes'],
    [{ oauth: { client_id: 'a\r\nb' } }, 'must be the id of a client'],
    [{ secret: { bearer: {} } }, 'at most one of'],
  ])('%j is refused when the policy is loaded', async (policy, message) => {
    const { run } = await open()
    await expect(run(GET, policy)).rejects.toThrow(message)
  })

  it('without hosts is refused when the policy is loaded', async () => {
    const { site, gate } = await open()
    const policy = tokenPolicy(site) as { secrets: { crm: { hosts?: unknown } } }
    delete policy.secrets.crm.hosts
    await expect(gate.run({ code: GET, policy })).rejects.toThrow('must be given with oauth_refresh')
  })

  it('is not handed to a host tool, which would get the refresh token', async () => {
    const { site } = await open()
    const policy = tokenPolicy(site) as { permissions: { tools?: unknown } }
    policy.permissions.tools = { send: { secrets: { key: 'crm' } } }
    const tool = defineTool({
      name: 'send',
      description: 'Sends.',
      input: z.object({ key: z.string() }),
      output: z.null(),
      perform: () => null,
    })
    await using other = await openGate({ tools: [tool], powers: { env: TOKEN_ENV } })
    await expect(other.run({ code: GET, policy })).rejects.toThrow('the secret crm may only go to the hosts')
  })
})
