import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts, type Asked } from '../harness/asking.ts'
import { LOOPBACK, openGate, refusalsOf } from '../harness/gate.ts'
import { openRawSite, openSite, type Arrived, type Site } from '../harness/site.ts'

/** A host that others rent, too: only one of its accounts is ours. */
const entryOf = (site: Site, rest: object = {}): object => ({
  domain: site.origin,
  methods: ['GET', 'POST'],
  paths: ['/v1/ours/*', '/v1/ours/files/**'],
  query: ['limit', 'cursor'],
  headers: ['x-request-id'],
  ...rest,
})

const send = async (asked: (origin: string) => readonly Asked[], entry: object = {}, http: object = {}) => {
  await using site = await openSite()
  await using gate = await openGate({ powers: { env: { OUR_KEY: 'our-key-4f9a1c7be2' } } })
  const policy = httpPolicy(
    { allowed_domains: [entryOf(site, entry)], ...http },
    { secrets: { ours: { from: 'env:OUR_KEY', header: { name: 'x-api-key' } } } },
  )
  const { seen, result } = await ask(gate, policy, asked(site.origin))
  return {
    site,
    found: verdicts(seen),
    arrived: [...site.requests],
    result,
    refusals: await refusalsOf(gate, result),
  }
}

const paths = (texts: readonly string[]) => (origin: string) => texts.map((text) => ({ url: origin + text }))

const OTHER_PATHS = [
  '/',
  '/v1/theirs/data',
  '/v1/ours',
  '/v1/ours/a/b',
  '/v1/ours/../theirs/data',
  '/v1/ours/files/../../theirs/data',
  '/v1/ours/./../theirs/data',
  '/V1/OURS/a',
  '//v1/ours/a',
  '/v1//ours/a',
  '/v1/ours;jsessionid=secret/a',
  '/v1%252fours/a',
]
const HIDDEN_PATHS = [
  '/v1/ours/%2e%2e/theirs',
  '/v1/ours/%2E%2e%2ftheirs',
  '/v1/ours/..%2ftheirs',
  '/v1/ours/..%5ctheirs',
  '/v1/ours/..;/theirs',
  '/v1/ours/a%2fb',
  '/v1/ours/a%252fb',
  '/v1/ours/%ff',
  '/v1/ours/..\\theirs',
]

describe('the path', () => {
  it('is judged by decoded segments: another account of the host is not reached', async () => {
    const { found, site } = await send(paths(OTHER_PATHS))
    expect(found.map((verdict, at) => [OTHER_PATHS[at], verdict.replace('URL', 'PATH')])).toEqual(
      OTHER_PATHS.map((path) => [path, 'DENIED_PATH at authorize']),
    )
    expect(site.connections).toBe(0)
  })

  it('that two servers could read differently is refused', async () => {
    const { found, site } = await send(paths(HIDDEN_PATHS))
    expect(found).toEqual(HIDDEN_PATHS.map(() => 'DENIED_URL at authorize'))
    expect(site.connections).toBe(0)
  })

  it('reaches another account under an entry without paths', async () => {
    await using site = await openSite()
    await using gate = await openGate()
    const asked = paths(['/v1/theirs/data?stolen=1'])(site.origin)
    const { seen } = await ask(gate, httpPolicy({ allowed_domains: [site.origin] }), asked)
    expect(verdicts(seen)).toEqual(['200'])
    expect(site.requests[0]?.url).toBe('/v1/theirs/data?stolen=1')
  })
})

describe('the query', () => {
  it('has no name that is not listed, however it is written', async () => {
    const queries = [
      '?data=x',
      '?limit=1&data=x',
      '?limit=1;data=x',
      '?%64ata=x',
      '?data',
      '?&data',
      '?=x',
      '?LIMIT=1',
      '?limit[]=1',
      '?limit%00=1',
      '?limit+=1',
    ]
    const { found, site } = await send(paths(queries.map((query) => `/v1/ours/a${query}`)))
    expect(found.map((verdict) => verdict.replace('URL', 'QUERY'))).toEqual(
      queries.map(() => 'DENIED_QUERY at authorize'),
    )
    expect(site.connections).toBe(0)
  })

  it('with a listed name carries what it likes, and every byte of it counts', async () => {
    const path = `/v1/ours/a?limit=${'x'.repeat(500)}&limit=2`
    const { found, site, result } = await send(paths([path]))
    expect(found).toEqual(['200'])
    expect(result.usage.egressBytes).toBe(site.origin.length + path.length)
  })
})

