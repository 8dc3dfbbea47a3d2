import type { ResolvedSecret } from '../../capability.ts'
import { isWritable, type DatabaseGrant } from '../database-grant.ts'
import { mayGoTo, readAddress } from './address.ts'
import type { Dial, PostgresConnection } from './connection.ts'
import { Refused } from './refused.ts'
import type { ServerGrant } from './server-grant.ts'

/** Makes a connection; it is not open yet. */
export type Connect = (...of: ConstructorParameters<typeof PostgresConnection>) => PostgresConnection

/** How long it may take to reach a server, to log in, and to look at what the role may do. */
export const START_MS_MAX = 10_000
/** So long may a run keep what it has written locked, humans that it waits for included. */
export const OPEN_MS_MAX = 300_000
/** So long may a transaction that only reads stand idle. */
const IDLE_MS_MAX = 60_000

/** A connection to where the secret of a database says, set as statements of a guest want it. Throws Refused `unfit`. */
export function connectionOf(
  database: DatabaseGrant,
  {
    server,
    secret,
    dial,
    connect,
  }: {
    readonly server: ServerGrant
    readonly secret: ResolvedSecret | undefined
    readonly dial: Dial
    readonly connect: Connect
  },
): PostgresConnection {
  const { timeoutMs } = database
  if (secret === undefined) throw new Refused('unfit', 'its url has no value')
  const address = readAddress(secret.value)
  if (!mayGoTo(address, secret.hosts))
    throw new Refused('unfit', `secrets.${secret.name}.hosts does not name the host of its url`)
  return connect(
    address,
    dial,
    settingsOf(server.schema, timeoutMs, isWritable(database) ? OPEN_MS_MAX : IDLE_MS_MAX),
  )
}

/** Works on a connection for as long as it may take to open one; then it is given up. */
export async function withinStart<T>(connection: PostgresConnection, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => connection.destroy(), START_MS_MAX)
  try {
    return await work()
  } finally {
    clearTimeout(timer)
  }
}

/** How a connection is set from its first moment. Each statement sets its own time again. */
const settingsOf = (schema: string, timeoutMs: number, idleMs: number): Readonly<Record<string, string>> => ({
  search_path: `${schema},pg_temp`,
  default_transaction_read_only: 'on',
  standard_conforming_strings: 'on',
  row_security: 'on',
  jit: 'off',
  statement_timeout: String(Math.max(timeoutMs, START_MS_MAX)),
  lock_timeout: '1000',
  idle_in_transaction_session_timeout: String(idleMs),
  datestyle: 'ISO',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  timezone: 'UTC',
})
