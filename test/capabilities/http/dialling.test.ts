import { connect } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { openHttpDriver } from '../../../src/capabilities/http/driver.ts'
import { drive, failureOf, textOf } from './driving.ts'
import { startHttp } from './servers.ts'

const document = (port: number, rest: object = {}): object => ({
  allowed_domains: [`http://api.test:${port}`],
  ...rest,
})

/** A resolver that answers like this. */
const answers =
  (...addresses: string[]) =>
  (): readonly string[] =>
    addresses

describe('a name that resolves to what may not be dialled is denied, and nothing is dialled', () => {
  it.each([
    ['loopback', ['127.0.0.1']],
    ['loopback in IPv6', ['::1']],
    ['private', ['10.0.0.1']],
    ['metadata', ['169.254.169.254']],
    ['metadata in IPv6', ['fd00:ec2::254']],
    ['mapped', ['::ffff:93.184.216.34']],
    ['unspecified', ['0.0.0.0']],
    ['a mix, public first', ['93.184.216.34', '127.0.0.1']],
    ['a mix, private first', ['127.0.0.1', '93.184.216.34']],
    ['a mix of families', ['93.184.216.34', '::1']],
    ['a name instead of an address', ['localhost']],
    ['a number instead of an address', ['2130706433']],
    ['an address with a zone', ['fe80::1%lo']],
  ])('%s', async (_, addresses) => {
    const api = drive({ document: document(80, { private_networks: [] }), resolve: answers(...addresses) })
    const error = await failureOf(api.call({ url: 'http://api.test/' }))
    expect([error.code, error.facts.rule, error.facts.notPerformed]).toEqual([
      'DENIED_ADDRESS',
      'permissions.http.private_networks',
      true,
    ])
    expect([api.resolved, api.dialled]).toEqual([['api.test'], []])
  })

  it('a mix is denied even where the private network is listed', async () => {
    const api = drive({ document: document(80), resolve: answers('127.0.0.1', '93.184.216.34') })
    expect((await failureOf(api.call({ url: 'http://api.test/' }))).code).toBe('DENIED_ADDRESS')
    expect(api.dialled).toEqual([])
  })

  it('the guest does not learn the address, the operator does', async () => {
    const api = drive({ document: document(80), resolve: answers('10.9.8.7') })
    const error = await failureOf(api.call({ url: 'http://api.test/' }))
    expect(`${error.message} ${error.facts.hint}`).not.toContain('10.9.8.7')
    expect(error.toRecord().cause).toContain('10.9.8.7')
  })
})

describe('an address in the URL', () => {
  it('is dialled without asking a resolver, when entry and network list it', async () => {
    const { port } = await startHttp((_, response) => response.end('x'))
    const api = drive({ document: { allowed_domains: [`http://127.0.0.1:${port}`] } })
    expect(textOf(await api.call({ url: `http://127.0.0.1:${port}/` }))).toBe('x')
    expect([api.resolved, api.dialled]).toEqual([[], [`127.0.0.1:${port}`]])
  })

  it('is judged at the wire as well', async () => {
    const listed = drive({ document: { allowed_domains: ['http://127.0.0.1'] } })
    const { grant } = listed
    // A grant that forgot to look: the same entries, without the network.
    const blind = { ...grant, settings: { ...grant.settings, networks: [] } }
    const dialled: string[] = []
    const powers = {
      resolve: () => Promise.resolve([]),
      dial: (address: string) => (dialled.push(address), new PassThrough()),
    }
    const driver = openHttpDriver(blind, powers, {
      powers,
      principal: 'local',
      runId: 'run-1',
      secrets: new Map(),
    })
    const judgement = grant.judge('http.request', {
      method: 'GET',
      url: 'http://127.0.0.1/',
      redirect: 'follow',
    })
    const performing = {
      signal: new AbortController().signal,
      runId: '',
      seq: 1,
      taskId: '',
      principal: '',
      idempotencyKey: '',
      draw: () => undefined,
      asks: () => false,
      assertPermitted: () => undefined,
    }
    expect((await failureOf(driver.perform(judgement, performing))).code).toBe('DENIED_ADDRESS')
    expect(dialled).toEqual([])
  })
})

