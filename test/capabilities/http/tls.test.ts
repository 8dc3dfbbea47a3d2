import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { beforeAll, describe, expect, it } from 'vitest'
import { drive, failureOf, textOf, type Driving, type Setting } from './driving.ts'
import { makeCertificate, startHttp, startHttps, startRaw, type Certificate } from './servers.ts'

let named: Certificate
let other: Certificate
let addressed: Certificate

beforeAll(async () => {
  ;[named, other, addressed] = await Promise.all([
    makeCertificate('DNS:api.test,DNS:*.wild.test'),
    makeCertificate('DNS:other.test'),
    makeCertificate('IP:127.0.0.1'),
  ])
})

const open = (port: number, extraCa?: string, setting: Partial<Setting> = {}): Driving =>
  drive({
    document: { allowed_domains: ['api.test', 'a.wild.test', '127.0.0.1'].map((host) => `${host}:${port}`) },
    ...(extraCa && { extraCa }),
    ...setting,
  })

/** A stream that is no socket, as a tunnel would be. */
const piped = (socket: Socket): Duplex => {
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _, done) => void socket.write(chunk, () => done()),
    final: (done) => void socket.end(() => done()),
    destroy: (error, done) => {
      socket.destroy()
      done(error)
    },
  })
  socket.on('data', (chunk) => stream.push(chunk) || socket.pause())
  socket.on('end', () => stream.push(null))
  return stream
}

describe('https', () => {
  it('is spoken to the name that was judged, in HTTP/1.1, whatever the server offers', async () => {
    const seen: unknown[] = []
    const { port } = await startHttps(named, (request, response) => {
      const socket = request.socket as typeof request.socket & { servername?: string; alpnProtocol?: string }
      seen.push([socket.servername, socket.alpnProtocol, request.headers.host, request.httpVersion])
      response.end('secured')
    })
    const outcome = await open(port, named.cert).call({ url: `https://api.test:${port}/` })
    expect(textOf(outcome)).toBe('secured')
    expect(seen).toEqual([['api.test', 'http/1.1', `api.test:${port}`, '1.1']])
    expect(outcome.facts).toMatchObject({ address: '127.0.0.1' })
  })

  it('keeps its connection for the next read', async () => {
    const server = await startHttps(named, (_, response) => response.end('x'))
    const api = open(server.port, named.cert)
    for (let count = 0; count < 3; count += 1) await api.call({ url: `https://api.test:${server.port}/` })
    expect(server.accepted).toHaveLength(1)
  })

  it('checks the certificate of an address against the address', async () => {
    const { port } = await startHttps(addressed, (_, response) => response.end('x'))
    expect(textOf(await open(port, addressed.cert).call({ url: `https://127.0.0.1:${port}/` }))).toBe('x')
    const wrong = await startHttps(named, (_, response) => response.end('x'))
    expect(
      (await failureOf(open(wrong.port, named.cert).call({ url: `https://127.0.0.1:${wrong.port}/` }))).code,
    ).toBe('UPSTREAM_UNREACHABLE')
  })

  it('takes a wildcard of the certificate', async () => {
    const { port } = await startHttps(named, (_, response) => response.end('x'))
    expect(textOf(await open(port, named.cert).call({ url: `https://a.wild.test:${port}/` }))).toBe('x')
  })

  it('works over any stream that the dialler gives', async () => {
    const { port } = await startHttps(named, (_, response) => response.end('x'))
    const api = open(port, named.cert, {
      resolve: () => ['127.0.0.1'],
      dial: (address, to) => piped(connect({ host: address, port: to })),
    })
    expect(textOf(await api.call({ url: `https://api.test:${port}/` }))).toBe('x')
  })
})

describe('https is refused, and no request is sent', () => {
  const attempt = async (
    certificate: Certificate,
    extraCa: string | undefined,
  ): Promise<[string, unknown, string[]]> => {
    const seen: string[] = []
    const { port } = await startHttps(certificate, (request, response) => {
      seen.push(request.url ?? '')
      response.end('x')
    })
    const error = await failureOf(open(port, extraCa).call({ url: `https://api.test:${port}/` }))
    return [`${error.code}: ${error.message}`, error.facts.notPerformed, seen]
  }

  it('for a certificate that nobody vouches for', async () => {
    expect(await attempt(named, undefined)).toEqual([
      'UPSTREAM_UNREACHABLE: The connection to api.test could not be secured (DEPTH_ZERO_SELF_SIGNED_CERT).',
      true,
      [],
    ])
  })

  it('even when the environment says otherwise', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    try {
      expect((await attempt(named, undefined))[0]).toContain('UPSTREAM_UNREACHABLE')
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    }
  })

  it('for the certificate of another name', async () => {
    expect(await attempt(other, other.cert)).toEqual([
      'UPSTREAM_UNREACHABLE: The connection to api.test could not be secured (ERR_TLS_CERT_ALTNAME_INVALID).',
      true,
      [],
    ])
  })

  it.each([
    ['a server that speaks plain HTTP', () => startHttp((_, response) => response.end('x'))],
    ['a server that hangs up', () => startRaw((socket) => socket.destroy())],
  ])('by %s', async (_, begin) => {
    const { port } = await begin()
    const error = await failureOf(open(port).call({ url: `https://api.test:${port}/` }))
    expect([error.code, error.facts.notPerformed]).toEqual(['UPSTREAM_UNREACHABLE', true])
  })

  it('by a server that never shakes hands, in time', async () => {
    const server = await startRaw(() => undefined)
    const error = await failureOf(
      open(server.port).call({ url: `https://api.test:${server.port}/`, timeoutMs: 100 }),
    )
    expect([error.code, error.facts.notPerformed]).toEqual(['UPSTREAM_TIMEOUT', true])
    await server.closed()
  })
})
