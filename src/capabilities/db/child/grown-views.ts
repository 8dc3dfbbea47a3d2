import { randomBytes } from 'node:crypto'
import { constants, type DatabaseSync } from 'node:sqlite'
import { FUNCTIONS } from '../functions.ts'
import type { DbTable } from '../ops.ts'
import type { OpenQuestion } from '../wire.ts'
import { accessKey, type Access } from './authorizer.ts'
import { Refused } from './refused.ts'

type TableQuestion = OpenQuestion['tables'][number]
type BaseColumn = { readonly name: string; readonly type: string }

/** What the guest will find, what it may access, and what is there besides. */
export type GrownViews = {
  readonly tables: readonly DbTable[]
  /** What the views access themselves, by accessKey. */
  readonly views: ReadonlySet<string>
  /** Names that exist and are not granted, in lower case. */
  readonly hidden: ReadonlySet<string>
}

/** A name as SQL writes it. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Counts the changes of the tables, as opposed to their rows. */
export const schemaVersion = (database: DatabaseSync, schema: string): number =>
  Number(database.prepare(`PRAGMA ${quoted(schema)}.schema_version`).get()?.['schema_version'])

/**
 * Makes a TEMP view for each granted table: shown columns, masked ones as NULL, filtered rows. Throws Refused `unfit` for what the
 * database does not have, and for a filter that reaches beyond the rows of its own table.
 */
export function growViews(database: DatabaseSync, question: OpenQuestion, schema: string): GrownViews {
  const found = relations(database, schema)
  const principal = `tg_${randomBytes(16).toString('hex')}`
  database.function(principal, { deterministic: true }, () => question.principal)
  const views = new Set<string>()
  const tables = question.tables.map((table) => {
    if (found.get(table.name.toLowerCase()) === undefined)
      throw new Refused('unfit', `it has no table ${table.name}`)
    const columns = columnsOf(database, schema, table)
    database.exec(viewOf(table, columns, schema, principal))
    for (const key of accesses(database, table, schema, principal)) views.add(key)
    return { name: table.name, columns }
  })
  const granted = new Set(tables.map(({ name }) => name.toLowerCase()))
  const modules = database
    .prepare('PRAGMA module_list')
    .all()
    .map((row) => String(row['name']).toLowerCase())
  const hidden = new Set([...found.keys(), ...modules].filter((name) => !granted.has(name)))
  return { tables, views, hidden }
}

/** Tables and views of the file by their names in lower case. Virtual tables are left out: their modules are code of their own. */
function relations(database: DatabaseSync, schema: string): ReadonlyMap<string, string | undefined> {
  const rows = database.prepare(`PRAGMA ${quoted(schema)}.table_list`).all()
  return new Map(
    rows
      .filter((row) => row['schema'] === schema)
      .map((row) => [
        String(row['name']).toLowerCase(),
        row['type'] === 'table' || row['type'] === 'view' ? String(row['type']) : undefined,
      ]),
  )
}

function columnsOf(database: DatabaseSync, schema: string, table: TableQuestion): DbTable['columns'] {
  const base = database
    .prepare(`PRAGMA ${quoted(schema)}.table_xinfo(${quoted(table.name)})`)
    .all()
    .filter((row) => row['hidden'] !== 1)
    .map((row): BaseColumn => ({ name: String(row['name']), type: String(row['type']) }))
  const find = (name: string): BaseColumn => {
    const column = base.find((one) => one.name.toLowerCase() === name.toLowerCase())
    if (column === undefined) throw new Refused('unfit', `its table ${table.name} has no column ${name}`)
    return column
  }
  const shown = table.show === null ? base : table.show.map(find)
  return [
    ...shown.map((column) => ({ ...column, masked: false })),
    ...table.mask.map((name) => ({ ...find(name), masked: true })),
  ]
}

/**
 * A filtered view ends in LIMIT -1, which keeps the engine from mixing conditions of the guest into it: evaluated on a row before
 * the filter has dropped it, they could tell of that row by failing.
 */
function viewOf(
  table: TableQuestion,
  columns: DbTable['columns'],
  schema: string,
  principal: string,
): string {
  const name = quoted(table.name)
  const list = columns.map((column) =>
    column.masked
      ? `NULL AS ${quoted(column.name)}`
      : `${name}.${quoted(column.name)} AS ${quoted(column.name)}`,
  )
  const select = `SELECT ${list.length === 0 ? 'NULL AS "nothing"' : list.join(', ')} FROM ${quoted(schema)}.${name}`
  const filter = table.filter === null ? '' : ` WHERE (${table.filter.join(`${principal}()`)}\n) LIMIT -1`
  return `CREATE TEMP VIEW ${name} AS ${select}${filter}`
}

/** Everything that a view accesses when it is read, found by compiling it. */
function accesses(
  database: DatabaseSync,
  { name, filter }: TableQuestion,
  schema: string,
  principal: string,
): readonly string[] {
  const seen: Access[] = []
  try {
    database.setAuthorizer((action, first, second, where, view) => {
      seen.push({ action, first, second, database: where, view })
      return constants.SQLITE_OK
    })
    database.prepare(`SELECT count(*) FROM temp.${quoted(name)}`)
    database.prepare(`SELECT * FROM temp.${quoted(name)}`)
  } catch {
    throw new Refused(
      'unfit',
      filter === null ? `its table ${name} cannot be read` : `the filter of ${name} does not fit`,
    )
  } finally {
    database.setAuthorizer(null)
  }
  const own = seen.filter(({ view }) => view !== null)
  const beyond = own.find((access) => !staysInside(access, { name, schema, principal }))
  if (beyond !== undefined) throw new Refused('unfit', `${name} reaches for what cannot be bounded`)
  return own.map(accessKey)
}

type Place = { readonly name: string; readonly schema: string; readonly principal: string }

/** Whether a view reads the file and nothing else, by functions that only compute. */
function staysInside({ action, second, database }: Access, { schema, principal }: Place): boolean {
  if (action === constants.SQLITE_SELECT) return true
  if (action === constants.SQLITE_FUNCTION)
    return second === principal || FUNCTIONS.includes(second?.toLowerCase() ?? '')
  return action === constants.SQLITE_READ && (database === schema || (database === null && second === ''))
}
