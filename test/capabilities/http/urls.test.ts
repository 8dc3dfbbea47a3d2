import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTarget, resolveLocation } from '../../../src/capabilities/http/target.ts'
import { grantOf, judgeUrl, refusalOf } from './granting.ts'

const grant = grantOf({
  allowed_domains: [
    'allowed.com',
    'http://allowed.com',
    '*.wild.com',
    'bücher.example',
    'http://127.0.0.1:8080',
  ],
  private_networks: ['127.0.0.0/8'],
})
/** What the parser of URLs and a careless one could read in two ways. */
const PIECES = [
  [
    'allowed.com',
    'evil.com',
    '@',
    ':',
    '/',
    '\\',
    '#',
    '?',
    '%2e',
    '%2f',
    '.',
    '..',
    '//',
    '[',
    ']',
    '\t',
    '。',
    'Ａ',
  ],
  ['\u00ad', '443', '80', 'x', ';', '&', '=', ' ', '\u0000', 'https:', 'http://', '127.0.0.1', '::1'],
].flat()

const codeOf = (url: string): string => refusalOf(() => judgeUrl(grant, url)).code

describe('an address in another spelling is refused, never translated', () => {
  it.each([
    ['decimal', 'http://2130706433/'],
    ['octal', 'http://0177.0.0.1/'],
    ['octal number', 'http://017700000001/'],
    ['hexadecimal', 'http://0x7f000001/'],
    ['hexadecimal parts', 'http://0x7f.0x0.0x0.0x1/'],
    ['mixed parts', 'http://127.0x0.00.1/'],
    ['two parts', 'http://127.1/'],
    ['three parts', 'http://127.0.1/'],
    ['one part', 'http://0/'],
    ['overflow', 'http://4294967297/'],
    ['leading zeros', 'http://127.000.000.001:8080/'],
    ['five parts', 'http://127.0.0.1.5/'],
    ['trailing dot', 'http://127.0.0.1.:8080/'],
    ['full-width digits', 'http://１２７.0.0.1:8080/'],
    ['circled digits', 'http://①②⑦.0.0.1:8080/'],
    ['ideographic dots', 'http://127。0。0。1:8080/'],
    ['half-width dots', 'http://127｡0｡0｡1:8080/'],
    ['full-width dots', 'http://127．0．0．1:8080/'],
    ['percent-encoded', 'http://%31%32%37.0.0.1:8080/'],
    ['IPv6 with IPv4 inside', 'http://[::ffff:127.0.0.1]/'],
    ['IPv6 with a zone', 'http://[fe80::1%25eth0]/'],
    ['IPv6 in long form', 'http://[0:0:0:0:0:0:0:1]/'],
    ['IPv6 with leading zeros', 'http://[::0001]/'],
    ['IPv6 without brackets', 'http://::1/'],
    ['a future address', 'http://[v1.a]/'],
    ['an open bracket', 'http://[::1/'],
  ])('%s: %s', (_, url) => {
    expect(codeOf(url)).toBe('DENIED_URL')
  })

  it.each([
    'http://10.0.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://0.0.0.0/',
    'http://100.64.0.1/',
    'http://[::]/',
    'http://[::1]/',
    'http://[::ffff:7f00:1]/',
    'http://[fd00:ec2::254]/',
    'http://[fe80::1]/',
    'http://[ff02::1]/',
    'http://[2002:7f00:1::]/',
    'http://[64:ff9b::7f00:1]/',
    'http://127.0.0.1/',
    'http://127.0.0.2:8080/',
  ])('a canonical address that no entry lists: %s', (url) => {
    expect(codeOf(url)).toBe('DENIED_DOMAIN')
  })

  it('the one that an entry lists is allowed as it is written', () => {
    expect(judgeUrl(grant, 'http://127.0.0.1:8080/a').request).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
    })
  })
})

