import { describe, expect, it } from 'vitest'
import { entryGrant, environment, grantOf, judge, judgeUrl, problemsOf, refusalOf } from './granting.ts'

describe('what is judged is what is performed', () => {
  it('one frozen object of JSON data, the same for the same arguments', () => {
    const grant = entryGrant({ domain: 'a.com', methods: ['POST'] })
    const args = {
      method: 'post',
      url: 'HTTPS://A.com:443/x?q#f',
      headers: { Accept: 'a/b' },
      body: { text: 'hello' },
    }
    const { request } = judge(grant, args)
    expect(request).toEqual({
      method: 'POST',
      url: 'https://a.com/x?q',
      scheme: 'https',
      host: 'a.com',
      port: 443,
      path: '/x',
      query: '?q',
      headers: [['accept', 'a/b']],
      body: { text: 'hello' },
      redirect: 'follow',
      timeoutMs: 30_000,
      entry: 0,
    })
    expect(judge(grant, args)).toEqual(judge(grant, structuredClone(args)))
    expect(
      Object.isFrozen(request) && Object.isFrozen(request.headers[0]) && Object.isFrozen(request.body),
    ).toBe(true)
  })

  it('the guest shortens the timeout, never lengthens it', () => {
    const grant = entryGrant({ domain: 'a.com' }, { timeout_seconds: 2 })
    expect(judge(grant, { url: 'https://a.com', timeoutMs: 50 }).request.timeoutMs).toBe(50)
    expect(judge(grant, { url: 'https://a.com', timeoutMs: 5000 }).request.timeoutMs).toBe(2000)
  })

  it('there is no other op', () => {
    const grant = grantOf({ allowed_domains: ['a.com'] })
    expect(refusalOf(() => grant.judge('http.connect', { url: 'https://a.com' })).code).toBe(
      'DENIED_NOT_GRANTED',
    )
  })
})

describe('the subject', () => {
  const grant = entryGrant({ domain: 'bücher.example', query: undefined })

  it('is the canonical request, plain ASCII on one line', () => {
    const { subject } = judgeUrl(grant, 'https://bücher.example/a b\u202e?q=ü')
    expect(subject).toBe('GET https://xn--bcher-kva.example/a%20b%E2%80%AE?q=%C3%BC')
  })

  it('of two long URLs differs wherever they differ, for a standing approval goes by it', () => {
    const subjects = ['a', 'b'].map(
      (end) => judgeUrl(grant, `https://bücher.example/${'x'.repeat(2000)}${end}`).subject,
    )
    expect(new Set(subjects).size).toBe(2)
    expect(subjects.every((subject) => subject.length < 650)).toBe(true)
  })
})

describe('effect, categories and asking', () => {
  it('GET and HEAD read, the rest write, and a policy raises that', () => {
    const plain = entryGrant({ domain: 'a.com', methods: ['GET', 'POST'] })
    expect(judge(plain, { url: 'https://a.com' })).toMatchObject({
      effect: 'read',
      idempotency: 'idempotent',
    })
    expect(judge(plain, { method: 'POST', url: 'https://a.com' })).toMatchObject({
      effect: 'write',
      idempotency: 'at_most_once',
    })
    const raised = entryGrant({
      domain: 'a.com',
      methods: ['GET'],
      effect: 'irreversible',
      category: ['payment'],
      ask: 'always',
    })
    expect(judgeUrl(raised, 'https://a.com')).toMatchObject({
      effect: 'irreversible',
      categories: ['payment'],
      ask: 'always',
    })
  })

  it('a policy never lowers it', () => {
    expect(
      problemsOf({ allowed_domains: [{ domain: 'a.com', methods: ['GET', 'POST'], effect: 'read' }] }).join(),
    ).toContain('never lowered')
  })

  it('a keyed entry sends a key of the host, so the guest may not send one', () => {
    const entry = { domain: 'a.com', methods: ['POST'], idempotency: 'keyed', key_ttl_seconds: 60 }
    expect(judge(entryGrant(entry), { method: 'POST', url: 'https://a.com' })).toMatchObject({
      idempotency: 'keyed',
      keyTtlMs: 60_000,
    })
    expect(problemsOf({ allowed_domains: [{ ...entry, headers: ['idempotency-key'] }] }).join()).toContain(
      'set by the host',
    )
    expect(problemsOf({ allowed_domains: [{ domain: 'a.com', key_ttl_seconds: 60 }] }).join()).toContain(
      'keyed',
    )
  })
})

