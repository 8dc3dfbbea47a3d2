import { describe, expect, it } from 'vitest'
import type { Tollgate, TollgateOptions } from '../../src/index.ts'
import { ask, verdicts, type Asked } from '../harness/asking.ts'
import { openGate, refusalsOf } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite, type Answer, type Arrived, type Site } from '../harness/site.ts'
import { blindFollower } from '../harness/weak-http.ts'
import { openGateOf, type Replace } from '../run/gates.ts'

const STATUSES = [301, 302, 303, 307, 308]
const KEY = 'key-of-the-first-4f9a1c'
const OTHER_KEY = 'key-of-the-second-77b0'

type World = AsyncDisposable & {
  readonly gate: Tollgate
  readonly network: ReturnType<typeof stubNetwork>
  /** Allowed; redirects to what `to` in the query says. */
  readonly first: Site
  /** Allowed. */
  readonly second: Site
  /** Not allowed. */
  readonly stranger: Site
  /** A URL of the first site that answers with this status and location. */
  redirecting(status: number, location: string, path?: string): string
  policy(http?: object, rest?: object): object
}

const redirect: Answer = ({ url }, response) => {
  const asked = new URL(url, 'http://first.test').searchParams
  const [status, location] = [Number(asked.get('status')), asked.get('to')]
  if (location === null) return void response.end('arrived')
  response.writeHead(status, { location }).end('moved')
}

const openWorld = async (replace?: Replace): Promise<World> => {
  const [first, second, stranger] = [await openSite(redirect), await openSite(), await openSite()]
  const hosts = Object.fromEntries(
    ['first.test', 'second.test', 'stranger.test', 'evil.first.test'].map((name) => [name, ['127.0.0.1']]),
  )
  const network = stubNetwork({ ...hosts, 'inside.test': ['10.0.0.1'] })
  const env = { FIRST_KEY: KEY, SECOND_KEY: OTHER_KEY }
  const options: TollgateOptions = { powers: { http: network.http, env } }
  const gate = replace === undefined ? await openGate(options) : await openGateOf(options, replace)
  const firstEntry = { domain: `http://first.test:${first.port}`, methods: ['GET', 'HEAD', 'POST', 'PUT'] }
  const secondEntry = { domain: `http://second.test:${second.port}`, methods: ['GET', 'HEAD', 'POST', 'PUT'] }
  return {
    gate,
    network,
    first,
    second,
    stranger,
    redirecting: (status, location, path = '/') =>
      `http://first.test:${first.port}${path}?status=${status}&to=${encodeURIComponent(location)}`,
    policy: (http = {}, rest = {}) => ({
      permissions: {
        http: {
          private_networks: ['127.0.0.0/8'],
          allowed_domains: [
            { ...firstEntry, auth: 'first', headers: ['x-api-key', 'authorization-hint'] },
            { ...secondEntry, headers: ['x-api-key', 'authorization-hint'] },
            `http://inside.test:${first.port}`,
          ],
          ...http,
        },
      },
      secrets: { first: { from: 'env:FIRST_KEY', bearer: {} } },
      limits: { max_tool_calls: 100 },
      ...rest,
    }),
    async [Symbol.asyncDispose]() {
      await gate.close()
      for (const site of [first, second, stranger]) await site[Symbol.asyncDispose]()
    },
  }
}

const HEADERS = {
  accept: 'text/plain',
  'content-type': 'text/plain',
  'x-api-key': 'abc',
  'authorization-hint': 'def',
}
const told = (arrived: Arrived | undefined, ...names: string[]): unknown[] =>
  names.map((name) => arrived?.headers[name] ?? null)

