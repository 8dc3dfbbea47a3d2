import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { isTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Durability } from '../ports.ts'
import { MIGRATIONS } from './migrations.ts'

/** The file under the state folder. */
const STATE_FILE = 'tollgate.db'
/** Pages of 4 KB that are gathered in the write-ahead log before they are moved into the database, which syncs and so stops all runs. */
const CHECKPOINT_PAGES = 8_192
/** How long a write waits for another process that writes. */
const BUSY_MS_MAX = 5_000

/** One connection with prepared statements and transactions whose durability is chosen each time. */
export type Database = {
  /** Prepares once per text. */
  sql(text: string): StatementSync
  /** Runs `work`, which only reads. Throws INTERNAL_STORE. */
  reading<T>(work: () => T): T
  /** Runs `work`, which only reads, on the state as it is now, whatever other processes write meanwhile. Throws INTERNAL_STORE. */
  snapshot<T>(work: () => T): T
  /** Runs `work` in one immediate transaction; rolls back when it throws. Throws INTERNAL_STORE. */
  transaction<T>(durability: Durability, work: () => T): T
  close(): void
}

/** Opens (and creates or migrates) the state database. `:memory:` keeps nothing. Throws CONFIG_STATE_UNUSABLE. */
export function openDatabase(stateFolder: string): Database {
  const file = stateFolder === ':memory:' ? ':memory:' : join(stateFolder, STATE_FILE)
  let connection: DatabaseSync | undefined
  try {
    if (file !== ':memory:') mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
    connection = new DatabaseSync(file, { timeout: BUSY_MS_MAX, enableForeignKeyConstraints: true })
    if (file !== ':memory:') chmodSync(file, 0o600)
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF')
    connection.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    migrate(connection)
    return wrap(connection)
  } catch (cause) {
    connection?.close()
    if (isTollgateError(cause)) throw cause
    throw new TollgateError(
      'CONFIG_STATE_UNUSABLE',
      `The state folder ${stateFolder} cannot be used: ${(cause as Error).message}`,
      { cause },
    )
  }
}

/** The schema version of a state; refuses one that a newer Tollgate wrote. */
function knownVersion(connection: DatabaseSync): number {
  const { user_version: version } = connection.prepare('PRAGMA user_version').get() as {
    user_version: number
  }
  if (version <= MIGRATIONS.length) return version
  throw new TollgateError(
    'CONFIG_STATE_UNUSABLE',
    `The state was written by a newer version of Tollgate (schema ${version}, this one knows ${MIGRATIONS.length}).`,
  )
}

function migrate(connection: DatabaseSync): void {
  if (knownVersion(connection) === MIGRATIONS.length) return
  connection.exec('BEGIN IMMEDIATE')
  try {
    // Read again inside the transaction: another process may have migrated while this one waited for the lock.
    for (const migration of MIGRATIONS.slice(knownVersion(connection))) connection.exec(migration)
    connection.exec(`PRAGMA user_version = ${MIGRATIONS.length}`)
    connection.exec('COMMIT')
  } catch (error) {
    // A full disk has ended the transaction already.
    if (connection.isTransaction) connection.exec('ROLLBACK')
    throw error
  }
}

/** Failures of the medium as INTERNAL_STORE; a refusal of ours passes. */
function guarded<T>(work: () => T, problem: string): T {
  try {
    return work()
  } catch (cause) {
    if (isTollgateError(cause)) throw cause
    throw new TollgateError('INTERNAL_STORE', problem, { cause })
  }
}

function wrap(connection: DatabaseSync): Database {
  const statements = new Map<string, StatementSync>()
  const sql = (text: string): StatementSync => {
    let statement = statements.get(text)
    if (statement === undefined) statements.set(text, (statement = connection.prepare(text)))
    return statement
  }
  let level: Durability = 'kept'
  const commit = <T>(durability: Durability, work: () => T): T => {
    // FULL syncs the write-ahead log at commit, and so everything that was committed before it.
    if (durability !== level)
      connection.exec(`PRAGMA synchronous = ${durability === 'synced' ? 'FULL' : 'NORMAL'}`)
    level = durability
    sql('BEGIN IMMEDIATE').run()
    try {
      const value = work()
      sql('COMMIT').run()
      return value
    } catch (error) {
      if (connection.isTransaction) sql('ROLLBACK').run()
      throw error
    }
  }
  return {
    sql,
    reading: (work) => guarded(work, 'The state could not be read.'),
    snapshot: (work) =>
      guarded(() => {
        sql('BEGIN').run()
        try {
          return work()
        } finally {
          if (connection.isTransaction) sql('COMMIT').run()
        }
      }, 'The state could not be read.'),
    transaction: (durability, work) =>
      guarded(() => commit(durability, work), 'The state could not be written.'),
    close: () => connection.close(),
  }
}
