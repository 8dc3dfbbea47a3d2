import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import type { HttpPowers } from '../capabilities/http/powers.ts'
import { untilAborted } from './until-aborted.ts'

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
