import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { Tollgate } from '../../../src/index.ts'
import { stubNetwork } from '../../harness/network.ts'
import { openSite, type Site } from '../../harness/site.ts'
import { openGateOf, withGrant, type Replace } from '../../run/gates.ts'

type World = AsyncDisposable & {
  readonly gate: Tollgate
  /** Answers everywhere, and redirects from `/v1/to` to what `to` in the query says. */
  readonly site: Site
  /** What became of each call on a handle of these caveats: a status, or `CODE at gate`. */
  ask(
    caveats: object,
    calls: readonly (readonly [method: string, place: string])[],
    before?: string,
  ): Promise<unknown>
}

const PROGRAM = `
  const weak = http.only(input.caveats)
  const told = []
  for (const [method, url] of input.calls)
    told.push(await weak.request({ method, url }).then(({ status }) => status, ({ code, gate }) => code + ' at ' + gate))
  return told`

const openWorld = async (replace?: Replace): Promise<World> => {
  const site = await openSite(({ url }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://x')
    if (pathname !== '/v1/to') return void response.end('arrived')
    response.writeHead(302, { location: searchParams.get('to') ?? '' }).end()
  })
  const network = stubNetwork({ 'a.test': ['127.0.0.1'], 'b.test': ['127.0.0.1'], 'x.b.test': ['127.0.0.1'] })
  const gate = await openGateOf({ powers: { http: network.http } }, replace)
  const entry = (host: string) => ({
    domain: `http://${host}:${site.port}`,
    methods: ['GET', 'HEAD', 'POST'],
  })
  const http = {
    private_networks: ['127.0.0.0/8'],
    allowed_domains: [entry('a.test'), entry('b.test'), entry('x.b.test')],
  }
  return {
    gate,
    site,
    async ask(caveats, calls) {
      const input = {
        caveats,
        calls: calls.map(([method, place]) => [method, `http://${place.replace('/', `:${site.port}/`)}`]),
      }
      const policy = { permissions: { http }, limits: { max_tool_calls: 50 } }
      const result = await gate.run({ code: PROGRAM, policy, input })
      return result.value ?? result.error
    },
    async [Symbol.asyncDispose]() {
      await gate.close()
      await site[Symbol.asyncDispose]()
    },
  }
}

const DENIED = 'DENIED_CAVEAT at authorize'

describe('http.only()', () => {
  it('leaves paths, by whole segments of the decoded path', async () => {
    await using world = await openWorld()
    const told = await world.ask({ path: ['/v1/items/**', '/v2/*'] }, [
      ['GET', 'a.test/v1/items/1'],
      ['GET', 'b.test/v1/items/1/parts'],
      ['GET', 'a.test/v1/items'],
      ['GET', 'a.test/v1/itemsx/1'],
      ['GET', 'a.test/v1/items/../secret'],
      ['GET', 'a.test/v1/items/%2e%2e/secret'],
      ['GET', 'a.test/v1/%69tems/1'],
      ['GET', 'a.test/V1/items/1'],
      ['GET', 'a.test/v2/x'],
      ['GET', 'a.test/v2/x/y'],
      ['GET', 'c.test/v1/items/1'],
    ])
    const url = 'DENIED_URL at authorize'
    expect(told).toEqual([
      200,
      200,
      DENIED,
      DENIED,
      DENIED,
      url,
      200,
      DENIED,
      200,
      DENIED,
      'DENIED_DOMAIN at authorize',
    ])
  })

  it('leaves methods, domains and what only reads', async () => {
    await using world = await openWorld()
    const calls = [
      ['GET', 'a.test/'],
      ['POST', 'a.test/'],
      ['GET', 'b.test/'],
      ['GET', 'x.b.test/'],
    ] as const
    const { port } = world.site
    expect(await world.ask({ methods: ['GET'] }, calls)).toEqual([200, DENIED, 200, 200])
    expect(await world.ask({ mode: 'read' }, calls)).toEqual([200, DENIED, 200, 200])
    expect(await world.ask({ methods: [] }, calls)).toEqual([DENIED, DENIED, DENIED, DENIED])
    expect(await world.ask({ domain: 'a.test' }, calls)).toEqual([200, 200, DENIED, DENIED])
    expect(await world.ask({ domain: ['*.b.test', `http://a.test:${port}`] }, calls)).toEqual([
      200,
      200,
      DENIED,
      200,
    ])
    expect(await world.ask({ domain: ['https://a.test', 'b.test:1'] }, calls)).toEqual([
      DENIED,
      DENIED,
      DENIED,
      DENIED,
    ])
    expect(await world.ask({}, calls)).toEqual([200, 200, 200, 200])
    expect(world.site.requests.filter(({ method }) => method === 'POST')).toHaveLength(3)
  })

  it.each([
    [{ path: 'v1' }],
    [{ path: '/a%2f' }],
    [{ methods: ['get'] }],
    [{ methods: 'GET' }],
    [{ domain: 'a.test/x' }],
    [{ url: 'x' }],
  ])('takes what it cannot read for nothing at all: %o', async (caveats) => {
    await using world = await openWorld()
    expect(await world.ask(caveats, [['GET', 'a.test/']])).toEqual(['GUEST_ARGUMENTS at authorize'])
    expect(world.site.requests).toEqual([])
  })

  const REDIRECTED = [
    ['GET', 'a.test/v1/to?to=/v1/end'],
    ['GET', 'a.test/v1/to?to=/secret'],
    ['GET', 'a.test/v1/to?to=//b.test/v1/end'],
  ] as const

  it('holds on each hop of a redirect', async () => {
    await using world = await openWorld()
    const { port } = world.site
    const calls = REDIRECTED.map(
      ([method, place]) => [method, place.replace('//b.test', `//b.test:${port}`)] as const,
    )
    expect(await world.ask({ path: '/v1/**', domain: 'a.test' }, calls)).toEqual([
      200,
      'DENIED_REDIRECT at perform',
      'DENIED_REDIRECT at perform',
    ])
    expect(world.site.requests.map(({ url }) => url.replace(/\?.*/u, ''))).not.toContain('/secret')
    expect(world.site.requests.every(({ headers }) => String(headers['host']).startsWith('a.test'))).toBe(
      true,
    )
  })

  it('negative control: caveats that restrict nothing let redirects go anywhere that the policy allows', async () => {
    const any = { path: z.unknown().optional() }
    await using world = await openWorld(
      withGrant('http', (grant) => ({
        ...grant,
        attenuation: { caveats: any, attenuate: () => (judgement) => judgement },
      })),
    )
    expect(
      await world.ask({ path: '/v1/**' }, [...REDIRECTED.slice(0, 2), ['POST', 'a.test/secret']]),
    ).toEqual([200, 200, 200])
    expect(world.site.requests.map(({ url }) => url)).toContain('/secret')
  })
})