describe('what was judged is what is dialled', () => {
  it('a resolver that changes its mind is not asked again', async () => {
    const { port } = await startHttp((_, response) => response.end('x'))
    let asked = 0
    const api = drive({
      document: document(port),
      resolve: () => [(asked += 1) === 1 ? '127.0.0.1' : '10.0.0.1'],
    })
    expect(textOf(await api.call({ url: `http://api.test:${port}/` }))).toBe('x')
    expect([api.resolved.length, api.dialled]).toEqual([1, [`127.0.0.1:${port}`]])
  })

  it('a second connection is judged like the first', async () => {
    const { port } = await startHttp((_, response) => {
      response.setHeader('connection', 'close')
      response.end('x')
    })
    let asked = 0
    const api = drive({
      document: document(port),
      resolve: () => [(asked += 1) === 1 ? '127.0.0.1' : '10.0.0.1'],
    })
    await api.call({ url: `http://api.test:${port}/` })
    expect((await failureOf(api.call({ url: `http://api.test:${port}/` }))).code).toBe('DENIED_ADDRESS')
    expect(api.dialled).toEqual([`127.0.0.1:${port}`])
  })

  it('a connection that leads elsewhere is closed before a byte is sent', async () => {
    const seen: string[] = []
    const { port, accepted } = await startHttp((request, response) => {
      seen.push(request.url ?? '')
      response.end('x')
    })
    const api = drive({
      document: document(port),
      resolve: answers('127.0.0.2'),
      dial: () => connect({ host: '127.0.0.1', port }),
    })
    const error = await failureOf(api.call({ url: `http://api.test:${port}/` }))
    expect([error.code, error.facts.notPerformed, seen]).toEqual(['DENIED_ADDRESS', true, []])
    expect(accepted.length).toBeLessThanOrEqual(1)
  })

  it('the next judged address is tried when one does not answer', async () => {
    const { port } = await startHttp((_, response) => response.end('x'))
    const api = drive({ document: document(port), resolve: answers('127.0.0.3', '127.0.0.1', '127.0.0.1') })
    const outcome = await api.call({ url: `http://api.test:${port}/` })
    expect(outcome.facts).toMatchObject({ address: '127.0.0.1' })
    expect(api.dialled).toEqual([`127.0.0.3:${port}`, `127.0.0.1:${port}`])
  })
})

describe('what fails before anything was sent says so', () => {
  it.each([
    [
      'no such name',
      () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND api.test'), { code: 'ENOTFOUND' })),
    ],
    ['no address', (): readonly string[] => []],
    [
      'a resolver that throws',
      (): readonly string[] => {
        throw new TypeError('a slip')
      },
    ],
  ])('%s', async (_, resolve) => {
    const api = drive({ document: document(80), resolve })
    const error = await failureOf(api.call({ url: 'http://api.test/' }))
    expect([error.code, error.retryable, error.facts.notPerformed]).toEqual(['UPSTREAM_DNS', true, true])
  })

  it('a refused connection', async () => {
    const { port } = await startHttp(() => undefined)
    const api = drive({ document: document(1), resolve: answers('127.0.0.1') })
    expect(port).toBeGreaterThan(1)
    const error = await failureOf(api.call({ url: 'http://api.test:1/' }))
    expect([error.code, error.facts.notPerformed, error.message]).toEqual([
      'UPSTREAM_UNREACHABLE',
      true,
      'The host api.test could not be reached (ECONNREFUSED).',
    ])
  })

  it('a dialler that throws', async () => {
    const dial = (): Duplex => {
      throw new Error('no route')
    }
    const error = await failureOf(drive({ document: document(80), dial }).call({ url: 'http://api.test/' }))
    expect([error.code, error.facts.notPerformed]).toEqual(['UPSTREAM_UNREACHABLE', true])
  })

  it('a stream that fails while another address is tried', async () => {
    const { port } = await startHttp((_, response) => response.end('x'))
    const dial = (address: string): Duplex => {
      if (address === '127.0.0.1') return connect({ host: address, port })
      const stream = Object.assign(new PassThrough(), { connecting: true })
      // First it says that it cannot connect, then, when nobody waits for it any longer, that it broke.
      process.nextTick(() => stream.emit('error', new Error('refused')))
      setImmediate(() => stream.emit('error', new Error('broken')))
      return stream
    }
    const api = drive({ document: document(port), resolve: answers('127.0.0.9', '127.0.0.1'), dial })
    expect(textOf(await api.call({ url: `http://api.test:${port}/` }))).toBe('x')
  })

  it('a connection that ends before the request is written', async () => {
    const dial = (): Duplex => {
      const stream = new PassThrough()
      queueMicrotask(() => stream.destroy())
      return stream
    }
    const error = await failureOf(drive({ document: document(80), dial }).call({ url: 'http://api.test/' }))
    expect([error.code, error.facts.notPerformed]).toEqual(['UPSTREAM_UNREACHABLE', true])
  })

  it('but under a wildcard the name itself was the guest’s to choose, and has left', async () => {
    const api = drive({ document: { allowed_domains: ['http://*.company.test'] }, resolve: () => [] })
    const error = await failureOf(api.call({ url: 'http://c2vjcmv0.company.test/' }))
    expect([error.code, error.facts.notPerformed, api.resolved]).toEqual([
      'UPSTREAM_DNS',
      undefined,
      ['c2vjcmv0.company.test'],
    ])
  })
})

it('a dialler may be any stream', async () => {
  const written: string[] = []
  const dial = (): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        written.push(chunk.toString())
        if (written.join('').includes('\r\n\r\n')) this.push('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
        done()
      },
    })
  const api = drive({ document: document(80), dial })
  expect(textOf(await api.call({ url: 'http://api.test/' }))).toBe('hi')
  expect(written.join('')).toContain(`GET / HTTP/1.1\r\nhost: api.test\r\n`)
})
