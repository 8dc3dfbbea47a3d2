import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { isTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Durability } from '../ports.ts'
import { MIGRATIONS } from './migrations.ts'

/** The file under the state folder. */
export const STATE_FILE = 'tollgate.db'

/** One connection with prepared statements and transactions whose durability is chosen each time. */
export type Database = {
  /** Prepares once per text. */
  sql(text: string): StatementSync
  /** Runs `work` in one immediate transaction; rolls back when it throws. */
  transaction<T>(durability: Durability, work: () => T): T
  close(): void
}

/** Opens (and creates or migrates) the state database. `:memory:` keeps nothing. Throws CONFIG_STATE_UNUSABLE. */
export function openDatabase(stateFolder: string): Database {
  const file = stateFolder === ':memory:' ? ':memory:' : join(stateFolder, STATE_FILE)
  try {
    if (file !== ':memory:') mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
    const connection = new DatabaseSync(file, { timeout: 5_000, enableForeignKeyConstraints: true })
    if (file !== ':memory:') chmodSync(file, 0o600)
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF')
    migrate(connection)
    return wrap(connection)
  } catch (cause) {
    if (isTollgateError(cause)) throw cause
    throw new TollgateError(
      'CONFIG_STATE_UNUSABLE',
      `The state folder ${stateFolder} cannot be used: ${(cause as Error).message}`,
      { cause },
    )
  }
}

function migrate(connection: DatabaseSync): void {
  const version = (): number =>
    (connection.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
  if (version() > MIGRATIONS.length) {
    throw new TollgateError(
      'CONFIG_STATE_UNUSABLE',
      `The state was written by a newer version of Tollgate (schema ${version()}, this one knows ${MIGRATIONS.length}).`,
    )
  }
  if (version() === MIGRATIONS.length) return
  connection.exec('BEGIN IMMEDIATE')
  try {
    // Read again inside the transaction: another process may have migrated while this one waited for the lock.
    for (const migration of MIGRATIONS.slice(version())) connection.exec(migration)
    connection.exec(`PRAGMA user_version = ${MIGRATIONS.length}`)
    connection.exec('COMMIT')
  } catch (error) {
    connection.exec('ROLLBACK')
    throw error
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
  return {
    sql,
    transaction(durability, work) {
      try {
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
      } catch (cause) {
        if (isTollgateError(cause)) throw cause
        throw new TollgateError('INTERNAL_STORE', 'The state could not be written.', { cause })
      }
    },
    close: () => connection.close(),
  }
}
