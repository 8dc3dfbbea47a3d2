import { describe, expect, it } from 'vitest'
import { grantOf, judge } from './granting.ts'

const grant = grantOf({
  allowed_domains: [
    { domain: 'api.company.com', methods: ['GET', 'POST'] },
    { domain: 'http://127.0.0.1:8080', methods: ['POST'] },
    { domain: 'a.b.c.d.e.company.com', methods: ['POST'] },
    { domain: 'shop.co.uk', methods: ['POST'] },
  ],
  private_networks: ['127.0.0.0/8'],
})
const asks = (pattern: string, method: string, url: string): boolean | undefined =>
  grant.actionPattern(pattern)?.(judge(grant, { method, url }))

describe('an entry of human_in_loop asks', () => {
  it.each([
    ['http', 'GET', 'https://api.company.com/'],
    ['http.request', 'GET', 'https://api.company.com/'],
    ['http.read', 'GET', 'https://api.company.com/'],
    ['http.write', 'POST', 'https://api.company.com/'],
    ['http.POST', 'POST', 'https://api.company.com/'],
    ['http.post', 'POST', 'https://api.company.com/'],
    ['http.*', 'POST', 'https://api.company.com/'],
    ['http.POST api.company.com', 'POST', 'https://api.company.com/v1'],
    ['http.POST API.company.com', 'POST', 'https://api.company.com/v1'],
    ['http.POST *.company.com', 'POST', 'https://api.company.com/v1'],
    ['http.POST api.company.com/v1/**', 'POST', 'https://api.company.com/v1/a/b'],
    ['http.POST api.company.com/v1/*', 'POST', 'https://api.company.com/v1/%61'],
    ['http.POST api.company.com/pay', 'POST', 'https://api.company.com/pay/'],
    ['http.POST api.company.com/pay', 'POST', 'https://api.company.com//pay'],
    ['http.POST api.company.com/pay', 'POST', 'https://api.company.com/Pay'],
    ['http.POST api.company.com/pay', 'POST', 'https://api.company.com/pay;x=1'],
    ['http.POST api.company.com/Pay/', 'POST', 'https://api.company.com/pay'],
    ['http.POST api.company.com/', 'POST', 'https://api.company.com//'],
    ['http.POST 127.0.0.1', 'POST', 'http://127.0.0.1:8080/'],
    ['http.POST 127.0.0.1:8080', 'POST', 'http://127.0.0.1:8080/'],
    ['http.POST 127.0.0.1:8080/**', 'POST', 'http://127.0.0.1:8080/x'],
    ['http.POST http://127.0.0.1', 'POST', 'http://127.0.0.1:8080/'],
    ['http.POST *.company.com', 'POST', 'https://a.b.c.d.e.company.com/'],
    ['http.POST *.co.uk', 'POST', 'https://shop.co.uk/'],
    ['http.POST *', 'POST', 'https://shop.co.uk/'],
  ])('%s about %s %s', (pattern, method, url) => {
    expect(asks(pattern, method, url)).toBe(true)
  })

  it.each([
    ['http.POST', 'GET', 'https://api.company.com/'],
    ['http.write', 'GET', 'https://api.company.com/'],
    ['http.POST other.com', 'POST', 'https://api.company.com/'],
    ['http.POST company.com', 'POST', 'https://api.company.com/'],
    ['http.POST api.company.com:8443', 'POST', 'https://api.company.com/'],
    ['http.POST http://api.company.com', 'POST', 'https://api.company.com/'],
    ['http.POST api.company.com/v1/*', 'POST', 'https://api.company.com/v1/a/b'],
  ])('%s, not about %s %s', (pattern, method, url) => {
    expect(asks(pattern, method, url) ?? false).toBe(false)
  })

  it.each([
    'send_email',
    'http.BREW',
    'http.POST api company.com',
    'https.POST',
    'http.POST a.*.com',
    'db.write',
  ])('%s speaks of something else', (pattern) => {
    expect(grant.actionPattern(pattern)).toBeUndefined()
  })
})