describe('a redirect to a place that is not allowed', () => {
  it.each(STATUSES)('is not followed: %i', async (status) => {
    await using world = await openWorld()
    const { stranger, first } = world
    const places = [
      `http://stranger.test:${stranger.port}/`,
      `//stranger.test:${stranger.port}/`,
      `http://first.test:${first.port}@stranger.test:${stranger.port}/`,
      `http://user:pass@second.test:${world.second.port}/`,
      `http://evil.first.test:${first.port}/`,
      `https://second.test:${world.second.port}/`,
      `http://second.test:${stranger.port}/`,
      `http://127.0.0.1:${stranger.port}/`,
      `http://0x7f.1:${stranger.port}/`,
      `\\\\stranger.test:${stranger.port}/`,
      `/\\stranger.test:${stranger.port}/`,
      'file:///etc/passwd',
      'data:text/plain,hello',
      'javascript:alert(1)',
      'ftp://second.test/',
      'http:///',
      'http://',
    ]
    const asked = places.map((place) => ({ url: world.redirecting(status, place) }))
    const { seen, result } = await ask(world.gate, world.policy(), asked)
    expect(verdicts(seen)).toEqual(places.map(() => 'DENIED_REDIRECT at perform'))
    expect([world.stranger.connections, world.second.connections]).toEqual([0, 0])
    expect(world.network.resolved.filter((name) => name !== 'first.test')).toEqual([])
    expect(await refusalsOf(world.gate, result)).toHaveLength(places.length)
  })

  it('is not followed to an allowed name that resolves to an address inside', async () => {
    await using world = await openWorld()
    const { seen } = await ask(world.gate, world.policy(), [
      { url: world.redirecting(302, `http://inside.test:${world.first.port}/`) },
    ])
    expect(verdicts(seen)).toEqual(['DENIED_ADDRESS at perform'])
    expect(world.network.dialled).toEqual([`127.0.0.1:${world.first.port}`])
  })

  it('is not followed where a human would have to agree to the place', async () => {
    await using world = await openWorld()
    const policy = world.policy({}, { human_in_loop: ['http.GET second.test/**'] })
    const { seen, result } = await ask(world.gate, policy, [
      { url: world.redirecting(302, `http://second.test:${world.second.port}/`) },
    ])
    expect(verdicts(seen)).toEqual(['DENIED_REDIRECT at perform'])
    expect(result.warnings.filter((warning) => warning.startsWith('human_in_loop'))).toEqual([])
    expect(world.second.connections).toBe(0)
  })

  it('would be followed by a client of a common library', async () => {
    await using world = await openWorld(blindFollower)
    const asked = { url: world.redirecting(302, `//stranger.test:${world.stranger.port}/`), headers: HEADERS }
    const { seen } = await ask(world.gate, world.policy(), [asked])
    expect(verdicts(seen)).toEqual(['200'])
    expect(told(world.stranger.requests[0], 'x-api-key')).toEqual(['abc'])
  })
})

describe('a redirect to another allowed origin', () => {
  const across = async (status: number, method: string): Promise<Arrived | undefined> => {
    await using world = await openWorld()
    const asked: Asked = {
      url: world.redirecting(status, `http://second.test:${world.second.port}/there`),
      method,
      headers: HEADERS,
      ...(method === 'GET' ? {} : { body: 'the body' }),
    }
    const { seen } = await ask(world.gate, world.policy(), [asked])
    expect(verdicts(seen)).toEqual(['200'])
    expect(told(world.first.requests[0], 'authorization', 'x-api-key')).toEqual([`Bearer ${KEY}`, 'abc'])
    return world.second.requests[0]
  }

  it.each(STATUSES)('drops every header of the caller and the credential: %i', async (status) => {
    const arrived = await across(status, 'GET')
    expect(told(arrived, 'authorization', 'x-api-key', 'authorization-hint', 'cookie', 'referer')).toEqual(
      Array.from({ length: 5 }, () => null),
    )
    expect(told(arrived, 'accept')).toEqual(['text/plain'])
  })

  it.each([
    [301, 'GET', ''],
    [302, 'GET', ''],
    [303, 'GET', ''],
    [307, 'POST', 'the body'],
    [308, 'POST', 'the body'],
  ])('after POST, %i leads to %s with the body %j', async (status, method, body) => {
    const arrived = await across(status, 'POST')
    expect(arrived).toMatchObject({ method, body })
    expect(told(arrived, 'content-type', 'x-api-key', 'authorization')).toEqual([null, null, null])
  })

  it('gives the other origin its own credential, where the policy has one', async () => {
    await using world = await openWorld()
    const policy = world.policy(
      {
        allowed_domains: [
          { domain: `http://first.test:${world.first.port}`, auth: 'first' },
          { domain: `http://second.test:${world.second.port}`, auth: 'second' },
        ],
      },
      {
        secrets: {
          first: { from: 'env:FIRST_KEY', bearer: {}, hosts: ['first.test'] },
          second: { from: 'env:SECOND_KEY', bearer: {}, hosts: ['second.test'] },
        },
      },
    )
    await ask(world.gate, policy, [
      { url: world.redirecting(307, `http://second.test:${world.second.port}/`) },
    ])
    expect(told(world.first.requests[0], 'authorization')).toEqual([`Bearer ${KEY}`])
    expect(told(world.second.requests[0], 'authorization')).toEqual([`Bearer ${OTHER_KEY}`])
  })
})

