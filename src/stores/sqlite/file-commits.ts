import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { FileCommit, FileCommitFate, FileCommitPort } from '../ports.ts'
import type { Database } from './database.ts'

/** Held open by whoever commits; the system releases it with the process. */
const LOCK_FILE = 'file-commits.lock'
const SQLITE_BUSY = 5

/** The redo log of files in SQLite. `stateFolder`: where processes that share the state find the lock. */
export function fileCommitPort(database: Database, stateFolder: string): FileCommitPort {
  const setState = (id: string, state: FileCommit['state'] | FileCommitFate): void =>
    void database.sql('UPDATE file_commits SET state = ? WHERE id = ?').run(state, id)
  return {
    lock: stateFolder === ':memory:' ? lockInMemory() : () => lockFile(join(stateFolder, LOCK_FILE)),
    unfinished: () =>
      database.reading(
        () =>
          database
            .sql(
              `SELECT id, state, manifest FROM file_commits WHERE state IN ('prepared', 'decided') ORDER BY rowid`,
            )
            .all() as FileCommit[],
      ),
    prepare: (id, manifest) =>
      database.transaction('kept', () => {
        database
          .sql(`INSERT INTO file_commits (id, state, manifest) VALUES (?, 'prepared', ?)`)
          .run(id, manifest)
      }),
    decide: (id) => database.transaction('synced', () => setState(id, 'decided')),
    settle: (id, fate) =>
      database.transaction('synced', () => {
        setState(id, fate)
        database.sql(`UPDATE file_commits SET manifest = '' WHERE id = ?`).run(id)
      }),
    fates: (prefix) =>
      database.reading(
        () =>
          database
            .sql('SELECT id, state FROM file_commits WHERE substr(id, 1, length(?)) = ? ORDER BY rowid')
            .all(prefix, prefix) as { id: string; state: FileCommit['state'] | FileCommitFate }[],
      ),
  }
}

const lockInMemory = (): FileCommitPort['lock'] => {
  let isLocked = false
  return () => {
    if (isLocked) return undefined
    isLocked = true
    return () => void (isLocked = false)
  }
}

/** A database of nothing: to have begun an exclusive transaction on it is the lock. */
function lockFile(path: string): (() => void) | undefined {
  let connection: DatabaseSync | undefined
  try {
    connection = new DatabaseSync(path, { timeout: 0 })
    chmodSync(path, 0o600)
    connection.exec('BEGIN EXCLUSIVE')
    return connection.close.bind(connection)
  } catch (cause) {
    connection?.close()
    // The low byte is the primary code of SQLite.
    if (((cause as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY) return undefined
    throw new TollgateError('INTERNAL_STORE', 'The state could not be locked.', { cause })
  }
}
