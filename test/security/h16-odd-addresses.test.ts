import { describe, expect, it } from 'vitest'
import { isTollgateError } from '../../src/index.ts'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite } from '../harness/site.ts'
import { lenientUrls } from '../harness/weak-http.ts'
import { openGateOf } from '../run/gates.ts'

/** Spellings of 127.0.0.1 that one parser or another reads as that. */
const SPELLINGS = [
  '2130706433',
  '0x7f000001',
  '0X7F000001',
  '017700000001',
  '0177.0.0.1',
  '0x7f.0x0.0x0.0x1',
  '127.0.0.01',
  '0127.0.0.1',
  '127.1',
  '127.0.1',
  '127.0.0.1.',
  '127.0.0.1%2e',
  '%31%32%37.0.0.1',
  '１２７.０.０.１',
  '127。0。0。1',
  '127．0．0．1',
  '127｡0｡0｡1',
  '①②⑦.0.0.1',
  '127.0.0.1 ',
  '127.0.0.\u00ad1',
]

/** Addresses that lead inside, or nowhere that a tool has business. */
const INSIDE = {
  'IPv4-mapped': '[::ffff:127.0.0.1]',
  'IPv4-mapped, in hex': '[::ffff:7f00:1]',
  'IPv4-compatible': '[::127.0.0.1]',
  '6to4': '[2002:7f00:1::]',
  NAT64: '[64:ff9b::7f00:1]',
  'NAT64, local use': '[64:ff9b:1::7f00:1]',
  Teredo: '[2001:0:7f00:1::]',
  'loopback of IPv6': '[::1]',
  'unspecified address of IPv6': '[::]',
  'unique local': '[fd00::1]',
  'link-local of IPv6': '[fe80::1]',
  'multicast of IPv6': '[ff02::1]',
  documentation: '[2001:db8::1]',
  'discard-only': '[100::1]',
  'unspecified address': '0.0.0.0',
  'this network': '0.1.2.3',
  private: '10.0.0.1',
  'private, 172': '172.16.0.1',
  'private, 192': '192.168.0.1',
  'carrier-grade NAT': '100.64.0.1',
  'link-local metadata': '169.254.169.254',
  'metadata of another cloud': '168.63.129.16',
  benchmarking: '198.18.0.1',
  multicast: '224.0.0.1',
  reserved: '240.0.0.1',
  broadcast: '255.255.255.255',
} as const

const problemOf = async (policy: object): Promise<string> => {
  await using gate = await openGate()
  try {
    await gate.run({ code: 'return 1', policy })
    return 'the policy was accepted'
  } catch (error) {
    if (isTollgateError(error)) return `${error.code}: ${error.message}`
    throw error
  }
}

describe('an odd spelling of an address', () => {
  it('is refused at authorize although the address itself is allowed, and no packet leaves', async () => {
    await using site = await openSite()
    const network = stubNetwork()
    await using gate = await openGate({ powers: { http: network.http } })
    const policy = httpPolicy({ allowed_domains: [site.origin] })
    const asked = SPELLINGS.map((host) => ({ url: `http://${host}:${site.port}/` }))
    const { seen, result } = await ask(gate, policy, asked)
    expect(verdicts(seen)).toEqual(SPELLINGS.map(() => 'DENIED_URL at authorize'))
    expect(network.resolved).toEqual([])
    expect(network.dialled).toEqual([])
    expect(site.connections).toBe(0)
    expect(result.usage.calls).toBe(SPELLINGS.length)
  })

  it('would reach the server if URLs were repaired instead of refused', async () => {
    await using site = await openSite()
    const network = stubNetwork()
    await using gate = await openGateOf({ powers: { http: network.http } }, lenientUrls)
    const policy = httpPolicy({ allowed_domains: [site.origin] })
    const asked = SPELLINGS.map((host) => ({ url: `http://${host}:${site.port}/` }))
    const { seen } = await ask(gate, policy, asked)
    expect(seen.filter(({ status }) => status === 200).length).toBeGreaterThan(10)
    expect(site.requests.length).toBeGreaterThan(10)
  })
})

describe('an address that leads inside', () => {
  it.each(Object.entries(INSIDE))('is refused at authorize unless it is listed: %s', async (_, host) => {
    const network = stubNetwork()
    await using gate = await openGate({ powers: { http: network.http } })
    const policy = httpPolicy({ allowed_domains: ['http://127.0.0.1:8080'] })
    const { seen } = await ask(gate, policy, [{ url: `http://${host}:8080/` }, { url: `https://${host}/` }])
    for (const verdict of verdicts(seen)) expect(verdict).toMatch(/^DENIED_(?:URL|DOMAIN) at authorize$/)
    expect(network.dialled).toEqual([])
  })

  it.each(Object.entries(INSIDE))('cannot be listed by its name alone: %s', async (_, host) => {
    const problem = await problemOf({ permissions: { http: { allowed_domains: [`http://${host}:8080`] } } })
    expect(problem).toMatch(/^CONFIG_POLICY_INVALID: /)
  })

  it('is reached only when domain and network are both listed', async () => {
    await using site = await openSite()
    const network = stubNetwork()
    await using gate = await openGate({ powers: { http: network.http } })
    const policy = httpPolicy({ allowed_domains: [site.origin] })
    const { seen } = await ask(gate, policy, [{ url: site.origin }])
    expect(verdicts(seen)).toEqual(['200'])
    expect(network.dialled).toEqual([`127.0.0.1:${site.port}`])
  })
})

describe('a network', () => {
  it.each(['::ffff:127.0.0.0/104', '0.0.0.0/0', '::/0', '127.0.0.0/4', '0177.0.0.1/8', '2130706433'])(
    'is no way around: %s cannot be listed',
    async (network) => {
      const problem = await problemOf({ permissions: { http: { private_networks: [network] } } })
      expect(problem).toMatch(/^CONFIG_POLICY_INVALID: .*private_networks/s)
    },
  )
})
