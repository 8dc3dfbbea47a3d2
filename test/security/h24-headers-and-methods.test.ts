import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts, type Asked } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { openRawSite, openSite, type Site } from '../harness/site.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

const NAMES = [
  '',
  ' ',
  'x ',
  ' x',
  'x y',
  'x:',
  ':x',
  ':authority',
  'x\r\nevil',
  'x\nevil',
  'x\u0000',
  'x\t',
  'x(y)',
  'x,y',
  'x;y',
  'x"y"',
  'x/y',
  'x[y]',
  'x{y}',
  'x@y',
  'é',
  'ｘ',
  'x\u200b',
  'x'.repeat(129),
]

const VALUES = [
  'a\r\nx-evil: 1',
  'a\nx-evil: 1',
  'a\rx-evil: 1',
  'a\r\n x-evil: 1',
  'a\n\tx-evil: 1',
  'a\r\n\r\nGET /evil HTTP/1.1\r\nhost: x\r\n\r\n',
  'a\u0000b',
  'a\u000bb',
  'a\u007fb',
  'a\u0085x-evil: 1',
  'a\u2028x-evil: 1',
  'ａ\u560d\u560ax-evil: 1',
  'é',
  '\u010d\u010ax-evil: 1',
  'x'.repeat(9000),
]

/** The host's own: what frames, routes or authenticates a message. */
const RESERVED = [
  'host',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'expect',
  'accept-encoding',
  'http2-settings',
  'proxy-authorization',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-anything',
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-real-ip',
  'alt-used',
]

/** Granted only where a policy lists them. */
const LISTABLE = [
  'cookie',
  'authorization',
  'x-api-key',
  'origin',
  'referer',
  'user-agent',
  'range',
  'x-http-method-override',
]

const BAD_METHODS = [
  'CONNECT',
  'TRACE',
  'TRACK',
  'PROPFIND',
  'PURGE',
  'get\r\n',
  'GET /evil HTTP/1.1\r\nx:',
  'GET ',
  ' GET',
  'G ET',
  'GET\u0000',
  'GEт',
  'ＧＥＴ',
  '__proto__',
  'constructor',
  'M'.repeat(32),
]

const run = async (site: Site, asked: readonly Asked[], entry: object = {}): Promise<readonly string[]> => {
  await using gate = await openGate()
  const policy = httpPolicy({
    allowed_domains: [{ domain: site.origin, methods: METHODS, ...entry }],
    max_request_size_kb: 1024,
    max_egress_kb: 8192,
  })
  return verdicts((await ask(gate, policy, asked)).seen)
}

const expectRefused = async (asked: (url: string) => readonly Asked[], verdict: RegExp): Promise<void> => {
  await using site = await openSite()
  for (const found of await run(site, asked(site.origin))) expect(found).toMatch(verdict)
  expect(site.connections).toBe(0)
}

describe('a header', () => {
  it('with a malformed name is refused, and nothing is sent', async () => {
    await expectRefused(
      (url) => NAMES.map((name) => ({ url, headers: { [name]: 'value' } })),
      /^(?:DENIED_HEADER at authorize|GUEST_ARGUMENTS at decode)$/,
    )
  })

  it('with a value that could begin another is refused, in a listed header too', async () => {
    await using site = await openSite()
    const asked = VALUES.flatMap((value) => [
      { url: site.origin, headers: { accept: value } },
      { url: site.origin, headers: { 'x-listed': value } },
    ])
    const found = await run(site, asked, { headers: ['x-listed'] })
    expect(found).toEqual(asked.map(() => 'DENIED_HEADER at authorize'))
    expect(site.connections).toBe(0)
  })

  it('of the host is refused in whatever case it is written', async () => {
    await expectRefused(
      (url) =>
        RESERVED.flatMap((name) =>
          [name, name.toUpperCase()].map((one) => ({ url, headers: { [one]: 'evil' } })),
        ),
      /^DENIED_HEADER at authorize$/,
    )
  })

  it('of the host cannot be granted by a policy', async () => {
    await using gate = await openGate()
    for (const name of RESERVED) {
      const policy = httpPolicy({ allowed_domains: [{ domain: 'company.com', headers: [name] }] })
      await expect(gate.run({ code: 'return 1', policy })).rejects.toMatchObject({
        code: 'CONFIG_POLICY_INVALID',
      })
    }
  })

  it('that carries a credential or an identity is refused unless it is listed', async () => {
    await expectRefused(
      (url) => LISTABLE.map((name) => ({ url, headers: { [name]: 'value' } })),
      /^DENIED_HEADER at authorize$/,
    )
  })

  it('arrives, where the policy lists it', async () => {
    await using site = await openSite()
    const asked = LISTABLE.map((name) => ({ url: site.origin, headers: { [name]: 'value' } }))
    expect(await run(site, asked, { headers: LISTABLE })).toEqual(LISTABLE.map(() => '200'))
    expect(site.requests.map(({ headers }, at) => headers[LISTABLE[at] ?? ''])).toEqual(
      LISTABLE.map(() => 'value'),
    )
  })

  it('given twice in two spellings, or many times over, is refused', async () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`x-${at}`, 'v']))
    await using site = await openSite()
    const asked = [{ Accept: 'a', accept: 'b' }, many].map((headers) => ({ url: site.origin, headers }))
    const found = await run(site, asked, { headers: Object.keys(many) })
    expect(found).toEqual(['DENIED_HEADER at authorize', 'DENIED_HEADER at authorize'])
    expect(site.connections).toBe(0)
  })
})

