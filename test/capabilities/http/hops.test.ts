import { describe, expect, it } from 'vitest'
import { drive, failureOf, secret, textOf } from './driving.ts'
import { entries, openHops as open, startRedirecting, to } from './redirecting.ts'
import { startCanned, startHttp } from './servers.ts'

async function startNonAscii(): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = []
  const { port } = await startHttp((request, response) => {
    seen.push(request.url ?? '')
    const location = { '/utf8': Buffer.from('/ü', 'utf8'), '/latin1': Buffer.from('/ü', 'latin1') }[
      request.url ?? ''
    ]
    if (location === undefined) response.end('x')
    else response.writeHead(302, { location: location.toString('latin1') }).end()
  })
  return { port, seen }
}

describe('the method of the next hop (RFC 9110, section 15.4)', () => {
  it.each([
    [301, 'GET', 'GET'],
    [302, 'GET', 'GET'],
    [303, 'GET', 'GET'],
    [307, 'GET', 'GET'],
    [308, 'GET', 'GET'],
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
    [301, 'PUT', 'PUT'],
    [302, 'PUT', 'PUT'],
    [303, 'PUT', 'GET'],
    [307, 'PUT', 'PUT'],
    [301, 'HEAD', 'HEAD'],
    [303, 'HEAD', 'HEAD'],
  ])('%i after %s is %s', async (status, method, next) => {
    const { port, seen } = await startRedirecting()
    const hasBody = method === 'POST' || method === 'PUT'
    const outcome = await open(port).call({
      method,
      url: to(port, status, '/end'),
      headers: { 'x-mine': '1', 'content-type': 'text/x' },
      ...(hasBody && { body: { text: 'payload' } }),
    })
    const keeps = hasBody && next === method
    expect(seen).toHaveLength(2)
    expect(seen[1]).toMatchObject({ method: next, url: '/end', body: keeps ? 'payload' : '' })
    expect(seen[1]?.headers['x-mine']).toBe('1')
    expect(seen[1]?.headers['content-type']).toBe(keeps || method === next ? 'text/x' : undefined)
    expect(outcome.value).toMatchObject({ redirected: true, url: `http://a.test:${port}/end` })
    expect(outcome.facts).toMatchObject({ hops: 1, final_url: `http://a.test:${port}/end` })
  })

  it.each([300, 304, 305, 306])('%i is not followed', async (status) => {
    const { port, seen } = await startRedirecting()
    expect((await open(port).call({ url: to(port, status, '/end') })).value.status).toBe(status)
    expect(seen).toHaveLength(1)
  })

  it('an answer without a Location is the answer', async () => {
    const { port } = await startHttp((_, response) => response.writeHead(302).end('lost'))
    expect(textOf(await open(port).call({ url: `http://a.test:${port}/` }))).toBe('lost')
  })
})

describe('across origins every header of the caller is dropped but accept', () => {
  const headers = {
    accept: 'a/b',
    'x-mine': '1',
    authorization: 'Bearer guest',
    cookie: 'a=b',
    'x-api-key': 'k',
    'content-type': 'c/d',
  }

  it.each([
    ['another host', (port: number) => `http://b.test:${port}/end`],
    ['relative to the scheme', (port: number) => `//b.test:${port}/end`],
  ])('%s', async (_, location) => {
    const { port, seen } = await startRedirecting()
    await open(port).call({
      method: 'POST',
      url: to(port, 307, location(port)),
      headers,
      body: { text: 'x' },
    })
    expect(seen[1]?.host).toBe(`b.test:${port}`)
    expect(Object.keys(seen[1]?.headers ?? {}).toSorted()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'content-length',
      'host',
      'user-agent',
    ])
  })

  it('another port', async () => {
    const [one, two] = [await startRedirecting(), await startRedirecting()]
    const api = drive({
      document: { allowed_domains: [...entries(one.port, 'a.test'), ...entries(two.port, 'a.test')] },
    })
    await api.call({ url: to(one.port, 302, `http://a.test:${two.port}/end`), headers })
    expect(two.seen[0]?.headers).not.toHaveProperty('x-mine')
    expect(two.seen[0]?.headers).toMatchObject({ accept: 'a/b' })
  })

  it('and they do not come back with the origin', async () => {
    const { port, seen } = await startRedirecting()
    const back = `http://b.test:${port}/to?s=302&l=${encodeURIComponent(`http://a.test:${port}/end`)}`
    await open(port).call({ url: to(port, 302, back), headers })
    expect(seen[2]).toMatchObject({ host: `a.test:${port}`, url: '/end' })
    expect(seen[2]?.headers).not.toHaveProperty('authorization')
  })
})

