import { DatabaseSync, type DatabaseLimits } from 'node:sqlite'
import type { DbTable } from '../ops.ts'
import { Gatekeeper } from './authorizer.ts'
import { quoted } from './quoted.ts'
import type { WritableTable } from './writable-table.ts'

/**
 * An empty copy of what is granted. A statement that cannot be compiled in it is refused, and why may be told in the words of the
 * engine: they can only speak of what the guest wrote and what it was granted. So nobody learns which tables and columns exist.
 */
export function openShadow(
  tables: readonly DbTable[],
  functions: ReadonlySet<string>,
  modules: ReadonlySet<string>,
  limits: DatabaseLimits,
  writable: ReadonlyMap<string, WritableTable>,
): { readonly database: DatabaseSync; readonly gatekeeper: Gatekeeper } {
  const database = new DatabaseSync(':memory:', {
    defensive: true,
    allowExtension: false,
    enableDoubleQuotedStringLiterals: false,
    limits,
  })
  for (const { name, columns } of tables) {
    const isWritten = writable.has(name.toLowerCase())
    // Nobody can give a value to a column that the engine makes.
    const list = columns.map((column) =>
      column.masked && isWritten ? `${quoted(column.name)} AS (NULL)` : quoted(column.name),
    )
    const isBare = columns.every(({ masked }) => masked)
    database.exec(`CREATE TABLE ${quoted(name)} (${[...list, ...(isBare ? ['"nothing"'] : [])].join(', ')})`)
    // What ON CONFLICT names must be there.
    for (const unique of writable.get(name.toLowerCase())?.uniques ?? [])
      database.exec(
        `CREATE UNIQUE INDEX ${quoted(`${name} ${unique.join(' ')}`)} ON ${quoted(name)} (${unique.map(quoted).join(', ')})`,
      )
  }
  const gatekeeper = new Gatekeeper({
    schema: 'main',
    tables: new Set(tables.map(({ name }) => name.toLowerCase())),
    functions,
    views: new Set(),
    modules,
  })
  database.setAuthorizer(gatekeeper.authorize)
  return { database, gatekeeper }
}
