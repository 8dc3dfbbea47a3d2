import { connect } from 'node:net'
import { PassThrough, type Duplex } from 'node:stream'
import type { Powers } from '../../src/index.ts'

type HttpPowers = Powers['http']

export type StubNetwork = {
  readonly http: HttpPowers
  /** Names that were looked up, in order. */
  readonly resolved: readonly string[]
  /** `address:port` of every connection that was dialled, in order. */
  readonly dialled: readonly string[]
}

/** By name: its addresses, at each look-up anew when it is a function. */
export type Hosts = Readonly<Record<string, readonly string[] | (() => readonly string[])>>

/** A connection to a port of the loopback interface that says that it leads elsewhere. */
const disguised = (address: string, port: number): Duplex =>
  Object.defineProperty(connect({ host: '127.0.0.1', port }), 'remoteAddress', { value: address })

/** Nothing answers there; no packet leaves the machine to find out. */
const unreachable = (): Duplex => {
  const nothing = new PassThrough()
  process.nextTick(() => nothing.destroy(Object.assign(new Error('unreachable'), { code: 'ENETUNREACH' })))
  return nothing
}

/**
 * A resolver of our own over real sockets: `hosts` says what each name resolves to; names that it does not know do not exist.
 * Only loopback addresses are really dialled. `routes` lets other addresses exist: `{ '93.184.216.34:80': port }`.
 */
export const stubNetwork = (
  hosts: Hosts = {},
  routes: Readonly<Record<string, number>> = {},
): StubNetwork => {
  const resolved: string[] = []
  const dialled: string[] = []
  return {
    resolved,
    dialled,
    http: {
      resolve(hostname) {
        resolved.push(hostname)
        const entry = hosts[hostname]
        if (entry === undefined) return Promise.reject(new Error(`no such name: ${hostname}`))
        return Promise.resolve(typeof entry === 'function' ? entry() : entry)
      },
      dial(address, port) {
        dialled.push(`${address}:${port}`)
        const route = routes[`${address}:${port}`]
        if (route !== undefined) return disguised(address, route)
        return address.startsWith('127.') ? connect({ host: address, port }) : unreachable()
      },
    },
  }
}