describe('the credential of each hop is that of its own entry', () => {
  const secrets = [
    secret('one', 'secret-one'),
    secret('two', 'secret-two', { kind: 'header', name: 'X-Api-Key' }),
  ]

  it('is added on each hop, and none crosses to another origin', async () => {
    const { port, seen } = await startRedirecting()
    const api = drive({
      document: {
        allowed_domains: [
          { domain: `http://a.test:${port}`, auth: 'one' },
          { domain: `http://b.test:${port}`, auth: 'two' },
          `http://c.test:${port}`,
        ],
      },
      secrets,
    })
    const c = `http://c.test:${port}/end`
    const b = `http://b.test:${port}/to?s=302&l=${encodeURIComponent(c)}`
    await api.call({ url: to(port, 302, b) })
    expect(seen.map(({ headers }) => [headers.authorization, headers['x-api-key']])).toEqual([
      ['Bearer secret-one', undefined],
      [undefined, 'secret-two'],
      [undefined, undefined],
    ])
  })

  it('a hop to where the secret may not go is denied', async () => {
    const { port, seen } = await startRedirecting()
    const api = drive({
      document: {
        allowed_domains: [`http://a.test:${port}`, { domain: `http://b.test:${port}`, auth: 'one' }],
      },
      secrets: [secret('one', 'secret-one', { kind: 'bearer' }, ['a.test'])],
    })
    const error = await failureOf(api.call({ url: to(port, 302, `http://b.test:${port}/end`) }))
    expect([error.code, error.facts.notPerformed, seen.length]).toEqual(['DENIED_SECRET_HOST', undefined, 1])
  })
})

describe('each hop is judged', () => {
  it.each([
    ['a domain that is not allowed', (port: number) => `http://evil.test:${port}/`],
    ['another port', () => 'http://a.test:1/'],
    ['another scheme', (port: number) => `https://a.test:${port}/`],
    ['userinfo', (port: number) => `http://a.test@b.test:${port}/`],
    ['an address', () => 'http://127.0.0.1/'],
    ['metadata', () => 'http://169.254.169.254/latest/'],
    ['a number as address', () => 'http://2130706433/'],
    ['a trailing dot', (port: number) => `http://a.test.:${port}/`],
    ['a backslash', (port: number) => `/\\evil.test:${port}/`],
    ['an encoded slash', () => '/a%2fb'],
    ['a file', () => 'file:///etc/passwd'],
    ['data', () => 'data:text/plain,x'],
    ['a script', () => 'javascript:alert(1)'],
    ['a path that the entry does not list', () => '/private'],
  ])('%s is denied, and no packet is sent', async (_, location) => {
    const { port, seen } = await startRedirecting()
    const api = drive({
      document: {
        allowed_domains: [
          { domain: `http://a.test:${port}`, paths: ['/to', '/end'] },
          `http://b.test:${port}`,
        ],
      },
    })
    const error = await failureOf(api.call({ url: to(port, 302, location(port)) }))
    expect(error.code).toBe('DENIED_REDIRECT')
    expect(error.facts.notPerformed).toBeUndefined()
    expect([seen.length, api.resolved, api.dialled.length]).toEqual([1, ['a.test'], 1])
  })

  it('the refusal tells which rule would have had to allow it', async () => {
    const { port } = await startRedirecting()
    const error = await failureOf(open(port).call({ url: to(port, 302, 'https://evil.test/') }))
    expect(error.message).toContain('evil.test')
    expect(error.facts.change).toContain('allowed_domains')
  })

  it('its address is judged as well', async () => {
    const { port, seen } = await startRedirecting()
    const api = open(port, {}, { resolve: (name) => [name === 'b.test' ? '10.0.0.1' : '127.0.0.1'] })
    expect((await failureOf(api.call({ url: to(port, 302, `http://b.test:${port}/`) }))).code).toBe(
      'DENIED_ADDRESS',
    )
    expect([seen.length, api.dialled.length]).toEqual([1, 1])
  })

  it('two Locations that differ are denied', async () => {
    const server = await startCanned(
      'HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n',
    )
    const error = await failureOf(open(server.port).call({ url: `http://a.test:${server.port}/` }))
    expect([error.code, error.message]).toEqual([
      'DENIED_REDIRECT',
      'The answer redirects to more than one place.',
    ])
    expect(server.accepted).toHaveLength(1)
  })

  it('a Location in UTF-8 is followed, other bytes are denied', async () => {
    const { port, seen } = await startNonAscii()
    await open(port).call({ url: `http://a.test:${port}/utf8` })
    expect(seen).toEqual(['/utf8', '/%C3%BC'])
    expect((await failureOf(open(port).call({ url: `http://a.test:${port}/latin1` }))).code).toBe(
      'DENIED_REDIRECT',
    )
  })
})
