import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { connect as secure, createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { isTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import { isSameAddress, judgeAddresses, type Network } from './address.ts'
import type { Deadline } from './deadline.ts'
import type { Origin } from './domain-pattern.ts'
import { addressOfHost } from './host.ts'
import type { HttpPowers } from './powers.ts'
import { causeCode } from './upstream-error.ts'

/** A connection that is open and, for https, secured. */
export type OpenedSocket = {
  readonly socket: Duplex
  /** The address that was judged and dialled. */
  readonly address: string
}

/** Opens a connection to an origin. Throws UPSTREAM_DNS, _UNREACHABLE, _TIMEOUT and DENIED_ADDRESS; then nothing was sent. */
export type Connector = (origin: Origin, deadline: Deadline) => Promise<OpenedSocket>

/** While another address is left to try, one gets so long to answer. */
const ATTEMPT_MS_MAX = 3000

const TLS_MIN = 'TLSv1.2'

const ignore = (): void => undefined

/**
 * The only way out of this driver. A name is resolved once, every address of it is judged, and what was judged is what is
 * dialled: nothing between the two asks a resolver again. An address in the URL is judged alike.
 */
export function createConnector(powers: HttpPowers, networks: readonly Network[]): Connector {
  // Parsing all authorities takes milliseconds: once for each driver, and only when something is added to Node's own list.
  let trust: SecureContext | undefined
  const trusted = (): SecureContext | undefined =>
    powers.extraCa === undefined
      ? undefined
      : (trust ??= createSecureContext({
          ca: [...getCACertificates('default'), powers.extraCa],
          minVersion: TLS_MIN,
        }))
  return async (origin, deadline) => {
    const literal = addressOfHost(origin.host)
    const addresses = literal === undefined ? await resolveHost(origin.host, powers, deadline) : [literal]
    judge(origin.host, addresses, networks)
    const opened = await dialFirst(origin, addresses, powers, deadline)
    return origin.scheme === 'http' ? opened : secured(origin, opened, trusted(), deadline)
  }
}

async function resolveHost(host: string, powers: HttpPowers, deadline: Deadline): Promise<readonly string[]> {
  const unknown = (cause?: unknown): TollgateError =>
    new TollgateError('UPSTREAM_DNS', `The host ${host} could not be resolved.`, { cause })
  // A resolver that throws instead of rejecting is an embedder's slip, not a defect of ours.
  const work = Promise.try(() => powers.resolve(host, deadline.signal)).catch((cause: unknown) => {
    throw deadline.signal.aborted ? deadline.error() : unknown(cause)
  })
  const addresses = [...new Set(await deadline.race(work))]
  if (addresses.length === 0) throw unknown()
  return addresses
}

/** The guest learns of which kind the address is, not the address: names of inside should not map the inside. */
function judge(host: string, addresses: readonly string[], networks: readonly Network[]): void {
  const refusal = judgeAddresses(addresses, networks)
  if (refusal === undefined) return
  throw new TollgateError(
    'DENIED_ADDRESS',
    `The host ${host} may not be dialled: its address is ${refusal.range}.`,
    {
      rule: 'permissions.http.private_networks',
      hint: 'Only public addresses can be reached, and the networks that the policy lists.',
      change: `list the network of ${refusal.address} under permissions.http.private_networks`,
      cause: new Error(`${host} resolves to ${addresses.join(', ').slice(0, 500)}`),
    },
  )
}

async function dialFirst(
  { host, port }: Origin,
  addresses: readonly string[],
  powers: HttpPowers,
  deadline: Deadline,
): Promise<OpenedSocket> {
  let failure: unknown
  for (const [index, address] of addresses.entries()) {
    const isLast = index === addresses.length - 1
    const signal = isLast
      ? deadline.signal
      : AbortSignal.any([deadline.signal, AbortSignal.timeout(ATTEMPT_MS_MAX)])
    try {
      return { address, socket: await dial(address, port, powers, signal) }
    } catch (cause) {
      if (isTollgateError(cause)) throw cause
      if (deadline.signal.aborted) throw deadline.error()
      failure = cause
    }
  }
  const code = causeCode(failure)
  throw new TollgateError('UPSTREAM_UNREACHABLE', `The host ${host} could not be reached (${code}).`, {
    cause: failure,
  })
}

async function dial(address: string, port: number, powers: HttpPowers, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted()
  const socket: Duplex & { connecting?: boolean; remoteAddress?: string | undefined } = powers.dial(
    address,
    port,
  )
  // Stays for good: a socket that fails while nobody listens would end the process.
  socket.on('error', ignore)
  try {
    if (socket.connecting === true) await once(socket, 'connect', { signal })
    const { remoteAddress } = socket
    if (remoteAddress !== undefined && !isSameAddress(remoteAddress, address)) {
      const cause = new Error(`dialled ${address}, reached ${remoteAddress}`)
      throw new TollgateError('DENIED_ADDRESS', 'The connection leads to another address than was judged.', {
        cause,
      })
    }
    return socket
  } catch (cause) {
    socket.destroy()
    throw cause
  }
}

async function secured(
  { host }: Origin,
  { socket, address }: OpenedSocket,
  trust: SecureContext | undefined,
  deadline: Deadline,
): Promise<OpenedSocket> {
  const literal = addressOfHost(host)
  const wrapped = secure({
    socket,
    // The certificate must be for the name (or the address) that was judged. An address is not sent as a server name (RFC 6066).
    host: literal ?? host,
    ...(literal === undefined && { servername: host }),
    // Written out: else an environment variable could switch the check off.
    rejectUnauthorized: true,
    minVersion: TLS_MIN,
    ALPNProtocols: ['http/1.1'],
    ...(trust && { secureContext: trust }),
  })
  wrapped.on('error', ignore)
  try {
    await once(wrapped, 'secureConnect', { signal: deadline.signal })
    return { socket: wrapped, address }
  } catch (cause) {
    wrapped.destroy()
    socket.destroy()
    if (deadline.signal.aborted) throw deadline.error()
    const code = causeCode(cause)
    throw new TollgateError(
      'UPSTREAM_UNREACHABLE',
      `The connection to ${host} could not be secured (${code}).`,
      {
        cause,
      },
    )
  }
}