describe('the fragment', () => {
  it('stays at home', async () => {
    const { found, arrived, result, site } = await send(
      paths(['/v1/ours/a#secret', '/v1/ours/a?limit=1#?data=secret']),
    )
    expect(found).toEqual(['200', '200'])
    expect(arrived.map(({ url }) => url)).toEqual(['/v1/ours/a', '/v1/ours/a?limit=1'])
    expect(JSON.stringify(arrived)).not.toContain('secret')
    expect(result.usage.egressBytes).toBe(
      2 * site.origin.length + '/v1/ours/a'.length * 2 + '?limit=1'.length,
    )
  })
})

describe('the method', () => {
  it('carries nothing in the case of its letters', async () => {
    const methods = ['get', 'gEt', 'GeT', 'GET']
    const { arrived } = await send((origin) =>
      methods.map((method) => ({ url: `${origin}/v1/ours/a`, method })),
    )
    expect(arrived.map(({ method }) => method)).toEqual(methods.map(() => 'GET'))
  })
})

describe('a header', () => {
  it('carries nothing unless the policy lists it; case and order of names carry nothing either', async () => {
    const { found, arrived } = await send((origin) => [
      { url: `${origin}/v1/ours/a`, headers: { 'x-data': 'secret' } },
      { url: `${origin}/v1/ours/a`, headers: { 'X-Request-ID': '1', aCCept: '2' } },
      { url: `${origin}/v1/ours/a`, headers: { accept: '2', 'x-request-id': '1' } },
    ])
    expect(found).toEqual(['DENIED_HEADER at authorize', '200', '200'])
    expect(arrived[0]?.rawHeaders).toEqual(arrived[1]?.rawHeaders)
  })

  it('of the guest is replaced by the credential of the policy', async () => {
    const attacker = { 'x-api-key': 'key-of-the-attacker' }
    const { found, arrived } = await send((origin) => [{ url: `${origin}/v1/ours/a`, headers: attacker }], {
      auth: 'ours',
      headers: ['x-api-key'],
    })
    expect(found).toEqual(['200'])
    const names = arrived[0]?.rawHeaders.filter(
      (name, at) => at % 2 === 0 && name.toLowerCase() === 'x-api-key',
    )
    expect(names).toHaveLength(1)
    expect(arrived[0]?.headers['x-api-key']).toBe('our-key-4f9a1c7be2')
    expect(JSON.stringify(arrived)).not.toContain('attacker')
  })

  it('of the guest arrives, where the policy lists it and has no credential of its own', async () => {
    const attacker = { 'x-api-key': 'key-of-the-attacker' }
    const { arrived } = await send((origin) => [{ url: `${origin}/v1/ours/a`, headers: attacker }], {
      headers: ['x-api-key'],
    })
    expect(arrived[0]?.headers['x-api-key']).toBe('key-of-the-attacker')
  })

  it('authorization cannot be left to the guest where the policy has a credential', async () => {
    await using gate = await openGate({ powers: { env: { OUR_KEY: 'our-key-4f9a1c7be2' } } })
    const policy = {
      permissions: {
        http: {
          ...LOOPBACK,
          allowed_domains: [{ domain: 'a.test', auth: 'ours', headers: ['authorization'] }],
        },
      },
      secrets: { ours: { from: 'env:OUR_KEY', bearer: {} } },
    }
    await expect(gate.run({ code: '', policy })).rejects.toMatchObject({ code: 'CONFIG_POLICY_INVALID' })
  })
})

