import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { drive, failureOf, textOf, type Driving } from './driving.ts'
import { startCanned, startHttp, startRaw, type Started } from './servers.ts'

const KB = 1024
// What is rejected or thrown while nobody listens fails the whole test run: vitest sees to it.

const open = (port: number, rest: object = {}): Driving =>
  drive({
    document: {
      allowed_domains: [{ domain: `http://api.test:${port}`, methods: ['GET', 'HEAD', 'POST'] }],
      max_response_size_kb: 64,
      timeout_seconds: 5,
      ...rest,
    },
  })
const get = (server: Started, rest: object = {}): ReturnType<Driving['call']> =>
  open(server.port, rest).call({ url: `http://api.test:${server.port}/` })
const codeOf = async (server: Started, rest: object = {}): Promise<string> =>
  (await failureOf(get(server, rest))).code

const encoded = (encoding: string, body: Buffer): Promise<Started> =>
  startHttp((_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body))

describe('a content coding is decoded', () => {
  const body = Buffer.from('häl '.repeat(500))
  it.each([
    ['gzip', gzipSync(body)],
    ['x-gzip', gzipSync(body)],
    ['GZIP', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['br', brotliCompressSync(body)],
    ['zstd', zstdCompressSync(body)],
    ['identity', body],
    ['identity, gzip', gzipSync(body)],
    ['gzip, br', brotliCompressSync(gzipSync(body))],
    ['gzip, gzip', gzipSync(gzipSync(body))],
  ])('%s', async (encoding, bytes) => {
    const outcome = await get(await encoded(encoding, bytes))
    expect(textOf(outcome)).toBe(body.toString())
    expect(outcome.ingressBytes).toBe(bytes.length)
    expect(outcome.value.headers.map(([name]) => name)).not.toContain('content-encoding')
  })

  it.each(['gzip', 'br', 'zstd', 'deflate'])('%s of nothing is nothing', async (encoding) => {
    expect(textOf(await get(await encoded(encoding, Buffer.alloc(0))))).toBe('')
  })

  it.each([
    ['an unknown one', 'compress', body],
    ['an unknown one among known ones', 'gzip, rot13', gzipSync(body)],
    ['three of them', 'gzip, gzip, gzip', gzipSync(gzipSync(gzipSync(body)))],
    ['one that it is not', 'gzip', body],
    ['one that it is not', 'br', body],
    ['one that it is not', 'zstd', body],
    ['a bare deflate stream', 'deflate', deflateRawSync(body)],
    ['one that is cut off', 'gzip', gzipSync(body).subarray(0, -4)],
    ['one that is cut off', 'br', brotliCompressSync(body).subarray(0, -4)],
    ['one that is cut off', 'zstd', zstdCompressSync(body).subarray(0, -4)],
    ['one with rubbish behind', 'gzip', Buffer.concat([gzipSync(body), Buffer.from('rubbish')])],
  ])('%s is no answer: %s', async (_, encoding, bytes) => {
    expect(await codeOf(await encoded(encoding, bytes))).toBe('UPSTREAM_PROTOCOL')
  })
})

describe('an answer that is too large when decoded is cut off, and its socket closed', () => {
  const bomb = Buffer.alloc(64 * 1024 * KB)

  it.each([
    ['gzip', gzipSync(bomb)],
    ['br', brotliCompressSync(bomb)],
    ['zstd', zstdCompressSync(bomb)],
    ['deflate', deflateSync(bomb)],
    ['gzip, gzip', gzipSync(gzipSync(bomb))],
    ['gzip, br', brotliCompressSync(gzipSync(bomb))],
  ])('a bomb in %s', async (encoding, bytes) => {
    const server = await encoded(encoding, bytes)
    const error = await failureOf(get(server))
    expect([error.code, error.facts.rule, error.facts.notPerformed]).toEqual([
      'LIMIT_RESPONSE_SIZE',
      'permissions.http.max_response_size_kb',
      undefined,
    ])
    await server.closed()
  })

  it('a bomb of a few hundred bytes does not grow the process by what it holds', async () => {
    const small = brotliCompressSync(Buffer.alloc(256 * 1024 * KB), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 2 },
    })
    expect(small.length).toBeLessThan(4 * KB)
    const server = await encoded('br', small)
    const before = process.memoryUsage().rss
    expect(await codeOf(server)).toBe('LIMIT_RESPONSE_SIZE')
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * KB)
  })

  it('a bomb that never ends is cut while it still arrives', async () => {
    const server = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n')
      const part = gzipSync(bomb)
      socket.write(`${part.length.toString(16)}\r\n`)
      socket.write(part)
      socket.write('\r\n')
    })
    expect(await codeOf(server)).toBe('LIMIT_RESPONSE_SIZE')
    await server.closed()
  })

  it('endless members of nothing are counted on the wire', async () => {
    const server = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n')
      flood(socket, gzipSync(Buffer.alloc(0)))
    })
    expect(await codeOf(server)).toBe('LIMIT_RESPONSE_SIZE')
    await server.closed()
  })

  it('what a stacked coding blows up in between is counted too', async () => {
    const inner = Buffer.concat(Array.from({ length: 50_000 }, () => gzipSync(Buffer.alloc(0))))
    expect(await codeOf(await encoded('gzip, br', brotliCompressSync(inner)))).toBe('LIMIT_RESPONSE_SIZE')
  })

  it('a zstd frame is decoded only within a window of 8 MiB (RFC 9659)', async () => {
    // Magic number, a frame header with the window, one raw block that is the last and holds one byte.
    const frame = (log: number): Buffer =>
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 9, 0, 0, 0x61])
    expect(textOf(await get(await encoded('zstd', frame(23))))).toBe('a')
    expect(await codeOf(await encoded('zstd', frame(24)))).toBe('UPSTREAM_PROTOCOL')
    expect(await codeOf(await encoded('zstd', frame(31)))).toBe('UPSTREAM_PROTOCOL')
  })

  it('chunks without end', async () => {
    const server = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      flood(socket, Buffer.from('1\r\nx\r\n'.repeat(1000)))
    })
    expect(await codeOf(server)).toBe('LIMIT_RESPONSE_SIZE')
    await server.closed()
  })

  it('one that announces its size, before its body is read', async () => {
    const server = await startCanned(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * KB + 1}\r\n\r\n`, false)
    expect(await codeOf(server)).toBe('LIMIT_RESPONSE_SIZE')
    await server.closed()
  })

  it('the limit is exact', async () => {
    const [fits, not] = [
      await encoded('gzip', gzipSync(Buffer.alloc(64 * KB, 'a'))),
      await encoded('gzip', gzipSync(Buffer.alloc(64 * KB + 1, 'a'))),
    ]
    expect(textOf(await get(fits))).toHaveLength(64 * KB)
    expect(await codeOf(not)).toBe('LIMIT_RESPONSE_SIZE')
  })
})

/** Writes the same bytes until the other side closes. */
function flood(socket: Socket, bytes: Buffer): void {
  const go = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  }
  socket.on('drain', go)
  go()
}

describe('an answer that lies about itself is no answer', () => {
  it.each([
    ['shorter than it says', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort', 'UPSTREAM_'],
    ['chunks cut off', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel', 'UPSTREAM_'],
    [
      'a chunk size that is none',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n',
      'UPSTREAM_PROTOCOL',
    ],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
      'UPSTREAM_PROTOCOL',
    ],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
      'UPSTREAM_PROTOCOL',
    ],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx', 'UPSTREAM_PROTOCOL'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'UPSTREAM_PROTOCOL'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n', 'UPSTREAM_PROTOCOL'],
    ['a header with a NUL', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n', 'UPSTREAM_PROTOCOL'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0\r\n\r\n', 'UPSTREAM_PROTOCOL'],
    [
      'an upgrade that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
      'UPSTREAM_',
    ],
    ['nothing at all', '', 'UPSTREAM_UNREACHABLE'],
    ['half a status line', 'HTTP/1.1 2', 'UPSTREAM_'],
    ['another version', 'HTTP/9.9 200 OK\r\n\r\n', 'UPSTREAM_PROTOCOL'],
  ])('%s', async (_, bytes, code) => {
    const server = await startCanned(bytes)
    const error = await failureOf(get(server))
    expect(error.code).toContain(code)
    expect(error.facts.notPerformed).toBeUndefined()
    await server.closed()
  })

  it('more bytes than it says are not read as another answer', async () => {
    const server = await startCanned(
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother',
      false,
    )
    const api = open(server.port)
    for (let count = 0; count < 2; count += 1)
      expect(textOf(await api.call({ url: `http://api.test:${server.port}/` }))).toBe('x')
    expect(server.accepted).toHaveLength(2)
  })

  it('the message repeats nothing of it', async () => {
    const server = await startCanned('HTTP/1.1 200 OK\r\nX: sk-secret\0\r\n\r\n')
    expect((await failureOf(get(server))).message).toBe('The answer of api.test is not valid HTTP.')
  })
})