describe('the host that is judged is the host that is dialled', () => {
  it.each([
    ['userinfo', 'https://allowed.com@evil.com/', 'DENIED_URL'],
    ['userinfo with a password', 'https://allowed.com:443@evil.com/', 'DENIED_URL'],
    ['userinfo before the allowed host', 'https://user:pass@allowed.com/', 'DENIED_URL'],
    ['empty userinfo', 'https://@allowed.com/', 'DENIED_URL'],
    ['two at signs', 'https://a@b@allowed.com/', 'DENIED_URL'],
    ['backslash before at', 'https://evil.com\\@allowed.com/', 'DENIED_URL'],
    ['backslash for slash', 'https:\\\\allowed.com/', 'DENIED_URL'],
    ['backslash after the host', 'https://allowed.com\\.evil.com/', 'DENIED_URL'],
    ['hash before at', 'https://evil.com#@allowed.com/', 'DENIED_DOMAIN'],
    ['question mark before at', 'https://evil.com?@allowed.com/', 'DENIED_DOMAIN'],
    ['slash before at', 'https://evil.com/@allowed.com/', 'DENIED_DOMAIN'],
    ['tab in the host', 'https://allo\twed.com/', 'DENIED_URL'],
    ['newline in the host', 'https://allowed.com\n.evil.com/', 'DENIED_URL'],
    ['carriage return at the end', 'https://allowed.com/\r', 'DENIED_URL'],
    ['NUL', 'https://allowed.com\0.evil.com/', 'DENIED_URL'],
    ['encoded NUL', 'https://allowed.com%00.evil.com/', 'DENIED_URL'],
    ['space in the host', 'https://allowed.com .evil.com/', 'DENIED_URL'],
    ['space before the URL', ' https://allowed.com/', 'DENIED_URL'],
    ['no-break space after the URL', 'https://allowed.com/\u00a0', 'DENIED_URL'],
    ['encoded dot', 'https://allowed%2ecom/', 'DENIED_URL'],
    ['encoded slash in the host', 'https://allowed.com%2f.evil.com/', 'DENIED_URL'],
    ['encoded at', 'https://allowed.com%40evil.com/', 'DENIED_URL'],
    ['space before the fragment', 'https://allowed.com/a #b', 'DENIED_URL'],
    ['line separator', 'https://allowed.com/\u2028', 'DENIED_URL'],
    ['lone surrogate', 'https://allowed.com/\ud800', 'DENIED_URL'],
    ['no host', 'https:///allowed.com/', 'DENIED_URL'],
    ['one slash', 'https:/allowed.com/', 'DENIED_URL'],
    ['no slash', 'https:allowed.com/', 'DENIED_URL'],
    ['relative to the scheme', '//allowed.com/', 'DENIED_URL'],
    ['no scheme', 'allowed.com', 'DENIED_URL'],
  ])('%s', (_, url, code) => {
    expect(codeOf(url)).toBe(code)
  })

  it('what is judged is what the parser of URLs reads, for whatever text passes', () => {
    const piece = fc.constantFrom(...PIECES)
    const start = fc.constantFrom(
      'https://',
      'https://allowed.com',
      'https://allowed.com/',
      'http://127.0.0.1:80',
    )
    const text = fc
      .tuple(start, fc.array(piece, { maxLength: 6 }))
      .map(([first, rest]) => first + rest.join(''))
    let passed = 0
    fc.assert(
      fc.property(text, (url) => {
        let target
        try {
          target = parseTarget(url)
        } catch {
          return
        }
        passed += 1
        const read = new URL(url)
        expect(read.hostname).toBe(target.host)
        expect(Number(read.port) || (read.protocol === 'https:' ? 443 : 80)).toBe(target.port)
        expect(read.username + read.password).toBe('')
        expect(`${read.pathname}${read.search}`).toBe(target.path + target.query)
      }),
      { numRuns: 5000 },
    )
    expect(passed).toBeGreaterThan(300)
  })
})

