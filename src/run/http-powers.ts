import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { untilAborted } from '../broker/until-aborted.ts'

/** As the http capability reads it; told again here, so that the host stands without that folder. */
export type HttpPowers = {
  /** Every address of a host name (A and AAAA), as text. Rejects when there is none. */
  resolve(hostname: string, signal: AbortSignal): Promise<readonly string[]>
  /** Opens a TCP connection to an address that was judged; never resolves a name. */
  dial(address: string, port: number): Duplex
  /** Certificate authorities trusted besides the built-in ones (PEM). */
  readonly extraCa?: string
}

/** Resolves names as the operating system does, and opens TCP connections to addresses. */
export const createHttpPowers = (): HttpPowers =>
  Object.freeze<HttpPowers>({
    resolve: resolveHost,
    dial(address, port) {
      // Node would resolve what is no address.
      if (isIP(address) === 0) throw new TypeError('dial takes an address, not a name')
      return connect({ host: address, port, autoSelectFamily: false, noDelay: true })
    },
  })

/** Every address in the order of the resolver. The lookup itself cannot be stopped; at the signal nobody waits for it any longer. */
async function resolveHost(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
  signal.throwIfAborted()
  const found = await untilAborted(lookup(hostname, { all: true, order: 'verbatim' }), signal)
  return found.map(({ address }) => address)
}
