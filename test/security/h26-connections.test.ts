import { execFile } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Tollgate } from '../../src/index.ts'
import { makeCertificate, startHttps } from '../capabilities/http/servers.ts'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openRawSite, openSite, type Site } from '../harness/site.ts'
import { sharedConnections } from '../harness/weak-http.ts'
import { openGateOf } from '../run/gates.ts'

/** A process whose environment says that everything goes through a proxy, and that certificates do not matter. */
const underProxy = async (script: string, proxy: string): Promise<unknown> => {
  const names = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']
  const env = {
    ...process.env,
    ...Object.fromEntries(names.map((name) => [name, proxy])),
    NODE_USE_ENV_PROXY: '1',
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    NO_PROXY: '',
    no_proxy: '',
  }
  const args = ['--no-warnings', '--input-type=module', '--eval', script]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd: import.meta.dirname })
  return JSON.parse(stdout)
}

const viaGate = (url: string): string => `
  import { createTollgate } from '../../src/index.ts'
  await using gate = await createTollgate({ state: ':memory:', spareCages: 0 })
  const { origin } = new URL(${JSON.stringify(url)})
  const http = { allowed_domains: [origin], private_networks: ['127.0.0.0/8'], timeout_seconds: 10 }
  const code = 'try { return (await http.get(input)).status } catch ({ code, gate }) { return code + " at " + gate }'
  const { value } = await gate.run({ code, policy: { permissions: { http } }, input: ${JSON.stringify(url)} })
  console.log(JSON.stringify(value))`

const viaFetch = (url: string): string => `
  const answer = await fetch(${JSON.stringify(url)}).catch(() => ({ status: 'failed' }))
  console.log(JSON.stringify(answer.status))`

const viaNode = (url: string): string => `
  import { get } from 'node:https'
  const told = (what) => console.log(JSON.stringify(what))
  get(${JSON.stringify(url)}, { agent: false }, ({ statusCode }) => told(statusCode)).on('error', () => told('failed'))`

describe('variables of the environment', () => {
  it('send nothing through a proxy', async () => {
    await using proxy = await openSite()
    await using site = await openSite()
    expect(await underProxy(viaGate(site.origin), proxy.origin)).toBe(200)
    expect(site.requests.map(({ url, headers }) => [url, headers.via ?? null])).toEqual([['/', null]])
    expect(proxy.connections).toBe(0)
  })

  it('do send other clients of the same process through it', async () => {
    await using proxy = await openSite()
    await using site = await openSite()
    await underProxy(viaFetch(site.origin), proxy.origin)
    expect(proxy.connections).toBe(1)
    expect(site.connections).toBe(0)
  })

  it('do not switch the check of certificates off', async () => {
    const certificate = await makeCertificate('IP:127.0.0.1')
    const arrived: string[] = []
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      arrived.push(request.url ?? '')
      response.end('ok')
    }
    const secure = await startHttps(certificate, listener)
    const url = `https://127.0.0.1:${secure.port}/`
    expect(await underProxy(viaGate(url), '')).toBe('UPSTREAM_UNREACHABLE at perform')
    expect(arrived).toEqual([])
    expect(await underProxy(viaNode(url), '')).toBe(200)
  })
})

describe('an option that would lead elsewhere', () => {
  it.each([
    'socketPath',
    'dispatcher',
    'agent',
    'proxy',
    'lookup',
    'localAddress',
    'host',
    'origin',
    'maxRedirections',
  ])('is none: %s', async (name) => {
    await using site = await openSite()
    await using gate = await openGate()
    const asked = { url: site.origin, [name]: '/var/run/docker.sock' }
    const { seen } = await ask(gate, httpPolicy({ allowed_domains: [site.origin] }), [asked])
    expect(verdicts(seen)).toEqual(['GUEST_ARGUMENTS at decode'])
    expect(site.connections).toBe(0)
  })
})

/** How many connections there were after each of four runs of three requests. */
const connectionsOf = async (site: Site, gate: Tollgate): Promise<number[]> => {
  const code = 'for (const url of input) await (await http.get(url)).text()'
  const policy = httpPolicy({ allowed_domains: [site.origin] })
  const input = [site.origin, site.origin, site.origin]
  const connections: number[] = []
  for (const principal of ['alice', 'bob', 'alice', 'alice']) {
    const { status } = await gate.run({ code, policy, input, principal })
    expect(status).toBe('done')
    connections.push(site.connections)
  }
  expect(site.requests).toHaveLength(12)
  return connections
}