describe('a method', () => {
  it('that no policy can grant is refused', async () => {
    await expectRefused(
      (url) => BAD_METHODS.map((method) => ({ url, method })),
      /^(?:DENIED_METHOD at authorize|GUEST_ARGUMENTS at decode)$/,
    )
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [{ domain: 'company.com', methods: ['CONNECT'] }] })
    await expect(gate.run({ code: '', policy })).rejects.toMatchObject({ code: 'CONFIG_POLICY_INVALID' })
  })

  it('that the policy does not list is refused, in whatever case it is written', async () => {
    await using site = await openSite()
    const asked = ['POST', 'post', 'PoSt', 'DELETE', 'OPTIONS'].map((method) => ({
      url: site.origin,
      method,
    }))
    expect(await run(site, asked, { methods: ['GET'] })).toEqual(
      asked.map(() => 'DENIED_METHOD at authorize'),
    )
    expect(site.connections).toBe(0)
  })

  it('arrives in upper case, where the policy lists it', async () => {
    await using site = await openSite()
    expect(await run(site, [{ url: site.origin, method: 'pOsT', body: 'x' }])).toEqual(['200'])
    expect(site.requests[0]?.method).toBe('POST')
  })

  it('without a body has none: a body with GET is refused', async () => {
    await expectRefused((url) => [{ url, body: 'x' }], /^GUEST_ARGUMENTS at authorize$/)
  })
})

describe('a path', () => {
  it('with what could end the request line is refused, and encoded it stays one line', async () => {
    await expectRefused(
      (url) =>
        ['\r\n', '\n', '\r', '\t', '\u0000', '\u2028', '%00', '%0d%0a', '%0a'].map((text) => ({
          url: `${url}/a${text}b`,
        })),
      /^DENIED_URL at authorize$/,
    )
    await using site = await openSite()
    const paths = ['/a b', '/é', '/a?b=%0d%0ax-evil:%201', '/"<>`{}|^']
    expect(
      await run(
        site,
        paths.map((path) => ({ url: site.origin + path })),
      ),
    ).toEqual(paths.map(() => '200'))
    expect(site.requests.map(({ url }) => url)).toEqual([
      '/a%20b',
      '/%C3%A9',
      '/a?b=%0d%0ax-evil:%201',
      '/%22%3C%3E%60%7B%7D|%5E',
    ])
  })
})

describe('what is sent', () => {
  it('is one request with the headers of the host, whatever the guest sets', async () => {
    const heads: string[] = []
    await using site = await openRawSite((socket) => {
      socket.on('data', (chunk) => {
        heads.push(chunk.toString('latin1'))
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
    })
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [{ domain: site.origin, methods: METHODS }] })
    await ask(gate, policy, [
      { url: `${site.origin}/p?q`, method: 'POST', headers: { ACCEPT: ' a ' }, body: 'hello' },
    ])
    const lines = heads.join('').split('\r\n')
    expect(lines[0]).toBe('POST /p?q HTTP/1.1')
    expect(lines.slice(1).toSorted()).toEqual(
      [
        `host: 127.0.0.1:${site.port}`,
        'connection: keep-alive',
        'user-agent: tollgate',
        'accept: a',
        'accept-encoding: gzip, br, zstd',
        'content-length: 5',
        '',
        'hello',
      ].toSorted(),
    )
  })
})