describe('budgets', () => {
  it('bytes out are drawn for the destination as the policy writes it, host name and query included', () => {
    const grant = entryGrant({ domain: '*.a.com', max_egress_kb: 1 }, { max_egress_kb: 2 })
    const [destination, entry, ...more] = judgeUrl(grant, 'https://secret.a.com/?q=1').quotas
    const amount = 'https://secret.a.com/?q=1'.length
    expect(destination).toMatchObject({
      meter: 'http.egress:*.a.com',
      amount,
      max: 2048,
      scope: 'run',
      code: 'LIMIT_EGRESS',
    })
    expect(entry).toMatchObject({
      amount,
      max: 1024,
      scope: 'run',
      rule: 'permissions.http.allowed_domains[0].max_egress_kb',
    })
    expect(more).toEqual([])
  })

  it('a rate is a quota of its own', () => {
    const grant = entryGrant({ domain: 'a.com' }, { rate: { calls: 10, per_seconds: 2 } })
    expect(judgeUrl(grant, 'https://a.com').quotas.at(-1)).toMatchObject({
      amount: 1,
      max: 10,
      windowMs: 2000,
      code: 'LIMIT_RATE',
    })
  })

  it('the worst case of the price has every redirect in it', () => {
    const prices = { ...environment().prices, httpCallMicroUsd: 5, egressMbMicroUsd: 1024 * 1024 }
    const url = 'https://a.com/'
    const grant = (max: number): ReturnType<typeof grantOf> =>
      grantOf({ allowed_domains: ['a.com'], max_redirects: max }, { prices })
    expect(judgeUrl(grant(0), url).costMicroUsd).toBe(5 + url.length)
    expect(judgeUrl(grant(2), url).costMicroUsd).toBe(5 + url.length + 2 * (url.length + 8192))
    expect(judge(grant(2), { url, redirect: 'manual' }).costMicroUsd).toBe(5 + url.length)
  })
})

describe('secrets', () => {
  const secretHosts = new Map([
    ['any', undefined],
    ['company', ['api.company.com', '*.wild.com', 'ported.com:8443']],
  ])
  const compile = (domain: string, auth: string): unknown => entryGrant({ domain, auth }, {}, { secretHosts })

  it.each([
    ['a.com', 'missing'],
    ['other.com', 'company'],
    ['*.company.com', 'company'],
    ['wild.com', 'company'],
    ['ported.com', 'company'],
    ['http://ported.com', 'company'],
  ])('%s may not name %s', (domain, auth) => {
    expect(refusalOf(() => compile(domain, auth)).code).toBe('CONFIG_POLICY_INVALID')
  })

  it.each([
    ['a.com', 'any'],
    ['api.company.com', 'company'],
    ['api.company.com:8443', 'company'],
    ['a.wild.com', 'company'],
    ['*.wild.com', 'company'],
    ['ported.com:8443', 'company'],
    ['http://ported.com:8443', 'company'],
  ])('%s may name %s', (domain, auth) => {
    expect(compile(domain, auth)).toBeDefined()
  })

  it('a secret that travels unencrypted is remarked', () => {
    const warnings: string[] = []
    entryGrant(
      { domain: 'http://api.company.com', auth: 'company' },
      {},
      { secretHosts, warn: (path) => warnings.push(path) },
    )
    expect(warnings).toEqual(['permissions.http.allowed_domains[0].auth'])
  })

  it('the guest does not set what the host adds', () => {
    expect(
      problemsOf({ allowed_domains: [{ domain: 'a.com', auth: 'any', headers: ['authorization'] }] }).join(),
    ).toContain('set by the host')
  })
})