describe('a connection that is kept', () => {
  it('serves its own run, and no other of the same principal or another', async () => {
    await using site = await openSite()
    await using gate = await openGate()
    expect(await connectionsOf(site, gate)).toEqual([1, 2, 3, 4])
  })

  it('would serve everybody if one driver served all runs', async () => {
    await using site = await openSite()
    await using gate = await openGateOf({}, sharedConnections())
    expect(await connectionsOf(site, gate)).toEqual([1, 1, 1, 1])
  })

  it('is closed with its run', async () => {
    await using site = await openRawSite((socket) =>
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')),
    )
    await using gate = await openGate()
    await ask(gate, httpPolicy({ allowed_domains: [site.origin] }), [{ url: site.origin }])
    expect(await site.drained()).toBe(1)
  })

  it('is not used for an effect: nobody could tell whether it took place', async () => {
    await using site = await openSite()
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [{ domain: site.origin, methods: ['GET', 'POST'] }] })
    const asked = ['GET', 'POST', 'POST', 'GET'].map((method) => ({ url: site.origin, method }))
    expect(verdicts((await ask(gate, policy, asked)).seen)).toEqual(['200', '200', '200', '200'])
    expect(site.connections).toBe(3)
  })
})

describe('a server that speaks HTTP/2 under a certificate of several names', () => {
  const openSecure = async (names: string) => {
    const certificate = await makeCertificate(names)
    const arrived: { host: string; alpn: unknown; version: string }[] = []
    const secure = await startHttps(certificate, (request, response) => {
      const { alpnProtocol } = request.socket as TLSSocket
      arrived.push({ host: request.headers.host ?? '', alpn: alpnProtocol, version: request.httpVersion })
      response.end('ok')
    })
    const network = stubNetwork({ 'a.test': ['127.0.0.1'], 'b.test': ['127.0.0.1'], 'c.test': ['127.0.0.1'] })
    const http = { ...network.http, extraCa: certificate.cert }
    return { arrived, secure, network, gate: await openGate({ powers: { http } }) }
  }

  it('is spoken to in HTTP/1.1, on a connection for each name', async () => {
    const { arrived, secure, network, gate } = await openSecure('DNS:a.test,DNS:b.test,DNS:c.test')
    await using _ = gate
    const { port } = secure
    const policy = httpPolicy({ allowed_domains: [`a.test:${port}`, `b.test:${port}`] })
    const asked = ['a', 'b', 'a', 'c'].map((name) => ({ url: `https://${name}.test:${port}/` }))
    expect(verdicts((await ask(gate, policy, asked)).seen)).toEqual([
      '200',
      '200',
      '200',
      'DENIED_DOMAIN at authorize',
    ])
    expect(arrived).toEqual(
      ['a', 'b', 'a'].map((name) => ({ host: `${name}.test:${port}`, alpn: 'http/1.1', version: '1.1' })),
    )
    expect(secure.accepted).toHaveLength(2)
    expect(network.resolved).toEqual(['a.test', 'b.test'])
  })

  it('is not spoken to when the certificate is for another name', async () => {
    const { arrived, secure, gate } = await openSecure('DNS:b.test')
    await using _ = gate
    const policy = httpPolicy({ allowed_domains: [`a.test:${secure.port}`] })
    const { seen } = await ask(gate, policy, [{ url: `https://a.test:${secure.port}/` }])
    expect(verdicts(seen)).toEqual(['UPSTREAM_UNREACHABLE at perform'])
    expect(arrived).toEqual([])
  })
})

describe('an answer that names another place', () => {
  it.each([
    [
      'alt-svc',
      (port: number) => `h2="127.0.0.1:${port}"; ma=86400, http/1.1="127.0.0.1:${port}", h3=":${port}"`,
    ],
    ['upgrade', () => 'h2c'],
    ['refresh', (port: number) => `0; url=http://127.0.0.1:${port}/`],
    ['link', (port: number) => `<http://127.0.0.1:${port}/style.css>; rel=preload; as=style`],
    ['content-location', (port: number) => `http://127.0.0.1:${port}/`],
    ['location', (port: number) => `http://127.0.0.1:${port}/`],
    ['proxy-authenticate', () => 'Basic'],
    ['set-cookie', () => 'id=1; path=/'],
  ])('leads nobody there: %s', async (name, write) => {
    await using other = await openSite()
    await using site = await openSite((_, response) => {
      response
        .writeHead(200, { [name]: write(other.port), ...(name === 'upgrade' && { connection: 'upgrade' }) })
        .end('ok')
    })
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [site.origin, other.origin] })
    const { seen } = await ask(gate, policy, [{ url: site.origin }, { url: site.origin }])
    expect(verdicts(seen)).toEqual(['200', '200'])
    expect(site.requests.map(({ headers }) => headers.cookie ?? null)).toEqual([null, null])
    expect(other.connections).toBe(0)
    const shown = seen[0]?.headers?.map(([header]) => header) ?? []
    expect(shown.includes(name)).toBe(['refresh', 'link', 'content-location', 'location'].includes(name))
  })
})
