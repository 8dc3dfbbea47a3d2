import { describe, expect, it } from 'vitest'
import { ask, verdicts } from '../harness/asking.ts'
import { openGate, refusalsOf } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite } from '../harness/site.ts'
import { anyAddress } from '../harness/weak-http.ts'
import { openGateOf } from '../run/gates.ts'

const PUBLIC = '93.184.216.34'

/** By the name that resolves to them. */
const INSIDE: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.1'],
  'loopback-v6': ['::1'],
  'other-loopback': ['127.255.255.254'],
  unspecified: ['0.0.0.0'],
  'unspecified-v6': ['::'],
  ten: ['10.1.2.3'],
  docker: ['172.17.0.1'],
  home: ['192.168.1.1'],
  cgnat: ['100.64.0.1'],
  'link-local': ['169.254.1.1'],
  metadata: ['169.254.169.254'],
  wireserver: ['168.63.129.16'],
  'metadata-v6': ['fd00:ec2::254'],
  'unique-local': ['fd12:3456::1'],
  'link-local-v6': ['fe80::1'],
  'with-zone': ['fe80::1%eth0'],
  mapped: ['::ffff:127.0.0.1'],
  'mapped-public': [`::ffff:${PUBLIC}`],
  sixtofour: ['2002:7f00:1::1'],
  nat64: ['64:ff9b::7f00:1'],
  multicast: ['224.0.0.251'],
  broadcast: ['255.255.255.255'],
  odd: ['0177.0.0.1'],
  number: ['2130706433'],
  'a-name': ['localhost'],
  empty: [''],
  'public-then-private': [PUBLIC, '10.0.0.1'],
  'private-then-public': ['10.0.0.1', PUBLIC],
  'public-and-mapped': [PUBLIC, '::ffff:10.0.0.1'],
  'public-and-loopback-v6': [PUBLIC, '::1'],
}

const NAMES = Object.keys(INSIDE).map((label) => `${label}.allowed.test`)
const HOSTS = Object.fromEntries(Object.entries(INSIDE).map(([label, to]) => [`${label}.allowed.test`, to]))

const policyOf = (port: number, http: object = {}): object => ({
  permissions: { http: { allowed_domains: [`http://*.allowed.test:${port}`, '*.allowed.test'], ...http } },
  limits: { max_tool_calls: 200 },
})

describe('an allowed name that resolves to an address inside', () => {
  it('is refused at perform, over http and https, without a connection', async () => {
    await using site = await openSite()
    const network = stubNetwork(HOSTS)
    await using gate = await openGate({ powers: { http: network.http } })
    const asked = NAMES.flatMap((name) => [
      { url: `http://${name}:${site.port}/` },
      { url: `https://${name}/` },
    ])
    const { seen, result } = await ask(gate, policyOf(site.port), asked)
    expect(verdicts(seen)).toEqual(asked.map(() => 'DENIED_ADDRESS at perform'))
    expect(network.resolved).toEqual(NAMES.flatMap((name) => [name, name]))
    expect(network.dialled).toEqual([])
    expect(site.connections).toBe(0)
    for (const refusal of await refusalsOf(gate, result)) {
      expect(refusal).toMatchObject({ rule: 'permissions.http.private_networks' })
    }
  })

  it('does not tell the guest which address it was, for that would map the inside', async () => {
    const network = stubNetwork({ 'ten.allowed.test': ['10.98.76.54'] })
    await using gate = await openGate({ powers: { http: network.http } })
    const { seen } = await ask(gate, policyOf(8080), [{ url: 'https://ten.allowed.test/' }])
    expect(verdicts(seen)).toEqual(['DENIED_ADDRESS at perform'])
    expect(JSON.stringify(seen)).not.toContain('10.98')
  })

  it('is refused when only some of its addresses are in a network that the policy lists', async () => {
    await using site = await openSite()
    const network = stubNetwork({
      'mix.allowed.test': ['127.0.0.1', PUBLIC],
      'other.allowed.test': ['10.0.0.1'],
    })
    await using gate = await openGate({ powers: { http: network.http } })
    const policy = policyOf(site.port, { private_networks: ['127.0.0.0/8'] })
    const names = ['mix', 'other'].map((label) => ({ url: `http://${label}.allowed.test:${site.port}/` }))
    expect(verdicts((await ask(gate, policy, names)).seen)).toEqual(
      names.map(() => 'DENIED_ADDRESS at perform'),
    )
    expect(network.dialled).toEqual([])
  })

  it('is reached when the policy lists its network', async () => {
    await using site = await openSite()
    const network = stubNetwork(HOSTS)
    await using gate = await openGate({ powers: { http: network.http } })
    const policy = policyOf(site.port, { private_networks: ['127.0.0.0/8'] })
    const { seen } = await ask(gate, policy, [{ url: `http://loopback.allowed.test:${site.port}/` }])
    expect(verdicts(seen)).toEqual(['200'])
    expect(network.dialled).toEqual([`127.0.0.1:${site.port}`])
  })

  it('would be reached by a driver that does not judge addresses', async () => {
    await using site = await openSite()
    const network = stubNetwork(HOSTS, { [`10.0.0.1:${site.port}`]: site.port })
    await using gate = await openGateOf({ powers: { http: network.http } }, anyAddress)
    const asked = ['loopback', 'private-then-public'].map((label) => ({
      url: `http://${label}.allowed.test:${site.port}/`,
    }))
    const { seen } = await ask(gate, policyOf(site.port), asked)
    expect(verdicts(seen)).toEqual(['200', '200'])
    expect(site.requests).toHaveLength(2)
  })
})

describe('a name without addresses', () => {
  it.each([
    ['that does not exist', {}],
    ['that resolves to nothing', { 'gone.allowed.test': [] }],
  ])('%s is an error of the other side, and nothing is dialled', async (_, hosts) => {
    const network = stubNetwork(hosts)
    await using gate = await openGate({ powers: { http: network.http } })
    const { seen } = await ask(gate, policyOf(8080), [{ url: 'https://gone.allowed.test/' }])
    expect(verdicts(seen)).toEqual(['UPSTREAM_DNS at perform'])
    expect(network.dialled).toEqual([])
  })
})
