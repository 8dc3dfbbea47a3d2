import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { DbTable } from '../ops.ts'
import type { OpenQuestion } from '../wire.ts'
import { accessesOf } from './view-accesses.ts'
import { quoted } from './quoted.ts'
import { Refused } from './refused.ts'
import { describeTable, type WritableTable } from './writable-table.ts'

type TableQuestion = OpenQuestion['tables'][number]
type BaseColumn = { readonly name: string; readonly type: string }

/** What the guest will find, and what it may access. */
export type GrownViews = {
  readonly tables: readonly DbTable[]
  /** What the views access themselves, by accessKey. */
  readonly views: ReadonlySet<string>
  /** Virtual tables that the engine brings along and the grant does not name, in lower case. */
  readonly modules: ReadonlySet<string>
  /** Every table of the grant by its name in lower case, where anything may be written; else empty. */
  readonly writable: ReadonlyMap<string, WritableTable>
  /** The function that yields the principal. */
  readonly principal: string
}

/** Whether anything of the database may be written. */
export const isWritable = ({ tables }: OpenQuestion): boolean => tables.some(({ write }) => write.length > 0)

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
  const writable = new Map<string, WritableTable>()
  const isWritten = isWritable(question)
  const tables = question.tables.map((table) => {
    if (found.get(table.name.toLowerCase()) === undefined)
      throw new Refused('unfit', `it has no table ${table.name}`)
    const columns = columnsOf(database, schema, table)
    const view = viewOf(table, columns, schema, principal)
    database.exec(view)
    if (isWritten) {
      if (table.write.length > 0 && found.get(table.name.toLowerCase()) !== 'table')
        throw new Refused('unfit', `${table.name} is no table, so it cannot be written`)
      const filter = table.filter?.join(`${principal}()`)
      writable.set(
        table.name.toLowerCase(),
        describeTable(database, schema, { table, columns, view, filter }),
      )
    }
    for (const key of accessesOf(database, table, { schema, principal })) views.add(key)
    return { name: table.name, columns }
  })
  const granted = new Set(tables.map(({ name }) => name.toLowerCase()))
  const modules = database
    .prepare('PRAGMA module_list')
    .all()
    .map((row) => String(row['name']).toLowerCase())
    .filter((name) => !granted.has(name))
  return { tables, views, modules: new Set(modules), writable, principal }
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
  const shown = new Set(table.show?.map(find))
  const masked = new Set(table.mask.map(find))
  // In the order of the table: a statement without a list of columns means the same in it, in its view and in the shadow.
  return base
    .filter((column) => table.show === null || shown.has(column) || masked.has(column))
    .map((column) => ({ ...column, masked: masked.has(column) }))
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
  return `CREATE TEMP VIEW IF NOT EXISTS ${name} AS ${select}${filter}`
}