describe('headers of an answer are bounded', () => {
  it.each([
    ['100 KiB in one', `X: ${'a'.repeat(100 * KB)}\r\n`],
    ['100 KiB in many', 'X: aaaaaaaaaa\r\n'.repeat(10 * KB)],
    ['100 KiB in a name', `${'a'.repeat(100 * KB)}: x\r\n`],
  ])('%s', async (_, headers) => {
    const server = await startCanned(`HTTP/1.1 200 OK\r\n${headers}Content-Length: 0\r\n\r\n`)
    expect(await codeOf(server)).toBe('UPSTREAM_PROTOCOL')
    await server.closed()
  })

  it('headers without end', async () => {
    const server = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      flood(socket, Buffer.from('X: aaaaaaaaaa\r\n'.repeat(100)))
    })
    expect(await codeOf(server)).toBe('UPSTREAM_PROTOCOL')
    await server.closed()
  })

  it('trailers without end', async () => {
    const server = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n')
      flood(socket, Buffer.from('X: aaaaaaaaaa\r\n'.repeat(100)))
    })
    expect(await codeOf(server)).toBe('UPSTREAM_PROTOCOL')
    await server.closed()
  })

  it('the guest sees at most a hundred of them, and no long status text', async () => {
    const many = Array.from({ length: 300 }, (_, at) => `X-${at}: y\r\n`).join('')
    const server = await startCanned(`HTTP/1.1 200 ${'z'.repeat(1000)}\r\n${many}Content-Length: 0\r\n\r\n`)
    const { value } = await get(server)
    // A long one is not shown at all: cut within a credential, what is left would not be recognised.
    expect([value.headers.length, value.statusText.length]).toEqual([100, 0])
  })
})

