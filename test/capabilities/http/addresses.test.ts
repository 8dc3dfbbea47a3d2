import { describe, expect, it } from 'vitest'
import {
  isSameAddress,
  judgeAddresses,
  readNetwork,
  type Network,
} from '../../../src/capabilities/http/address.ts'
import { problemsOf } from './granting.ts'

const networks = (...texts: string[]): Network[] =>
  texts.map((text) => {
    const network = readNetwork(text)
    if (typeof network === 'string') throw new Error(network)
    return network
  })

describe('without private_networks only public addresses may be dialled', () => {
  it.each([
    ['this network', '0.0.0.0'],
    ['this network, other', '0.1.2.3'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['shared (CGNAT)', '100.64.0.1'],
    ['cloud metadata in CGNAT', '100.100.100.200'],
    ['loopback', '127.0.0.1'],
    ['loopback, far end', '127.255.255.255'],
    ['link-local', '169.254.0.1'],
    ['cloud metadata', '169.254.169.254'],
    ['Azure wire server', '168.63.129.16'],
    ['IETF protocol', '192.0.0.192'],
    ['documentation', '192.0.2.1'],
    ['6to4 relay', '192.88.99.1'],
    ['benchmark', '198.18.0.1'],
    ['documentation', '198.51.100.1'],
    ['documentation', '203.0.113.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['mapped loopback', '::ffff:127.0.0.1'],
    ['mapped public', '::ffff:93.184.216.34'],
    ['mapped, hexadecimal', '::ffff:7f00:1'],
    ['compatible', '::127.0.0.1'],
    ['translated', '::ffff:0:127.0.0.1'],
    ['NAT64', '64:ff9b::7f00:1'],
    ['NAT64, local', '64:ff9b:1::a00:1'],
    ['discard', '100::1'],
    ['dummy', '100:0:0:1::1'],
    ['Teredo', '2001::1'],
    ['benchmark', '2001:2::1'],
    ['ORCHID', '2001:20::1'],
    ['documentation', '2001:db8::1'],
    ['6to4 of loopback', '2002:7f00:1::'],
    ['6to4 of a public address', '2002:5db8:d822::'],
    ['documentation', '3fff::1'],
    ['segment routing', '5f00::1'],
    ['unique local', 'fc00::1'],
    ['unique local, cloud metadata', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['outside 2000::/3', '4000::1'],
    ['outside 2000::/3', '1::1'],
  ])('%s: %s', (_, address) => {
    expect(judgeAddresses([address], [])).toMatchObject({ address })
  })

  it.each([
    '',
    '1',
    '127.1',
    '0177.0.0.1',
    '0x7f.1',
    '2130706433',
    '010.0.0.1',
    '1.2.3.4 ',
    'localhost',
    'fe80::1%eth0',
    '93.184.216.034',
  ])('what a socket could read in another way is no address: %j', (text) => {
    expect(judgeAddresses([text], [])).toEqual({ address: 'unreadable', range: 'malformed' })
  })

  it.each(['93.184.216.34', '1.1.1.1', '2606:2800:220:1::1', '2a00:1450:4001::200e'])(
    '%s may be dialled',
    (address) => {
      expect(judgeAddresses([address], [])).toBeUndefined()
    },
  )
})

describe('every address of a name is judged', () => {
  it('one bad address spoils all, wherever it stands', () => {
    expect(judgeAddresses(['93.184.216.34', '10.0.0.1'], [])).toMatchObject({ address: '10.0.0.1' })
    expect(judgeAddresses(['10.0.0.1', '93.184.216.34'], [])).toMatchObject({ address: '10.0.0.1' })
    expect(judgeAddresses(['93.184.216.34', '::1'], [])).toMatchObject({ address: '::1' })
  })

  it('a mix of a listed private network and public addresses is refused', () => {
    const listed = networks('10.0.0.0/8')
    expect(judgeAddresses(['10.0.0.1', '10.1.2.3'], listed)).toBeUndefined()
    expect(judgeAddresses(['93.184.216.34'], listed)).toBeUndefined()
    expect(judgeAddresses(['10.0.0.1', '93.184.216.34'], listed)).toMatchObject({
      range: expect.stringContaining('mix') as string,
    })
  })

  it('a listed network opens nothing beside it', () => {
    expect(judgeAddresses(['127.0.0.1'], networks('127.0.0.0/8'))).toBeUndefined()
    expect(judgeAddresses(['::1'], networks('127.0.0.0/8'))).toMatchObject({ address: '::1' })
    expect(judgeAddresses(['128.0.0.1', '10.0.0.1'], networks('127.0.0.0/8'))).toMatchObject({
      address: '10.0.0.1',
    })
    expect(judgeAddresses(['10.0.0.2'], networks('10.0.0.1'))).toMatchObject({ address: '10.0.0.2' })
  })

  it('an IPv4 address in IPv6 form is never dialled, not even when a wide network would hold it', () => {
    expect(judgeAddresses(['::ffff:127.0.0.1'], networks('127.0.0.0/8'))).toMatchObject({
      address: '::ffff:127.0.0.1',
    })
    expect(judgeAddresses(['::ffff:10.0.0.1'], networks('::/8'))).toMatchObject({
      address: '::ffff:10.0.0.1',
    })
  })
})

describe('private_networks', () => {
  it.each([
    ['0.0.0.0/0', 'too wide'],
    ['0.0.0.0/7', 'too wide'],
    ['::/0', 'too wide'],
    ['2000::/3', 'too wide'],
    ['10.0.0.0/33', '0 to 32 bits'],
    ['10.0.0.0/-1', '0 to 32 bits'],
    ['10.0.0.0/8/8', 'CIDR'],
    ['10.0.0.0/', '0 to 32 bits'],
    ['10.0.0.0/8.0', '0 to 32 bits'],
    ['10.0', 'four decimal'],
    ['0x0a.0.0.0/8', 'four decimal'],
    ['::ffff:10.0.0.0/104', 'IPv4'],
    ['fe80::%eth0/64', 'CIDR'],
    ['internal', 'CIDR'],
    ['', 'CIDR'],
  ])('%s is refused at load', (network, problem) => {
    expect(problemsOf({ private_networks: [network] }).join()).toContain(problem)
  })

  it.each(['10.0.0.0/8', '127.0.0.1', '127.0.0.1/32', 'fd00::/8', '::1/128', 'fe80::/10'])(
    '%s loads',
    (network) => {
      expect(problemsOf({ private_networks: [network] })).toEqual([])
    },
  )
})

it('an address is the same in every spelling of a socket', () => {
  expect(isSameAddress('127.0.0.1', '::ffff:127.0.0.1')).toBe(true)
  expect(isSameAddress('::1', '0:0:0:0:0:0:0:1')).toBe(true)
  expect(isSameAddress('127.0.0.1', '127.0.0.2')).toBe(false)
  expect(isSameAddress('127.0.0.1', 'nowhere')).toBe(false)
})