describe('a redirect within its origin', () => {
  it('keeps headers and credential, so that what is missed elsewhere was dropped', async () => {
    await using world = await openWorld()
    const { seen } = await ask(world.gate, world.policy(), [
      { url: world.redirecting(307, '/there'), headers: HEADERS },
    ])
    expect(seen[0]?.text).toBe('arrived')
    expect(told(world.first.requests[1], 'authorization', 'x-api-key')).toEqual([`Bearer ${KEY}`, 'abc'])
  })

  it('is judged by path, and by query', async () => {
    await using world = await openWorld()
    const entry = {
      domain: `http://first.test:${world.first.port}`,
      paths: ['/open'],
      query: ['status', 'to'],
    }
    const places = ['/closed', '/open/../closed', '/open?other=1', '/%6fpen%2f..%2fclosed']
    const asked = places.map((place) => ({ url: world.redirecting(302, place, '/open') }))
    const { seen } = await ask(world.gate, world.policy({ allowed_domains: [entry] }), asked)
    expect(verdicts(seen)).toEqual(places.map(() => 'DENIED_REDIRECT at perform'))
    expect(world.first.requests.map(({ url }) => url.split('?')[0])).toEqual(places.map(() => '/open'))
  })

  it.each([0, 1, 3])('is followed %i times where the policy says so, and no further', async (max) => {
    await using world = await openWorld()
    // Twenty hops, each redirecting to the next.
    const hops = Array.from({ length: 20 }).reduce<string>((inner) => world.redirecting(302, inner), '/end')
    const { seen } = await ask(world.gate, world.policy({ max_redirects: max, max_egress_kb: 1024 }), [
      { url: hops },
    ])
    expect(verdicts(seen)).toEqual(['DENIED_REDIRECT at perform'])
    expect(world.first.requests).toHaveLength(max + 1)
  })

  it('sends bytes like a call: each hop draws on max_egress_kb', async () => {
    await using world = await openWorld()
    const policy = world.policy({ max_redirects: 20, max_egress_kb: 0.5 })
    const { seen, result } = await ask(world.gate, policy, [{ url: world.redirecting(307, '') }])
    expect(verdicts(seen)).toEqual(['LIMIT_EGRESS at perform'])
    const [{ length }] = [world.redirecting(307, '')]
    expect(result.usage.egressBytes).toBe(world.first.requests.length * length)
    expect(result.usage.egressBytes).toBeLessThanOrEqual(512)
    expect(result.usage.egressBytes).toBeGreaterThan(512 - length)
  })

  it('that leads back to itself ends at the limit', async () => {
    await using world = await openWorld()
    const { seen, result } = await ask(world.gate, world.policy(), [{ url: world.redirecting(307, '') }])
    expect(verdicts(seen)).toEqual(['DENIED_REDIRECT at perform'])
    expect(world.first.requests).toHaveLength(4)
    expect(result.usage.calls).toBe(1)
  })
})

describe('the guest', () => {
  it('may look at a redirect instead of following it, and may refuse it', async () => {
    await using world = await openWorld()
    const url = world.redirecting(302, `http://stranger.test:${world.stranger.port}/`)
    const { seen } = await ask(world.gate, world.policy(), [
      { url, redirect: 'manual' },
      { url, redirect: 'error' },
    ])
    expect(verdicts(seen)).toEqual(['302', 'DENIED_REDIRECT at perform'])
    expect(world.stranger.connections).toBe(0)
  })
})