/** A socket that nothing ever happens to. */
class Stuck extends Duplex {
  override _read(): void {}
  override _write(): void {}
}

describe('time is bounded', () => {
  const stalls: [string, (socket: Socket) => void][] = [
    ['no answer', () => undefined],
    ['headers that stop', (socket) => socket.write('HTTP/1.1 200 OK\r\nX: ')],
    ['headers that drip', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n', 'X: y\r\n')],
    ['a body that stops', (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx')],
    ['a body that drips', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n', 'x')],
    ['informational answers without end', (socket) => drip(socket, '', 'HTTP/1.1 103 Early Hints\r\n\r\n')],
    ['a reason without end', (socket) => drip(socket, 'HTTP/1.1 200 ', 'very ')],
    [
      'chunk extensions without end',
      (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1', ';x=y'),
    ],
    [
      'a redirect whose body stops',
      (socket) => socket.write('HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9\r\n\r\n'),
    ],
    [
      'an encoded body that stops',
      (socket) =>
        socket.write(
          'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n\x1f\x8b',
          'latin1',
        ),
    ],
  ]
  const drip = (socket: Socket, head: string, again: string): void => {
    socket.write(head)
    const timer = setInterval(() => socket.write(again), 10)
    socket.on('close', () => clearInterval(timer))
  }

  it.each(stalls)('%s', async (_, talk) => {
    const server = await startRaw(talk)
    const api = open(server.port)
    const startedMs = performance.now()
    const error = await failureOf(api.call({ url: `http://api.test:${server.port}/`, timeoutMs: 120 }))
    expect([error.code, error.facts.notPerformed]).toEqual(['UPSTREAM_TIMEOUT', undefined])
    expect(performance.now() - startedMs).toBeGreaterThan(110)
    expect(performance.now() - startedMs).toBeLessThan(2000)
    await server.closed()
  })

  it.each(stalls)('the end of the run stops %s', async (_, talk) => {
    const server = await startRaw(talk)
    const ending = new AbortController()
    setTimeout(() => ending.abort(), 50)
    const error = await failureOf(
      open(server.port).call({ url: `http://api.test:${server.port}/` }, { signal: ending.signal }),
    )
    expect(error.code).toBe('UPSTREAM_TIMEOUT')
    await server.closed()
  })

  it('redirects count into the time of the call', async () => {
    const server = await startHttp((_, response) => {
      setTimeout(() => response.writeHead(302, { location: '/' }).end(), 60)
    })
    const error = await failureOf(
      open(server.port, { max_redirects: 20 }).call({
        url: `http://api.test:${server.port}/`,
        timeoutMs: 150,
      }),
    )
    expect(error.code).toBe('UPSTREAM_TIMEOUT')
  })

  it.each([
    ['a resolver that never answers', { resolve: () => Promise.withResolvers<never>().promise }],
    ['a connection that never opens', { dial: () => Object.assign(new Stuck(), { connecting: true }) }],
  ])('%s: nothing was sent', async (_, powers) => {
    const api = drive({ document: { allowed_domains: ['http://api.test'] }, ...powers })
    const error = await failureOf(api.call({ url: 'http://api.test/', timeoutMs: 50 }))
    expect([error.code, error.facts.notPerformed]).toEqual(['UPSTREAM_TIMEOUT', true])
  })

  it('a run that is over sends nothing', async () => {
    const api = drive({ document: { allowed_domains: ['http://api.test'] } })
    const error = await failureOf(api.call({ url: 'http://api.test/' }, { signal: AbortSignal.abort() }))
    expect([error.code, error.facts.notPerformed, api.resolved]).toEqual(['UPSTREAM_TIMEOUT', true, []])
  })

  it('closing the driver ends what is under way', async () => {
    const server = await startRaw(() => undefined)
    const api = open(server.port)
    const call = failureOf(api.call({ url: `http://api.test:${server.port}/` }))
    while (server.accepted.length === 0) await sleep(5)
    await api.driver.close()
    expect((await call).code).toBe('UPSTREAM_UNREACHABLE')
    await server.closed()
  })
})