describe('a host matches by canonical labels only', () => {
  it.each([
    ['suffix trick', 'https://allowed.com.evil.io/', 'DENIED_DOMAIN'],
    ['prefix trick', 'https://evilallowed.com/', 'DENIED_DOMAIN'],
    ['sub-domain of an exact entry', 'https://a.allowed.com/', 'DENIED_DOMAIN'],
    ['trailing dot', 'https://allowed.com./', 'DENIED_URL'],
    ['two trailing dots', 'https://allowed.com../', 'DENIED_URL'],
    ['leading dot', 'https://.allowed.com/', 'DENIED_URL'],
    ['empty label', 'https://a..wild.com/', 'DENIED_URL'],
    ['soft hyphen', 'https://allo\u00adwed.com/', 'DENIED_URL'],
    ['zero-width space', 'https://allowed\u200b.com/', 'DENIED_URL'],
    ['full-width letters', 'https://ａllowed.com/', 'DENIED_URL'],
    ['Kelvin sign', 'https://blac\u212a.com/', 'DENIED_URL'],
    ['long s', 'https://allowed.com\u017f/', 'DENIED_URL'],
    ['Cyrillic look-alike', 'https://аllowed.com/', 'DENIED_DOMAIN'],
    ['punycode of a look-alike', 'https://xn--llowed-2nf.com/', 'DENIED_DOMAIN'],
    ['label that is too long', `https://${'a'.repeat(64)}.wild.com/`, 'DENIED_URL'],
    ['name that is too long', `https://${'a.'.repeat(130)}wild.com/`, 'DENIED_URL'],
    ['the base of a wildcard', 'https://wild.com/', 'DENIED_DOMAIN'],
    ['a wildcard by suffix of characters', 'https://notwild.com/', 'DENIED_DOMAIN'],
    ['star in the host', 'https://*.wild.com/', 'DENIED_URL'],
  ])('%s', (_, url, code) => {
    expect(codeOf(url)).toBe(code)
  })

  it.each([
    ['https://ALLOWED.com/', 'https://allowed.com/'],
    ['HTTPS://allowed.com:443/a', 'https://allowed.com/a'],
    ['https://allowed.com', 'https://allowed.com/'],
    ['https://allowed.com?q=1#f', 'https://allowed.com/?q=1'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://xn--bcher-kva.example/', 'https://xn--bcher-kva.example/'],
    ['https://a.b.wild.com/', 'https://a.b.wild.com/'],
    ['https://allowed.com/a/./b/../c', 'https://allowed.com/a/c'],
    ['https://allowed.com/ä b', 'https://allowed.com/%C3%A4%20b'],
  ])('%s is requested as %s', (url, canonical) => {
    expect(judgeUrl(grant, url).request.url).toBe(canonical)
  })
})

describe('a scheme or a port must be listed', () => {
  it.each([22, 25, 80, 6379, 8443, 11211])('port %i', (port) => {
    expect(codeOf(`https://allowed.com:${port}/`)).toBe('DENIED_DOMAIN')
  })

  it.each([':0', ':080', ':0443', ':', ':-1', ':65536', ':99999', ':4 43', ':443a', ':0x1bb', ':443:443'])(
    '%s',
    (port) => {
      expect(codeOf(`https://allowed.com${port}/`)).toBe('DENIED_URL')
    },
  )

  it.each([
    'file',
    'data',
    'blob',
    'ftp',
    'ws',
    'wss',
    'gopher',
    'unix',
    'javascript',
    'http+unix',
    'httpss',
  ])('%s', (scheme) => {
    expect(codeOf(`${scheme}://allowed.com/`)).toBe('DENIED_URL')
  })

  it('http is not https, and the other way round', () => {
    expect(judgeUrl(grant, 'http://allowed.com/').request.port).toBe(80)
    expect(codeOf('http://bücher.example/')).toBe('DENIED_DOMAIN')
    expect(codeOf('http://allowed.com:443/')).toBe('DENIED_DOMAIN')
  })
})

describe('a path that a server could read in another way is refused', () => {
  it.each([
    'a%2fb',
    'a%2Fb',
    'a%5cb',
    '%2e%2e/a',
    '%2e',
    '.%2e/a',
    'a/%2E%2e',
    '..%2fa',
    '%252fa',
    '%252e%252e',
    '%255c',
    'a%00',
    'a%0d%0ab',
    'a%09b',
    '%c0%af',
    '%ff',
    '%',
    '%zz',
    '..;/admin',
    '.;x=1/a',
    '%2e%2e;/a',
    '%e2%80%a8',
  ])('/%s', (path) => {
    expect(codeOf(`https://allowed.com/${path}`)).toBe('DENIED_URL')
  })

  it('an encoded NUL in the query too', () => {
    expect(codeOf('https://allowed.com/?a=%00')).toBe('DENIED_URL')
  })

  it('a URL has at most 8 KiB, as written and when encoded', () => {
    expect(codeOf(`https://allowed.com/${'a'.repeat(8192)}`)).toBe('DENIED_URL')
    expect(codeOf(`https://allowed.com/?q=${'ä'.repeat(2000)}`)).toBe('DENIED_URL')
  })

  it('a refusal does not repeat what it refuses', () => {
    expect(refusalOf(() => judgeUrl(grant, 'https://user:hunter2@allowed.com/\u202e')).message).not.toMatch(
      /hunter2|\u202e/u,
    )
  })
})

describe('a Location is resolved as strictly', () => {
  const base = parseTarget('https://allowed.com/a/b?q=1')
  it.each([
    ['/x', 'https://allowed.com/x'],
    ['x', 'https://allowed.com/a/x'],
    ['../x?y#z', 'https://allowed.com/x?y'],
    ['?y=2', 'https://allowed.com/a/b?y=2'],
    ['', 'https://allowed.com/a/b?q=1'],
    ['#top', 'https://allowed.com/a/b?q=1'],
    ['//other.com/x', 'https://other.com/x'],
    ['http://other.com:8080', 'http://other.com:8080/'],
  ])('%s', (location, url) => {
    expect(resolveLocation(base, location).url).toBe(url)
  })

  it.each([
    '///evil.com',
    '/\\evil.com',
    '\\\\evil.com',
    'https:evil.com',
    'javascript:alert(1)',
    'data:,x',
    '//u@evil.com',
    'a\tb',
  ])('%s is refused', (location) => {
    expect(refusalOf(() => resolveLocation(base, location)).code).toBe('DENIED_URL')
  })
})
