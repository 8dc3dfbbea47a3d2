import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Everything that the state folder holds: the rows of every table, and the bytes of every file, as one text. */
export const dumpState = async (folder: string): Promise<string> => {
  const names = await readdir(folder)
  const files = await Promise.all(names.map((name) => readFile(join(folder, name), 'latin1')))
  const rows = names.filter((name) => name.endsWith('.db')).flatMap((name) => rowsOf(join(folder, name)))
  return [...rows, ...files].join('\n')
}

const rowsOf = (file: string): string[] => {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as {
      name: string
    }[]
    return tables.flatMap(({ name }) =>
      database
        .prepare(`SELECT * FROM "${name}"`)
        .all()
        .flatMap((row) => Object.values(row).map(String)),
    )
  } finally {
    database.close()
  }
}
