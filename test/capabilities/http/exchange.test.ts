import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { drive, headerOf, textOf } from './driving.ts'
import { startHttp, startRaw } from './servers.ts'

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

const open = (port: number, entry: object = {}, rest: object = {}): ReturnType<typeof drive> =>
  drive({
    document: {
      allowed_domains: [
        {
          domain: `http://api.test:${port}`,
          methods: ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'],
          ...entry,
        },
      ],
      ...rest,
    },
  })

describe('a request', () => {
  it('reaches the server as it was judged', async () => {
    const seen: unknown[] = []
    const { port } = await startHttp((request, response) => {
      void bodyOf(request).then((body) => {
        seen.push([request.method, request.url, request.headers, body])
        response.end('ok')
      })
    })
    const api = open(port, { headers: ['x-trace'] })
    const args = {
      method: 'post',
      url: `http://api.test:${port}/a/../b%20c?q=ü`,
      headers: { 'X-Trace': '1', 'Content-Type': 'a/b' },
    }
    await api.call({ ...args, body: { text: 'häl' } })
    expect(seen).toEqual([
      [
        'POST',
        '/b%20c?q=%C3%BC',
        {
          host: `api.test:${port}`,
          connection: 'keep-alive',
          'user-agent': 'tollgate',
          'accept-encoding': 'gzip, br, zstd',
          'content-type': 'a/b',
          'x-trace': '1',
          'content-length': '4',
        },
        'häl',
      ],
    ])
  })

  it('has a body of bytes when it is given as base64', async () => {
    const { port } = await startHttp(
      (request, response) => void bodyOf(request).then((body) => response.end(body)),
    )
    const api = open(port)
    const answer = await api.call({
      method: 'DELETE',
      url: `http://api.test:${port}`,
      body: { base64: Buffer.from('äö').toString('base64') },
    })
    expect(textOf(answer)).toBe('äö')
  })

  it('carries a key of the host when the entry is keyed, and only then', async () => {
    const { port } = await startHttp((request, response) =>
      response.end(request.headers['idempotency-key'] ?? 'none'),
    )
    const url = `http://api.test:${port}`
    expect(
      textOf(await open(port, { idempotency: 'keyed' }).call({ method: 'POST', url }, { key: 'abc' })),
    ).toBe('abc')
    expect(textOf(await open(port).call({ method: 'POST', url }, { key: 'abc' }))).toBe('none')
  })

  it('says who asks unless the guest may say it', async () => {
    const { port } = await startHttp((request, response) => response.end(request.headers['user-agent']))
    const api = open(port, { headers: ['user-agent'] })
    expect(
      textOf(await api.call({ url: `http://api.test:${port}`, headers: { 'user-agent': 'mine' } })),
    ).toBe('mine')
  })
})

describe('an answer', () => {
  const answered = async (
    headers: Record<string, string | string[]>,
    body: string | Buffer = 'x',
  ): Promise<Awaited<ReturnType<ReturnType<typeof drive>['call']>>> => {
    const { port } = await startHttp((_, response) => {
      response.writeHead(200, 'Very Well', headers).end(body)
    })
    return open(port).call({ url: `http://api.test:${port}/x` })
  }

  it('carries URL, status, headers and body', async () => {
    const { value } = await answered(
      { 'content-type': 'application/json', 'x-one': ['1', '2'], date: 'D', connection: 'close' },
      '{"a":1}',
    )
    expect(value).toMatchObject({
      status: 200,
      statusText: 'Very Well',
      redirected: false,
      body: { text: '{"a":1}' },
      headers: [
        ['content-type', 'application/json'],
        ['x-one', '1'],
        ['x-one', '2'],
        ['date', 'D'],
      ],
    })
    expect(value.url).toMatch(/^http:\/\/api\.test:\d+\/x$/)
  })

  it('has no cookies and nothing that is meant for the next hop only', async () => {
    const { value } = await answered({
      'set-cookie': ['a=b', 'c=d'],
      'alt-svc': 'h3=":443"',
      connection: 'close, X-Hop',
      'x-hop': '1',
      'proxy-authenticate': 'Basic',
      'keep-alive': 'timeout=5',
      'x-kept': '1',
    })
    const names = value.headers.map(([name]) => name).filter((name) => name !== 'content-length')
    expect(names.toSorted()).toEqual(['date', 'x-kept'])
  })

  it.each([
    ['text in UTF-8', 'text/plain', Buffer.from('häl'), { text: 'häl' }],
    ['text without a type', undefined, Buffer.from('häl'), { text: 'häl' }],
    ['a byte order mark', 'text/plain', Buffer.from('\ufeffa'), { text: 'a' }],
    [
      'Latin-1 by its charset',
      'text/plain; charset=iso-8859-1',
      Buffer.from('häl', 'latin1'),
      { text: 'häl' },
    ],
    ['a quoted charset', 'text/plain; charset="ISO-8859-1"', Buffer.from('häl', 'latin1'), { text: 'häl' }],
    ['UTF-16 by its charset', 'text/plain;charset=utf-16le', Buffer.from('häl', 'utf16le'), { text: 'häl' }],
    ['bytes that are no text', 'text/plain', Buffer.from([0xff, 0xfe, 0x00]), { base64: '//4A' }],
    ['an unknown charset', 'text/plain; charset=klingon', Buffer.from('abc'), { base64: 'YWJj' }],
    ['nothing', 'text/plain', Buffer.alloc(0), { text: '' }],
  ])('with %s', async (_, type, bytes, body) => {
    const { value } = await answered(type === undefined ? {} : { 'content-type': type }, bytes)
    expect(value.body).toEqual(body)
  })

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('to %s with %i has no body, whatever its headers say', async (method, status) => {
    const { port } = await startHttp((_, response) => {
      response.writeHead(status, { 'content-encoding': 'compress', 'x-status': String(status) }).end()
    })
    const answer = await open(port).call({ method, url: `http://api.test:${port}` })
    expect([answer.value.status, textOf(answer)]).toEqual([status, ''])
  })

  it('to HEAD may announce a body that is larger than the limit', async () => {
    const { port } = await startHttp((_, response) => {
      response.writeHead(200, { 'content-length': '99999999' }).end()
    })
    const answer = await open(port).call({ method: 'HEAD', url: `http://api.test:${port}` })
    expect(headerOf(answer, 'content-length')).toBe('99999999')
  })

  it('after an informational one is the answer', async () => {
    const { port } = await startHttp((_, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' })
      response.end('final')
    })
    expect(textOf(await open(port).call({ url: `http://api.test:${port}` }))).toBe('final')
  })

  it('with a status of 4xx or 5xx is an answer, no error', async () => {
    const { port } = await startHttp((_, response) => {
      response.writeHead(503).end('busy')
    })
    const answer = await open(port).call({ url: `http://api.test:${port}` })
    expect([answer.value.status, textOf(answer)]).toEqual([503, 'busy'])
  })
})

