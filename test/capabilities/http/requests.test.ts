import { describe, expect, it } from 'vitest'
import { entryGrant, grantOf, judge, judgeUrl, problemsOf, refusalOf } from './granting.ts'

const full = entryGrant({
  domain: 'api.company.com',
  methods: ['GET', 'POST', 'DELETE'],
  paths: ['/v1/orders', '/v1/orders/**', '/v2/*/lines'],
  query: ['limit', 'cursor'],
  headers: ['x-trace'],
})
const codeOf = (args: object): string | undefined => {
  try {
    judge(full, { url: 'https://api.company.com/v1/orders', ...args })
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}
const pathCode = (path: string): string | undefined => codeOf({ url: `https://api.company.com${path}` })

describe('methods', () => {
  it.each(['get', 'GET', 'Post', 'delete'])('%s is sent in upper case', (method) => {
    const { request } = judge(full, { method, url: 'https://api.company.com/v1/orders' })
    expect(request.method).toBe(method.toUpperCase())
  })

  it.each([
    ['PUT', 'DENIED_METHOD'],
    ['HEAD', 'DENIED_METHOD'],
    ['CONNECT', 'DENIED_METHOD'],
    ['TRACE', 'DENIED_METHOD'],
    ['GET /x HTTP/1.1', 'DENIED_METHOD'],
    ['GET\r\nX: y', 'DENIED_METHOD'],
    ['G\0ET', 'DENIED_METHOD'],
    ['PRI', 'DENIED_METHOD'],
  ])('%j is refused', (method, code) => {
    expect(codeOf({ method })).toBe(code)
  })

  it('a short entry is for GET and HEAD', () => {
    const short = grantOf({ allowed_domains: ['a.com'] })
    expect(judge(short, { method: 'HEAD', url: 'https://a.com' }).effect).toBe('read')
    expect(refusalOf(() => judge(short, { method: 'POST', url: 'https://a.com' })).code).toBe('DENIED_METHOD')
  })

  it('GET and HEAD have no body', () => {
    expect(codeOf({ body: { text: 'x' } })).toBe('GUEST_ARGUMENTS')
  })
})

describe('paths match by decoded segments', () => {
  it.each([
    ['/v1/orders', undefined],
    ['/v1/orders/', undefined],
    ['/v1/orders/7', undefined],
    ['/v1/orders/7/lines', undefined],
    ['/v1/%6frders', undefined],
    ['/v2/7/lines', undefined],
    ['/v1/orders2', 'DENIED_PATH'],
    ['/v1', 'DENIED_PATH'],
    ['/V1/orders', 'DENIED_PATH'],
    ['//v1/orders', 'DENIED_PATH'],
    ['/v1//orders', 'DENIED_PATH'],
    ['/v1/orders/../admin', 'DENIED_PATH'],
    ['/v1/orders/..', 'DENIED_PATH'],
    ['/v1/orders/../../v1/orders', undefined],
    ['/v2//lines', 'DENIED_PATH'],
    ['/v2/a/b/lines', 'DENIED_PATH'],
    ['/v1/orders/..%2fadmin', 'DENIED_URL'],
    ['/v1/orders;x=1', 'DENIED_PATH'],
    ['/', 'DENIED_PATH'],
  ])('%s', (path, code) => {
    expect(pathCode(path)).toBe(code)
  })

  it('an empty list of paths grants none', () => {
    const none = entryGrant({ domain: 'a.com', paths: [] })
    expect(refusalOf(() => judgeUrl(none, 'https://a.com/')).code).toBe('DENIED_PATH')
  })

  it.each(['v1', '/v1/%2f', '/a?b', '/a#b', '/a/../b', '/a/.', '/a*b', '/a\\b', '/a\nb', '/***'])(
    '%j is refused at load',
    (path) => {
      expect(problemsOf({ allowed_domains: [{ domain: 'a.com', paths: [path] }] })).toHaveLength(1)
    },
  )
})

describe('query parameters', () => {
  it.each([
    ['?limit=1&cursor=2', undefined],
    ['?limit=1&limit=2', undefined],
    ['?limit', undefined],
    ['?', undefined],
    ['?x=1', 'DENIED_QUERY'],
    ['?limit=1&x=1', 'DENIED_QUERY'],
    ['?Limit=1', 'DENIED_QUERY'],
    ['?limit%00=1', 'DENIED_URL'],
    ['?%6cimit=1', undefined],
    ['?limit=1;x=2', 'DENIED_QUERY'],
    ['?=1', 'DENIED_QUERY'],
    ['?limit[]=1', 'DENIED_QUERY'],
  ])('%s', (query, code) => {
    expect(pathCode(`/v1/orders${query}`)).toBe(code)
  })
})

describe('headers', () => {
  it.each([
    [{ accept: 'a/b' }, undefined],
    [{ 'Content-Type': 'a/b' }, undefined],
    [{ 'X-Trace': ' 1 ' }, undefined],
    [{ 'x-other': '1' }, 'DENIED_HEADER'],
    [{ authorization: 'Bearer x' }, 'DENIED_HEADER'],
    [{ cookie: 'a=b' }, 'DENIED_HEADER'],
    [{ host: 'evil.com' }, 'DENIED_HEADER'],
    [{ connection: 'x-trace' }, 'DENIED_HEADER'],
    [{ 'proxy-authorization': 'x' }, 'DENIED_HEADER'],
    [{ 'x-trace': 'a\r\nX-Evil: 1' }, 'DENIED_HEADER'],
    [{ 'x-trace': 'a\n b' }, 'DENIED_HEADER'],
    [{ 'x-trace': 'a\0' }, 'DENIED_HEADER'],
    [{ 'x-trace': 'ä' }, 'DENIED_HEADER'],
    [{ 'x-trace': 'a'.repeat(8193) }, 'DENIED_HEADER'],
    [{ 'x-trace\r\nx-evil': '1' }, 'DENIED_HEADER'],
    [{ 'x trace': '1' }, 'DENIED_HEADER'],
    [{ 'x-trace:': '1' }, 'DENIED_HEADER'],
    [{ '': '1' }, 'DENIED_HEADER'],
    [{ 'x-trace': '1', 'X-Trace': '2' }, 'DENIED_HEADER'],
  ] as [Record<string, string>, string | undefined][])('%j', (headers, code) => {
    expect(codeOf({ headers })).toBe(code)
  })

  it('named __proto__ are never sent', () => {
    const headers = JSON.parse('{"__proto__":"x"}') as Record<string, string>
    expect(judge(full, { url: 'https://api.company.com/v1/orders', headers }).request.headers).toEqual([])
  })

  it('are sent in lower case, trimmed and sorted', () => {
    const { request } = judge(full, {
      url: 'https://api.company.com/v1/orders',
      headers: { 'X-Trace': '\t1 ', Accept: 'a/b' },
    })
    expect(request.headers).toEqual([
      ['accept', 'a/b'],
      ['x-trace', '1'],
    ])
  })

  it.each([
    'host',
    'connection',
    'content-length',
    'transfer-encoding',
    'te',
    'trailer',
    'upgrade',
    'expect',
    'keep-alive',
    'proxy-authorization',
    'proxy-connection',
    'forwarded',
    'x-forwarded-for',
    'accept-encoding',
    'X-Upper',
    'a b',
    '',
  ])('no policy can list %j', (name) => {
    expect(problemsOf({ allowed_domains: [{ domain: 'a.com', headers: [name] }] })).not.toEqual([])
  })

  it.each(['authorization', 'cookie', 'user-agent', 'idempotency-key', 'x-api-key'])(
    'a policy can list %s',
    (name) => {
      const grant = entryGrant({ domain: 'a.com', headers: [name] })
      expect(judge(grant, { url: 'https://a.com', headers: { [name]: 'x' } }).request.headers).toEqual([
        [name, 'x'],
      ])
    },
  )
})

describe('sizes', () => {
  const small = entryGrant({ domain: 'a.com', methods: ['POST'] }, { max_request_size_kb: 1 })
  const code = (body: object): string | undefined => {
    try {
      judge(small, { method: 'POST', url: 'https://a.com/', body })
      return undefined
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  it('URL, headers and body count together, in bytes', () => {
    expect(code({ text: 'a'.repeat(1010) })).toBeUndefined()
    expect(code({ text: 'a'.repeat(1011) })).toBe('LIMIT_REQUEST_SIZE')
    expect(code({ text: 'ä'.repeat(600) })).toBe('LIMIT_REQUEST_SIZE')
    expect(code({ base64: Buffer.alloc(1010).toString('base64') })).toBeUndefined()
    expect(code({ base64: Buffer.alloc(1011).toString('base64') })).toBe('LIMIT_REQUEST_SIZE')
  })
})
