/** H22: a wildcard stands for the sub-domains of a name that somebody owns, and for nothing else. */
import { describe, expect, test } from 'vitest'
import { decide } from './decisions.ts'
import { compile, problemsOf } from './sample-policies.ts'

const granting = (domain: string) => compile({ permissions: { http: { allowed_domains: [domain] } } })
const passes = (domain: string, url: string): boolean =>
  decide(granting(domain), { op: 'http.request', args: { url } }) !== undefined

describe('a domain of a policy', () => {
  test.for([
    '*',
    '**',
    '*.*',
    '*.',
    '*.com',
    '*.uk',
    '*.co.uk',
    '*.github.io',
    '*.s3.amazonaws.com',
    '*.vercel.app',
    '*.pages.dev',
    '*.*.company.com',
    'a.*.company.com',
    'api*.company.com',
    '*api.company.com',
    'api.company.*',
    '**.company.com',
    '*.127.0.0.1',
    '*.[::1]',
    'https://*',
    'https://*.com',
    '?.company.com',
    '[a-z].company.com',
    '',
    '.',
    '.com',
    'company.com/',
    'company.com/path',
    'user@company.com',
    'company.com:0',
    'company.com:65536',
    'company.com:https',
    'ftp://company.com',
    'file:///etc/passwd',
    'ws://company.com',
    'data:text/html',
    'javascript:alert(1)',
    '//company.com',
    'company.com.',
    'com pany.com',
    'company\u3002com',
    '\uff43ompany.com',
    '0x7f.1',
    '127.1',
    '2130706433',
    'compa\u00adny.com',
  ])('%s is refused when the policy loads', (domain) => {
    expect(problemsOf(() => granting(domain))).toMatchObject([
      { path: expect.stringContaining('allowed_domains[0]') as string },
    ])
  })

  test('with a wildcard covers sub-domains by whole labels, not the name itself', () => {
    expect(passes('*.company.com', 'https://a.company.com/')).toBe(true)
    expect(passes('*.company.com', 'https://a.b.company.com/')).toBe(true)
    expect(passes('*.company.com', 'https://company.com/')).toBe(false)
    expect(passes('*.company.com', 'https://evilcompany.com/')).toBe(false)
    expect(passes('*.company.com', 'https://a.company.com.evil.example/')).toBe(false)
  })

  test('without one covers the name itself and nothing beside or below it', () => {
    expect(passes('company.com', 'https://company.com/')).toBe(true)
    expect(passes('company.com', 'https://www.company.com/')).toBe(false)
    expect(passes('company.com', 'https://company.com:444/')).toBe(false)
    expect(passes('company.com', 'http://company.com/')).toBe(false)
  })
})
