import { DatabaseSync, type DatabaseLimits } from 'node:sqlite'
import type { DbTable } from '../ops.ts'
import { Gatekeeper } from './authorizer.ts'
import { quoted } from './quoted.ts'
import type { WritableTable } from './writable-table.ts'

/** A database without rows, and who judges what is compiled in it. */
export type Shadow = { readonly database: DatabaseSync; readonly gatekeeper: Gatekeeper }

/**
 * An empty copy of what is granted. A statement that cannot be compiled in it is refused, and why may be told in the words of the
 * engine: they can only speak of what the guest wrote and what it was granted. So nobody learns which tables and columns exist.
 */
export function openShadow(
  tables: readonly DbTable[],
  functions: ReadonlySet<string>,
  modules: ReadonlySet<string>,
  limits: DatabaseLimits,
  writable: ReadonlyMap<string, WritableTable> = new Map(),
): Shadow {
  const database = new DatabaseSync(':memory:', {
    defensive: true,
    allowExtension: false,
    enableDoubleQuotedStringLiterals: false,
    limits,
  })
  for (const { name, columns: all } of tables) {
    const written = writable.get(name.toLowerCase())
    // On a base table the engine gives what is masked to RETURNING and to `excluded`, whatever its authorizer says.
    const isBase = written !== undefined && written.verbs.size > 0 && written.filter === undefined
    const columns = isBase ? all.filter(({ masked }) => !masked) : all
    const isMade = (column: DbTable['columns'][number]): boolean =>
      written !== undefined && (column.masked || written.made.has(column.name))
    // Nobody can give a value to a column that the engine makes.
    const list = columns.map((column) => quoted(column.name) + (isMade(column) ? ' AS (NULL)' : ''))
    const given = columns.filter((column) => !isMade(column)).map((column) => quoted(column.name))
    if (given.length === 0) list.push('"nothing"')
    // A row has no number here: by a name of that, a column could be written that is not shown.
    const key = given.length === 0 ? '"nothing"' : given.join(', ')
    const end = written === undefined ? ')' : `, PRIMARY KEY (${key})) WITHOUT ROWID`
    database.exec(`CREATE TABLE ${quoted(name)} (${list.join(', ')}${end}`)
    // What ON CONFLICT names must be there.
    for (const [at, unique] of (written?.uniques ?? []).entries())
      database.exec(
        `CREATE UNIQUE INDEX ${quoted(`${name} unique ${at}`)} ON ${quoted(name)} (${unique.map(quoted).join(', ')})`,
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
