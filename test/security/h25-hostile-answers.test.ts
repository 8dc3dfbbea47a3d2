import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Socket } from 'node:net'
import { PassThrough, type Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts, type Told } from '../harness/asking.ts'
import { openGate, refusalsOf } from '../harness/gate.ts'
import { openRawSite, openSite, type RawSite } from '../harness/site.ts'

const MB = 1024 * 1024
const ZEROS = Buffer.alloc(16 * MB)

/** Answers the first request on each connection with these bytes. */
const openCanned = (talk: (socket: Socket) => void): Promise<RawSite> =>
  openRawSite((socket) => socket.once('data', () => talk(socket)))

const answer = (head: string, body: Buffer | string = ''): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`, 'latin1'), Buffer.from(body)])

const encoded = (encoding: string, body: Buffer): Buffer =>
  answer(`content-encoding: ${encoding}\r\ncontent-length: ${body.length}`, body)

/** Asks once under small limits. */
const askOnce = async (site: RawSite, http: object = {}): Promise<Told> => {
  await using gate = await openGate()
  const policy = httpPolicy({ allowed_domains: [site.origin], max_response_size_kb: 64, ...http })
  return await ask(gate, policy, [{ url: site.origin }])
}

/**
 * Asks once, then a witness that answers only once every connection to the first server is closed: so the socket was closed
 * with the call, and not with the run.
 */
const askAndClose = async (
  site: RawSite,
  timeoutMs = 20_000,
): Promise<{ verdict: string; refusal: object }> => {
  await using witness = await openSite(
    (_, response) => void site.drained().then(() => response.end('closed')),
  )
  await using gate = await openGate()
  const policy = httpPolicy({
    allowed_domains: [site.origin, witness.origin],
    max_response_size_kb: 64,
  })
  const asked = [{ url: site.origin, timeoutMs }, { url: witness.origin }]
  const { seen, result } = await ask(gate, policy, asked)
  expect(seen[1]?.text).toBe('closed')
  expect(site.connections).toBe(1)
  const [refusal = {}] = await refusalsOf(gate, result)
  return { verdict: verdicts(seen)[0] ?? '', refusal }
}

const expectCut = async (bytes: Buffer, expected: string): Promise<void> => {
  await using site = await openCanned((socket) => void socket.write(bytes))
  expect((await askAndClose(site)).verdict).toBe(expected)
}

/** Says `head`, then `piece` for as long as somebody listens. */
const endless = (head: string | Buffer, piece: Buffer) => (socket: Socket) => {
  socket.write(head)
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
    if (!socket.destroyed) socket.once('drain', more)
  }
  more()
}

const TOO_LARGE = 'LIMIT_RESPONSE_SIZE at perform'
const NO_HTTP = 'UPSTREAM_PROTOCOL at perform'

describe('a bomb', () => {
  const bombs = {
    gzip: gzipSync(ZEROS),
    br: brotliCompressSync(ZEROS),
    zstd: zstdCompressSync(ZEROS),
    deflate: deflateSync(ZEROS),
    'gzip, gzip': gzipSync(gzipSync(ZEROS)),
    'br, gzip': gzipSync(brotliCompressSync(ZEROS)),
    'gzip, identity, br': brotliCompressSync(gzipSync(ZEROS)),
  }

  it.each(Object.entries(bombs))('in %s is cut at max_response_size_kb, decoded', async (encoding, body) => {
    expect(body.length).toBeLessThan(64 * 1024)
    await expectCut(encoded(encoding, body), TOO_LARGE)
  })

  it('in more encodings than two is not opened at all', async () => {
    const body = gzipSync(gzipSync(gzipSync(Buffer.alloc(100))))
    await expectCut(encoded('gzip, gzip, gzip', body), NO_HTTP)
  })

  it.each(['compress', 'bzip2', 'exi', 'aes128gcm', 'gzip;q=1', '\u0001'])(
    'in an encoding that nobody asked for is not opened: %s',
    async (encoding) => {
      await expectCut(encoded(encoding, gzipSync(ZEROS)), NO_HTTP)
    },
  )

  it('that is small enough passes, so that it was the size that was judged', async () => {
    await using site = await openCanned((socket) => void socket.write(encoded('gzip', gzipSync('hello'))))
    expect((await askOnce(site)).seen[0]?.text).toBe('hello')
  })

  it('passes, where the policy allows its size', async () => {
    const letters = gzipSync(Buffer.alloc(8 * MB, 'a'))
    await using site = await openCanned((socket) => void socket.write(encoded('gzip', letters)))
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [site.origin], max_response_size_kb: 16 * 1024 })
    const code = 'return (await (await http.get(input)).text()).length'
    const { value } = await gate.run({ code, policy, input: site.origin })
    expect(value).toBe(8 * MB)
  })

  it('that only grows when it is written as JSON is refused at seal, and paid for once', async () => {
    await using site = await openCanned((socket) => void socket.write(encoded('gzip', gzipSync(ZEROS))))
    await using gate = await openGate()
    const policy = httpPolicy(
      { allowed_domains: [site.origin], max_response_size_kb: 16 * 1024 },
      { prices: { http_call_usd: 0.01 } },
    )
    const { seen, result } = await ask(gate, policy, [{ url: site.origin }])
    expect(verdicts(seen)).toEqual(['LIMIT_RESPONSE_SIZE at seal'])
    expect(result.usage).toMatchObject({ costUsd: 0.01, egressBytes: site.origin.length + 1 })
  })
})

describe('an answer without end', () => {
  const chunk = Buffer.concat([Buffer.from('1000\r\n'), Buffer.alloc(4096, 'a'), Buffer.from('\r\n')])

  it.each([
    ['in chunks', 'transfer-encoding: chunked', chunk],
    ['in chunks of one byte', 'transfer-encoding: chunked', Buffer.from('1\r\na\r\n'.repeat(500))],
    ['until the connection closes', 'connection: close', Buffer.alloc(4096, 'a')],
    ['longer than it may be', 'content-length: 99999999', Buffer.alloc(4096, 'a')],
  ])('%s is cut at max_response_size_kb, and its socket closed', async (_, head, piece) => {
    await using site = await openCanned(endless(answer(head), piece))
    const { verdict, refusal } = await askAndClose(site)
    expect(verdict).toBe(TOO_LARGE)
    expect(refusal).toMatchObject({ rule: 'permissions.http.max_response_size_kb' })
  })

  it.each([
    ['of chunk extensions', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;${'a'.repeat(300_000)}`],
    ['of trailers', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${'x: y\r\n'.repeat(60_000)}`],
    ['of interim answers', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(20_000)],
    ['of status text', `HTTP/1.1 200 ${'a'.repeat(300_000)}`],
  ])('%s is no way around: it ends with an error and a closed socket', async (_, bytes) => {
    await using site = await openCanned((socket) => void socket.write(bytes))
    const { verdict } = await askAndClose(site, 500)
    expect(verdict).toMatch(/^UPSTREAM_(?:PROTOCOL|TIMEOUT|UNREACHABLE) at perform$/)
  })
})

describe('what never comes', () => {
  const { promise: never } = Promise.withResolvers<never>()
  const nothing = (): Duplex => Object.assign(new PassThrough(), { connecting: true })

  it.each([
    ['an address', { resolve: () => never, dial: nothing }],
    ['a connection', { resolve: () => Promise.resolve(['127.0.0.1']), dial: nothing }],
    [
      'a connection to any of many addresses',
      {
        resolve: () =>
          Promise.resolve(Array.from({ length: 5_000 }, (_, at) => `127.0.${at >> 8}.${at & 255}`)),
        dial: nothing,
      },
    ],
  ])('%s has the time of the call, too', async (_, http) => {
    await using gate = await openGate({ powers: { http } })
    const policy = httpPolicy({ allowed_domains: ['slow.test'], timeout_seconds: 0.3 })
    const { seen } = await ask(gate, policy, [{ url: 'https://slow.test/' }])
    expect(verdicts(seen)).toEqual(['UPSTREAM_TIMEOUT at perform'])
  })
})

describe('an answer that comes slowly', () => {
  const drip = (socket: Socket, head: string, piece: string): void => {
    socket.write(head)
    const timer = setInterval(() => socket.write(piece), 20)
    socket.once('close', () => clearInterval(timer))
  }

  it.each([
    ['in its status line', 'H', 'T'],
    ['in its headers', 'HTTP/1.1 200 OK\r\n', 'x: y\r\n'],
    ['in its body', 'HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n', 'a'],
    ['in its chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\na\r\n'],
    ['in interim answers', '', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['never', '', ''],
  ])('%s has its time in all, and its socket is closed', async (_, head, piece) => {
    await using site = await openCanned((socket) => drip(socket, head, piece))
    const { verdict } = await askAndClose(site, 400)
    expect(verdict).toMatch(/^UPSTREAM_(?:TIMEOUT|PROTOCOL) at perform$/)
  })

  it('is ended by timeout_seconds of the policy, however long the guest would wait', async () => {
    await using site = await openRawSite(() => undefined)
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [site.origin], timeout_seconds: 0.3 })
    const { seen, result } = await ask(gate, policy, [{ url: site.origin, timeoutMs: 600_000 }])
    expect(verdicts(seen)).toEqual(['UPSTREAM_TIMEOUT at perform'])
    expect((await refusalsOf(gate, result))[0]).toMatchObject({ rule: 'permissions.http.timeout_seconds' })
  })

  it('as the body of a redirect is not waited for', async () => {
    await using next = await openSite()
    const head = `HTTP/1.1 302 Found\r\nlocation: ${next.origin}/\r\ntransfer-encoding: chunked\r\n\r\n`
    await using site = await openRawSite((socket) =>
      socket.once('data', () => endless(head, Buffer.from(`1000\r\n${'a'.repeat(4096)}\r\n`))(socket)),
    )
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [site.origin, next.origin], timeout_seconds: 10 })
    const { seen, result } = await ask(gate, policy, [{ url: site.origin }])
    expect(verdicts(seen)).toEqual(['200'])
    expect(result.usage.ingressBytes).toBeLessThan(256 * 1024)
    expect(await site.drained()).toBe(1)
  })

  it('after a redirect shares the time of the call', async () => {
    await using site = await openRawSite((socket) =>
      socket.on('data', () => {
        setTimeout(() => socket.write('HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n'), 150)
      }),
    )
    const { seen } = await askOnce(site, { timeout_seconds: 0.5, max_redirects: 20 })
    expect(verdicts(seen)).toEqual(['UPSTREAM_TIMEOUT at perform'])
  })

  it('is read, where the policy gives it the time', async () => {
    await using site = await openCanned((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel')
      setTimeout(() => socket.write('lo'), 600)
    })
    expect((await askOnce(site)).seen[0]?.text).toBe('hello')
  })
})

describe('an answer that', () => {
  it.each([
    ['ends before its content-length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello', true],
    ['has two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!', true],
    [
      'has a length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      true,
    ],
    ['has a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello', true],
    ['has a length in hex', 'HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n\r\nhello', true],
    [
      'has a broken chunk',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n',
      true,
    ],
    ['ends within its chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel', true],
    [
      'is not encoded as it says',
      'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello',
      false,
    ],
    ['is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', true],
    ['folds its headers', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok', true],
    [
      'switches protocols',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
      true,
    ],
    ['closes at once', '', true],
  ])('%s: an error of the other side, never a half answer', async (_, bytes, ends) => {
    await using site = await openCanned((socket) => void (ends ? socket.end(bytes) : socket.write(bytes)))
    const { verdict } = await askAndClose(site)
    expect(verdict).toMatch(/^UPSTREAM_(?:PROTOCOL|UNREACHABLE) at perform$/)
  })

  it('claims more than it may be is refused before it is read', async () => {
    await expectCut(answer('content-length: 99999999', 'hello'), TOO_LARGE)
  })

  it('says less than it sends leaves nothing that is taken for the answer of the next call', async () => {
    const planted = 'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nplanted'
    await using site = await openRawSite((socket) => {
      socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello${planted}`))
    })
    await using gate = await openGate()
    const asked = Array.from({ length: 3 }, () => ({ url: site.origin }))
    const { seen } = await ask(gate, httpPolicy({ allowed_domains: [site.origin] }), asked)
    expect(seen.map(({ text, code }) => text ?? code)).not.toContain('planted')
    expect(site.connections).toBe(3)
  })
})

describe('headers', () => {
  it.each([
    ['of 100 KiB in one', `x: ${'a'.repeat(100 * 1024)}`],
    ['of 100 KiB in many', Array.from({ length: 5000 }, (_, at) => `x-${at}: aaaaaaaaaaaa`).join('\r\n')],
    ['of 100 KiB in a name', `${'x'.repeat(100 * 1024)}: a`],
  ])('%s are not read to their end', async (_, head) => {
    await expectCut(answer(`${head}\r\ncontent-length: 2`, 'ok'), NO_HTTP)
  })

  it('that are small enough pass, at most a hundred of them', async () => {
    const head = Array.from({ length: 300 }, (_, at) => `x-${at}: v`).join('\r\n')
    await using site = await openCanned(
      (socket) => void socket.write(answer(`${head}\r\ncontent-length: 2`, 'ok')),
    )
    expect((await askOnce(site)).seen[0]?.headers).toHaveLength(100)
  })
})