describe('what is accounted', () => {
  it('bytes as they are on the wire, the address, and the price of what was really sent', async () => {
    const { port } = await startHttp((_, response) => response.end('12345'))
    const api = open(port, { cost_usd: 0.002 })
    const url = `http://api.test:${port}/`
    const outcome = await api.call({ method: 'POST', url, headers: { accept: 'a/b' }, body: { text: 'abc' } })
    expect(outcome).toMatchObject({
      ingressBytes: 5,
      egressBytes: url.length + 'accept'.length + 'a/b'.length + 4 + 3,
      costMicroUsd: 2000,
      facts: { address: '127.0.0.1', status: 200, hops: 0 },
    })
  })
})

describe('connections', () => {
  it('serve several reads of one driver, one after the other', async () => {
    const server = await startHttp((_, response) => response.end('x'))
    const api = open(server.port)
    for (let count = 0; count < 3; count += 1) await api.call({ url: `http://api.test:${server.port}` })
    expect([server.accepted.length, api.resolved.length]).toEqual([1, 1])
  })

  it('that were used are not used for an effect', async () => {
    const server = await startHttp((_, response) => response.end('x'))
    const api = open(server.port)
    await api.call({ url: `http://api.test:${server.port}` })
    await api.call({ method: 'POST', url: `http://api.test:${server.port}` })
    expect(server.accepted).toHaveLength(2)
  })

  it('are never shared between drivers', async () => {
    const server = await startHttp((_, response) => response.end('x'))
    await open(server.port).call({ url: `http://api.test:${server.port}` })
    await open(server.port).call({ url: `http://api.test:${server.port}` })
    expect(server.accepted).toHaveLength(2)
  })

  it('are never pipelined', async () => {
    let busy = 0
    const server = await startHttp((_, response) => {
      busy += 1
      setTimeout(() => response.end(String(busy)), 30)
    })
    const api = open(server.port)
    await Promise.all([1, 2, 3].map(() => api.call({ url: `http://api.test:${server.port}` })))
    expect([server.accepted.length, busy]).toEqual([3, 3])
  })

  it('that the server closed while idle are replaced', async () => {
    const server = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx')
      setTimeout(() => socket.destroy(), 5)
    })
    const api = open(server.port)
    for (let count = 0; count < 3; count += 1) {
      expect(textOf(await api.call({ url: `http://api.test:${server.port}` }))).toBe('x')
      await server.closed()
    }
    expect(server.accepted).toHaveLength(3)
  })

  it('end with the driver', async () => {
    const server = await startHttp((_, response) => response.end('x'))
    const api = open(server.port)
    await api.call({ url: `http://api.test:${server.port}` })
    await api.driver.close()
    await server.closed()
    expect(server.accepted[0]?.closed).toBe(true)
  })
})

it('variables of the environment that name a proxy are ignored', async () => {
  const proxied: string[] = []
  const proxy = createServer((request, response) => {
    proxied.push(request.url ?? '')
    response.end('proxy')
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  const place = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const names = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']
  const before = names.map((name) => process.env[name])
  for (const name of names) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : place
  try {
    const { port } = await startHttp((_, response) => response.end('direct'))
    expect(textOf(await open(port).call({ url: `http://api.test:${port}` }))).toBe('direct')
    expect(proxied).toEqual([])
  } finally {
    names.forEach((name, at) => {
      const value = before[at]
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    })
    proxy.close()
  }
})
