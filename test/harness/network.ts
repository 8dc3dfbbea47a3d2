import { connect } from 'node:net'
import type { Powers } from '../../src/index.ts'

type HttpPowers = Powers['http']

export type StubNetwork = {
  readonly http: HttpPowers
  /** Names that were looked up, in order. */
  readonly resolved: readonly string[]
  /** `address:port` of every connection that was dialled, in order. */
  readonly dialled: readonly string[]
}

/**
 * A resolver of our own over real sockets: `hosts` says what each name resolves to, at each look-up anew when it is a function.
 * Names that it does not know do not exist.
 */
export const stubNetwork = (
  hosts: Readonly<Record<string, readonly string[] | (() => readonly string[])>> = {},
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
        return connect({ host: address, port })
      },
    },
  }
}