describe('bytes', () => {
  const post = (size: number) => (origin: string) => [
    { url: `${origin}/v1/ours/a`, method: 'POST', body: 'x'.repeat(size) },
  ]
  const bodies = (arrived: readonly Arrived[]): number =>
    arrived.reduce((sum, { body }) => sum + body.length, 0)

  it('of one request are bounded', async () => {
    const { found, site, refusals } = await send(post(64 * 1024))
    expect(found).toEqual(['LIMIT_REQUEST_SIZE at authorize'])
    expect(refusals[0]).toMatchObject({ rule: 'permissions.http.max_request_size_kb', egress_bytes: 0 })
    expect(site.connections).toBe(0)
  })

  it('of a run and destination are bounded, however they are split, and through every part of a request', async () => {
    const many = (origin: string): Asked[] =>
      Array.from({ length: 40 }, (_, at) => {
        const piece = 'x'.repeat(400)
        if (at % 3 === 0) return { url: `${origin}/v1/ours/a`, method: 'POST', body: piece }
        return at % 3 === 1
          ? { url: `${origin}/v1/ours/${piece}` }
          : { url: `${origin}/v1/ours/a`, headers: { 'x-request-id': piece } }
      })
    const { found, refusals, result, arrived } = await send(many, {}, { max_egress_kb: 4 })
    expect(result.usage.egressBytes).toBeLessThanOrEqual(4096)
    expect(result.usage.egressBytes).toBeGreaterThan(3500)
    expect(found.filter((verdict) => verdict !== '200')).toEqual(
      refusals.map(() => 'LIMIT_EGRESS at reserve'),
    )
    expect(arrived).toHaveLength(40 - refusals.length)
    expect(bodies(arrived)).toBeLessThan(4096)
  })

  it('of parallel requests are bounded as well', async () => {
    await using site = await openSite()
    await using gate = await openGate()
    const code = `const all = Array.from({ length: 50 }, () => http.post(input, 'x'.repeat(500)).then(() => 1, () => 0))
      return (await Promise.all(all)).reduce((a, b) => a + b)`
    const entry = { domain: site.origin, methods: ['POST'] }
    const policy = httpPolicy({ allowed_domains: [entry], max_egress_kb: 4 })
    const { value } = await gate.run({ code, policy, input: site.origin })
    expect(value).toBe(7)
    expect(bodies(site.requests)).toBe(3500)
  })

  it('pass under a policy that allows so many', async () => {
    const { found, arrived } = await send(
      post(64 * 1024),
      {},
      { max_request_size_kb: 128, max_egress_kb: 128 },
    )
    expect(found).toEqual(['200'])
    expect(bodies(arrived)).toBe(64 * 1024)
  })
})

describe('the audit', () => {
  it('says how many bytes left with each call: URL, headers and body', async () => {
    await using site = await openSite()
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [entryOf(site)] })
    const url = `${site.origin}/v1/ours/a?limit=1`
    const { result } = await ask(gate, policy, [
      { url },
      { url, method: 'POST', headers: { accept: 'x' }, body: 'häl' },
    ])
    const records = await gate.audit.read({ runId: result.runId })
    const sizes = records.filter(({ event }) => event === 'call').map(({ facts }) => facts['egress_bytes'])
    expect(sizes).toEqual([url.length, url.length + 'accept: x\r\n'.length + Buffer.byteLength('häl')])
    expect(result.usage.egressBytes).toBe(2 * url.length + 11 + 4)
  })

  it.each([
    ['that breaks off', 'UPSTREAM_UNREACHABLE', ''],
    ['that is too large', 'LIMIT_RESPONSE_SIZE', 'HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n'],
    ['that is no HTTP', 'UPSTREAM_PROTOCOL', 'hello'],
    ['that redirects away', 'DENIED_REDIRECT', 'HTTP/1.1 302 Found\r\nlocation: http://evil.test/\r\n\r\n'],
  ])('says it of a call with an answer %s too: the bytes are gone all the same', async (_, code, answer) => {
    const heads: string[] = []
    await using site = await openRawSite((socket) => {
      socket.on('data', (chunk) => {
        heads.push(chunk.toString())
        if (heads.join('').includes('stolen')) socket.end(answer)
      })
    })
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [{ domain: site.origin, methods: ['POST'] }] })
    const { seen, result } = await ask(gate, policy, [{ url: site.origin, method: 'POST', body: 'stolen' }])
    expect(verdicts(seen)).toEqual([`${code} at perform`])
    const bytes = `${site.origin}/`.length + 'stolen'.length
    expect(await refusalsOf(gate, result)).toMatchObject([{ code, egress_bytes: bytes }])
    expect(result.usage.egressBytes).toBe(bytes)
  })
})
