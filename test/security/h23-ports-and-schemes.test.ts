import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openRawSite, openSite } from '../harness/site.ts'

const PORTS = [
  '',
  ':80',
  ':22',
  ':25',
  ':53',
  ':110',
  ':443',
  ':445',
  ':3306',
  ':5432',
  ':6379',
  ':9200',
  ':11211',
  ':65535',
]
const MALFORMED_PORTS = [
  ':0',
  ':00',
  ':080',
  ':08080',
  ':65536',
  ':99999',
  ':-1',
  ':+80',
  ':8e1',
  ':0x50',
  ': 80',
  ':８０',
  ':80a',
  ':',
]

const OTHER_SCHEMES = [
  'file:///etc/passwd',
  'file://127.0.0.1/etc/passwd',
  'data:text/plain,hello',
  'data:text/plain;base64,aGVsbG8=',
  'blob:http://127.0.0.1/0f0e',
  'ftp://127.0.0.1:P/',
  'ws://127.0.0.1:P/',
  'wss://127.0.0.1:P/',
  'gopher://127.0.0.1:P/_flushall',
  'dict://127.0.0.1:P/stats',
  'ldap://127.0.0.1:P/',
  'tftp://127.0.0.1:P/',
  'unix:/var/run/docker.sock',
  'unix:///var/run/docker.sock',
  'http+unix://%2Fvar%2Frun%2Fdocker.sock/info',
  'http://unix:/var/run/docker.sock:/info',
  'npipe:////./pipe/docker_engine',
  'javascript:fetch("http://127.0.0.1:P/")',
  'about:blank',
  'node:fs',
  'view-source:http://127.0.0.1:P/',
  'jar:http://127.0.0.1:P/!/',
  'httpx://127.0.0.1:P/',
  'h\tttp://127.0.0.1:P/',
  '://127.0.0.1:P/',
]

describe('a port that the policy does not list', () => {
  it('is refused at authorize, and no connection is made', async () => {
    await using site = await openSite()
    await using redis = await openRawSite((socket) => void socket.end('+PONG\r\n'))
    const network = stubNetwork()
    await using gate = await openGate({ powers: { http: network.http } })
    const ports = [...PORTS, `:${redis.port}`].filter((port) => port !== `:${site.port}`)
    const asked = ports.map((port) => ({ url: `http://127.0.0.1${port}/` }))
    const { seen } = await ask(gate, httpPolicy({ allowed_domains: [site.origin] }), asked)
    expect(verdicts(seen)).toEqual(ports.map(() => 'DENIED_DOMAIN at authorize'))
    expect(network.dialled).toEqual([])
    expect([site.connections, redis.connections]).toEqual([0, 0])
  })

  it('is refused over https too, where the policy lists http', async () => {
    await using site = await openSite()
    const network = stubNetwork()
    await using gate = await openGate({ powers: { http: network.http } })
    const asked = [{ url: site.origin.replace('http:', 'https:') }, { url: 'https://127.0.0.1/' }]
    const { seen } = await ask(gate, httpPolicy({ allowed_domains: [site.origin] }), asked)
    expect(verdicts(seen)).toEqual(['DENIED_DOMAIN at authorize', 'DENIED_DOMAIN at authorize'])
    expect(network.dialled).toEqual([])
  })

  it('is dialled once the policy lists it', async () => {
    await using redis = await openRawSite((socket) => void socket.end('+PONG\r\n'))
    const network = stubNetwork()
    await using gate = await openGate({ powers: { http: network.http } })
    const { seen } = await ask(gate, httpPolicy({ allowed_domains: [redis.origin] }), [{ url: redis.origin }])
    // What answers there speaks no HTTP; but it was asked.
    expect(verdicts(seen)).toEqual(['UPSTREAM_PROTOCOL at perform'])
    expect(redis.connections).toBe(1)
  })

  it('is https and 443 unless the policy says otherwise', async () => {
    const network = stubNetwork({ 'allowed.test': ['127.0.0.1'] })
    await using gate = await openGate({ powers: { http: network.http } })
    const asked = ['http://allowed.test/', 'https://allowed.test:8443/', 'http://allowed.test:443/']
    const policy = httpPolicy({ allowed_domains: ['allowed.test'] })
    const { seen } = await ask(
      gate,
      policy,
      asked.map((url) => ({ url })),
    )
    expect(verdicts(seen)).toEqual(asked.map(() => 'DENIED_DOMAIN at authorize'))
    expect(network.resolved).toEqual([])
  })
})

describe('a malformed port', () => {
  it('is refused, never rounded to one that is allowed', async () => {
    await using site = await openSite()
    const network = stubNetwork()
    await using gate = await openGate({ powers: { http: network.http } })
    const policy = httpPolicy({ allowed_domains: [site.origin, 'http://127.0.0.1', 'http://127.0.0.1:8080'] })
    const ports = [...MALFORMED_PORTS, `:0${site.port}`, `:${site.port + 65_536}`]
    const asked = ports.map((port) => ({ url: `http://127.0.0.1${port}/` }))
    const { seen } = await ask(gate, policy, asked)
    expect(verdicts(seen)).toEqual(ports.map(() => 'DENIED_URL at authorize'))
    expect(network.dialled).toEqual([])
  })
})

describe('another scheme', () => {
  it('is refused at authorize: there is nothing to read or to dial', async () => {
    await using site = await openSite()
    const network = stubNetwork()
    await using gate = await openGate({ powers: { http: network.http } })
    const asked = OTHER_SCHEMES.map((url) => ({ url: url.replaceAll(':P', `:${site.port}`) }))
    const { seen } = await ask(gate, httpPolicy({ allowed_domains: [site.origin] }), asked)
    expect(verdicts(seen)).toEqual(OTHER_SCHEMES.map(() => 'DENIED_URL at authorize'))
    expect(network.resolved).toEqual([])
    expect(network.dialled).toEqual([])
    expect(site.connections).toBe(0)
  })

  it.each(['file:///etc', 'ftp://company.com', 'ws://company.com', 'unix:/var/run/docker.sock', 'data:'])(
    'cannot be granted: %s',
    async (domain) => {
      await using gate = await openGate()
      const policy = httpPolicy({ allowed_domains: [domain] })
      await expect(gate.run({ code: 'return 1', policy })).rejects.toMatchObject({
        code: 'CONFIG_POLICY_INVALID',
        gate: 'policy',
      })
    },
  )

  it('is not needed: the same server answers over http', async () => {
    await using site = await openSite()
    await using gate = await openGate({ powers: { http: stubNetwork().http } })
    const asked = [{ url: site.origin }, { url: site.origin.replace('http', 'HTTP') }]
    const { seen } = await ask(gate, httpPolicy({ allowed_domains: [site.origin] }), asked)
    expect(verdicts(seen)).toEqual(['200', '200'])
  })
})
