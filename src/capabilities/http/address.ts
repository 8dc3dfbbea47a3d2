import ipaddr from 'ipaddr.js'

/** A network of `private_networks`. */
export type Network = {
  readonly text: string
  readonly base: ipaddr.IPv4 | ipaddr.IPv6
  readonly bits: number
}

/** An address that may not be dialled, and what it is. */
export type AddressRefusal = { readonly address: string; readonly range: string }

/** Shortest prefixes that can be listed: one more bit and a policy would open half of the Internet or all of it. */
const PREFIX_BITS_MIN = { ipv4: 8, ipv6: 7 } as const

// Addresses that ipaddr.js takes for unicast, but that answer inside a cloud or nowhere.
const WIRE_SERVER = '168.63.129.16'
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3')

/** Reads one network in CIDR form, or a single address. Returns a text that says what is wrong otherwise. */
export function readNetwork(text: string): Network | string {
  const [addressText = '', bitsText, ...rest] = text.split('/')
  const address = parseAddress(addressText)
  if (rest.length > 0 || address === undefined)
    return rest.length === 0 && ipaddr.IPv4.isValid(addressText)
      ? 'must be written as four decimal numbers'
      : 'must be a network in CIDR form, like 10.0.0.0/8'
  if (isMapped(address)) return 'must be written as the IPv4 network that it stands for'
  const width = address.kind() === 'ipv4' ? 32 : 128
  const bits = bitsText === undefined ? width : Number(bitsText)
  if (bitsText !== undefined && (!/^\d{1,3}$/u.test(bitsText) || bits > width))
    return `the prefix must be 0 to ${width} bits`
  if (bits < PREFIX_BITS_MIN[address.kind()])
    return `the network is too wide: at least /${PREFIX_BITS_MIN[address.kind()]}`
  return Object.freeze({ text, base: address, bits })
}

/**
 * Judges every address that a name resolved to: all must be public or inside a listed network, and a mix of the two kinds is
 * refused as well, for it is what rebinding looks like. Returns the first refusal, or undefined when all may be dialled.
 * An empty list is for the caller to refuse.
 */
export function judgeAddresses(
  addresses: readonly string[],
  networks: readonly Network[],
): AddressRefusal | undefined {
  let listed: number = 0
  for (const address of addresses) {
    const parsed = parseAddress(address)
    if (parsed === undefined) return { address: 'unreadable', range: 'malformed' }
    // An IPv6 form of an IPv4 address is never dialled, whatever it holds: nobody resolves to one in good faith.
    if (isMapped(parsed)) return { address, range: 'an IPv4-mapped IPv6 address' }
    if (isListed(parsed, networks)) listed += 1
    else {
      const range = forbiddenRange(parsed)
      if (range !== undefined) return { address, range }
    }
  }
  const mixed = listed > 0 && listed < addresses.length
  return mixed
    ? { address: addresses.join(', ').slice(0, 200), range: 'a mix of private and public addresses' }
    : undefined
}

/** Whether two texts are the same address; a socket may show the IPv4 address that it reached in its IPv6 form. */
export const isSameAddress = (a: string, b: string): boolean =>
  ipaddr.isValid(a) && ipaddr.isValid(b) && ipaddr.process(a).toString() === ipaddr.process(b).toString()

/** Strictly: what a socket would read as a name (0177.1, 2130706433) or bind to an interface (fe80::1%eth0) is no address here. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  return text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)
    ? ipaddr.IPv6.parse(text)
    : undefined
}

const isMapped = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()

const isListed = (address: ipaddr.IPv4 | ipaddr.IPv6, networks: readonly Network[]): boolean =>
  networks.some(({ base, bits }) => base.kind() === address.kind() && address.match(base, bits))

/** Why an address is not public, in the words of the IANA registries; undefined when it is (RFC 6890, RFC 4291). */
function forbiddenRange(address: ipaddr.IPv4 | ipaddr.IPv6): string | undefined {
  const range = address.range()
  if (range !== 'unicast') return `${range} (not public)`
  if (address.toString() === WIRE_SERVER) return 'a cloud metadata address'
  if (address instanceof ipaddr.IPv6 && !address.match(GLOBAL_IPV6)) return 'reserved (not public)'
  return undefined
}
