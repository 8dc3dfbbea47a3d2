import type { ConnectionOptions } from 'node:tls'
import { Refused } from './refused.ts'

/** Where a server is, and as whom to log in. Made of the secret `url`; no part of it goes into an error. */
export type Address = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly tls: ConnectionOptions | false
}

const PORT_DEFAULT = 5432

const unfit = (what: string): Refused => new Refused('unfit', `its url ${what}`)

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…`. Without `sslmode`, loopback is reached in plain text and everything
 * else by TLS with a verified certificate (`verify-full`). Throws Refused `unfit`, without a word of the url.
 */
export function readAddress(url: string): Address {
  const read = URL.parse(url)
  if (read === null || !/^postgres(?:ql)?:$/u.test(read.protocol))
    throw unfit('is not postgres://user:password@host:port/database')
  const { hostname, port, searchParams } = read
  const host = decoded(hostname).replace(/^\[(.*)\]$/u, '$1')
  const [user = '', password = '', database = ''] = [
    read.username,
    read.password,
    read.pathname.slice(1),
  ].map(decoded)
  const lacking = Object.entries({ host, user, password, database }).find(([, value]) => value === '')
  if (lacking !== undefined) throw unfit(`names no ${lacking[0]}`)
  const stray = [...searchParams.keys()].find((name) => name !== 'sslmode')
  if (stray !== undefined || read.hash !== '')
    throw unfit('may have no parameter but sslmode (authorities are given by NODE_EXTRA_CA_CERTS)')
  return {
    host,
    port: port === '' ? PORT_DEFAULT : Number(port),
    user,
    password,
    database,
    tls: tlsOf(host, searchParams.get('sslmode')),
  }
}

function tlsOf(host: string, mode: string | null): Address['tls'] {
  switch (mode ?? (isLoopback(host) ? 'disable' : 'verify-full')) {
    case 'disable':
      return false
    case 'require':
      // As libpq means it: secret, but from whom is not asked.
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return { rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'verify-full':
      return { rejectUnauthorized: true }
    default:
      throw unfit(
        'may have sslmode disable, require, verify-ca or verify-full; what falls back to plain text is none',
      )
  }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/u.test(host)

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw unfit('has a % that encodes nothing')
  }
}

/** Whether a secret that is bound to hosts may go to this one: patterns are `host`, `*.host`, with an optional port. */
export const mayGoTo = ({ host, port }: Address, patterns: readonly string[] | undefined): boolean =>
  patterns === undefined ||
  patterns.some((pattern) => {
    const [, name = '', wanted] = /^(.*?)(?::(\d+))?$/u.exec(pattern) ?? []
    const isHost = name.startsWith('*.')
      ? host.toLowerCase().endsWith(name.slice(1))
      : host.toLowerCase() === name.replace(/^\[(.*)\]$/u, '$1')
    return isHost && (wanted === undefined || Number(wanted) === port)
  })
