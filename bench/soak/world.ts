/** What the runs of a soak read and write: a database and a folder, and what must be in them when all is over. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export const EVENTS = 2_000
export const TEXT = 'a line of a file that is read\n'.repeat(2_000)
/** Runs come round to the name of a file again after so many others. */
export const FILES = 500

export type World = {
  readonly database: string
  /** A folder that is read. */
  readonly shelf: string
  /** A folder in which runs leave files. */
  readonly desk: string
  /** Problems of what is there, when so many runs have left a row and at least one a file. */
  problems(rows: number, hasFiles: boolean): readonly string[]
}

/** Makes a world in a folder that is there. */
export const makeWorld = (folder: string): World => {
  const [database, shelf, desk] = ['shop.db', 'shelf', 'desk'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  for (const made of [shelf, desk]) mkdirSync(made)
  writeFileSync(join(shelf, 'text.txt'), TEXT)
  const made = new DatabaseSync(database)
  made.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE events (id INTEGER PRIMARY KEY, note TEXT, secret TEXT);
    WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < ${EVENTS})
      INSERT INTO events SELECT n, printf('%0100d', n), 'hidden' FROM r;
    CREATE TABLE entries (id INTEGER PRIMARY KEY, token TEXT UNIQUE)`)
  made.close()
  return {
    database,
    shelf,
    desk,
    problems(rows, hasFiles) {
      const opened = new DatabaseSync(database)
      const [kept, marked] = ['entries', '_tollgate_commits'].map((table) => {
        const isThere = opened.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(table) !== undefined
        return isThere ? Number(opened.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']) : 0
      })
      opened.close()
      const names = readdirSync(desk)
      const stray = names.filter((name) => !/^\d+\.txt$/u.test(name))
      return [
        ...(kept === rows ? [] : [`${kept} rows were kept, and ${rows} runs left one`]),
        ...(marked === rows ? [] : [`${marked} commits are marked, and there were ${rows}`]),
        ...(stray.length > 0 ? [`files that no run wrote: ${stray.join(', ')}`] : []),
        ...(hasFiles === names.length > 0 ? [] : [`${names.length} files are left by runs`]),
      ]
    },
  }
}
