import { describe, expect, it } from 'vitest'
import { grantOf, judgeUrl, problemsOf, refusalOf } from './granting.ts'

const problem = (domain: string): string => problemsOf({ allowed_domains: [domain] }).join()

describe('a domain that grants more than it seems is refused at load', () => {
  it.each([
    ['*', 'first labels'],
    ['*.', 'missing'],
    ['*.*', 'first labels'],
    ['*.*.company.com', 'first labels'],
    ['a.*.com', 'first labels'],
    ['*a.company.com', 'first labels'],
    ['*.com', 'public suffix'],
    ['*.co.uk', 'public suffix'],
    ['*.github.io', 'public suffix'],
    ['*.kawasaki.jp', 'public suffix'],
    ['*.compute.amazonaws.com', 'public suffix'],
    ['*.s3.amazonaws.com', 'public suffix'],
    ['*.localhost', 'public suffix'],
    ['*.127.0.0.1', 'no sub-domains'],
    ['*.[::1]', 'port'],
    ['company.com/v1', 'no path'],
    ['https://company.com/', 'no path'],
    ['company.com?x', 'is not a domain'],
    ['user@company.com', 'malformed'],
    ['ftp://company.com', 'cannot be granted'],
    ['file://company.com', 'cannot be granted'],
    ['company.com:0', 'port'],
    ['company.com:080', 'port'],
    ['company.com:65536', 'port'],
    ['company.com:', 'port'],
    ['company.com.', 'dot'],
    ['comp any.com', 'malformed'],
    ['', 'missing'],
    ['ｃompany.com', 'canonical'],
    ['127.1', 'canonical'],
    ['127.0.0.1', 'private_networks'],
    ['http://10.0.0.1:8080', 'private_networks'],
    ['[::ffff:a00:1]', 'IPv4-mapped'],
  ])('%s', (domain, expected) => {
    expect(problem(domain)).toContain(expected)
  })

  it.each([
    'company.com',
    '*.company.com',
    '*.company.co.uk',
    '*.me.github.io',
    'COMPANY.com',
    'http://company.com:8080',
    '[2606:2800:220:1::1]',
    'localhost',
    'a_b.company.com',
  ])('%s loads', (domain) => {
    expect(problem(domain)).toBe('')
  })
})

describe('a wildcard', () => {
  const codeOf = (domain: string, host: string): string | undefined => {
    const grant = grantOf({ allowed_domains: [domain] })
    try {
      judgeUrl(grant, `https://${host}/`)
      return undefined
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  it.each([
    ['its sub-domain', '*.company.com', 'a.company.com', undefined],
    ['a sub-domain further down', '*.company.com', 'a.b.c.d.company.com', undefined],
    ['not itself', '*.company.com', 'company.com', 'DENIED_DOMAIN'],
    ['not a longer name', '*.company.com', 'a.company.com.evil.io', 'DENIED_DOMAIN'],
    [
      'not more than four labels: that is a message',
      '*.company.com',
      'a.b.c.d.e.company.com',
      'DENIED_DOMAIN',
    ],
    [
      'not more than 64 characters',
      '*.company.com',
      `${'a'.repeat(40)}.${'b'.repeat(40)}.company.com`,
      'DENIED_DOMAIN',
    ],
    ['what its owner owns', '*.amazonaws.com', 'sts.amazonaws.com', undefined],
    ['not what a stranger can own below it', '*.amazonaws.com', 'bucket.s3.amazonaws.com', 'DENIED_DOMAIN'],
    ['not a suffix below it', '*.amazonaws.com', 's3.amazonaws.com', 'DENIED_DOMAIN'],
    ['a private zone', '*.corp.internal', 'wiki.corp.internal', undefined],
  ])('is %s', (_, domain, host, code) => {
    expect(codeOf(domain, host)).toBe(code)
  })

  it('a name that nothing allows is told without asking anybody for it', () => {
    const refusal = refusalOf(() =>
      judgeUrl(grantOf({ allowed_domains: ['*.company.com'] }), 'https://c2VjcmV0.evil.io/'),
    )
    expect(refusal.code).toBe('DENIED_DOMAIN')
    expect(refusal.facts.hint).toContain('*.company.com')
  })
})

describe('the union of the entries is granted', () => {
  it('the first entry that allows the whole request decides', () => {
    const grant = grantOf({ allowed_domains: ['a.com', { domain: 'a.com', methods: ['GET', 'POST'] }] })
    expect(judgeUrl(grant, 'https://a.com/').request.entry).toBe(0)
    expect(
      grant.judge('http.request', { method: 'POST', url: 'https://a.com/', redirect: 'follow' }).rule,
    ).toBe('permissions.http.allowed_domains[1]')
  })

  it('an empty list grants nothing', () => {
    expect(refusalOf(() => judgeUrl(grantOf({ allowed_domains: [] }), 'https://a.com/')).code).toBe(
      'DENIED_DOMAIN',
    )
    expect(refusalOf(() => judgeUrl(grantOf({}), 'https://a.com/')).code).toBe('DENIED_DOMAIN')
  })
})
