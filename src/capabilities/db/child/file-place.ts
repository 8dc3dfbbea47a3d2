import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { quoted } from './quoted.ts'
import { Refused } from './refused.ts'

const BUSY = 5

/** How the engine is told to open a file, and in no case to make it. */
export const fileUrl = (file: string, mode: 'ro' | 'rw'): string => `${pathToFileURL(file).href}?mode=${mode}`

/** The result code of what another connection to the file at the path says to `sql`; undefined when it does it. */
function codeOf(file: string, mode: 'ro' | 'rw', sql: string): number | undefined {
  const other = new DatabaseSync(':memory:', { readOnly: mode === 'ro', timeout: 0 })
  try {
    other.exec(`ATTACH '${fileUrl(file, mode).replaceAll("'", "''")}' AS other`)
    other.exec(sql)
    return undefined
  } catch (error) {
    return Number((error as { errcode?: number }).errcode)
  } finally {
    other.close()
  }
}

/**
 * While `real` holds the lock to write on the file: whether that is what stands at its path. One that was removed or replaced takes a
 * commit all the same, and nobody ever sees it. The lock shows which it is: it is held there or not. A log for writing ahead
 * stays with the path, so there a second writer could do harm, and only a file that is gone is found. Throws Refused `lost`.
 */
export function assertInPlace(real: DatabaseSync, schema: string, file: string): void {
  const lost = new Refused('lost', 'its file was removed or replaced meanwhile')
  const read = codeOf(file, 'ro', 'SELECT 1 FROM other.sqlite_schema LIMIT 1')
  if (read === BUSY) return
  if (read !== undefined) throw lost
  const mode = real.prepare(`PRAGMA ${quoted(schema)}.journal_mode`).get() as { journal_mode: string }
  if (mode.journal_mode !== 'wal' && codeOf(file, 'rw', 'BEGIN IMMEDIATE') !== BUSY) throw lost
}
