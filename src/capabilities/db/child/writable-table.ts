import type { DatabaseSync } from 'node:sqlite'
import type { DbTable } from '../ops.ts'
import type { OpenQuestion } from '../wire.ts'
import type { WriteVerb } from '../write-kind.ts'
import { quoted } from './quoted.ts'
import { Refused } from './refused.ts'

/** A table of which something may be written. Names as the file has them, unless said otherwise. */
export type WritableTable = {
  readonly name: string
  readonly verbs: ReadonlySet<WriteVerb>
  /** Columns that are shown, so that they can be written. */
  readonly shown: readonly string[]
  /** The same, in lower case. */
  readonly shownKeys: ReadonlySet<string>
  /** Shown columns that the engine makes from others, so that nobody can give them. */
  readonly made: ReadonlySet<string>
  /** An SQL expression; undefined: every row may be written. */
  readonly filter: string | undefined
  /** Columns that tell a row from all others, where all of them are shown; else empty. */
  readonly key: readonly string[]
  /** The column that is the number of the row, where it is shown. */
  readonly rowid: string | undefined
  /** Sets of shown columns that are unique. */
  readonly uniques: readonly (readonly string[])[]
  /** Makes the view that the guest reads. */
  readonly view: string
}

type Parts = {
  readonly table: OpenQuestion['tables'][number]
  readonly columns: DbTable['columns']
  readonly view: string
  readonly filter: string | undefined
}

/** Looks a table up. Throws Refused `unfit` where rows that a filter shows cannot be told apart, or nothing can be written. */
export function describeTable(database: DatabaseSync, schema: string, parts: Parts): WritableTable {
  const { table, columns, view, filter } = parts
  const pragma = (name: string, of: string) =>
    database.prepare(`PRAGMA ${quoted(schema)}.${name}(${quoted(of)})`).all()
  const base = pragma('table_xinfo', table.name)
  const shown = columns.filter(({ masked }) => !masked).map(({ name }) => name)
  const shownKeys = new Set(shown.map((name) => name.toLowerCase()))
  const isMade = (row: (typeof base)[number]): boolean => row['hidden'] === 2 || row['hidden'] === 3
  const made = new Set(base.filter(isMade).map((row) => String(row['name'])))
  // A list of values would be taken for that of the columns that are not shown.
  if (table.write.some((verb) => verb !== 'delete') && shown.every((name) => made.has(name)))
    throw new Refused('unfit', `${table.name} shows no column that could be written`)
  const isShown = (names: readonly string[]): boolean =>
    names.length > 0 && names.every((name) => shownKeys.has(name.toLowerCase()))
  const primary = base
    .filter((row) => Number(row['pk']) > 0)
    .sort((a, b) => Number(a['pk']) - Number(b['pk']))
    .map((row) => String(row['name']))
  const key = isShown(primary) ? primary : []
  if (filter !== undefined && key.length === 0 && table.write.some((verb) => verb !== 'insert'))
    throw new Refused('unfit', `${table.name} has a filter, and its primary key is not shown`)
  const indexes = pragma('index_list', table.name)
  const uniques = indexes
    .filter((index) => index['unique'] === 1 && index['partial'] === 0)
    .map((index) => pragma('index_info', String(index['name'])).map((row) => String(row['name'])))
  const [first] = base.filter((row) => Number(row['pk']) > 0)
  // A key that has an index of its own is no number of the row.
  const isRowid =
    key.length === 1 &&
    /^integer$/iu.test(String(first?.['type'])) &&
    indexes.every((index) => index['origin'] !== 'pk')
  return {
    name: table.name,
    verbs: new Set(table.write),
    shown,
    shownKeys,
    made,
    filter,
    key,
    rowid: isRowid ? key[0] : undefined,
    uniques: [primary, ...uniques].filter(isShown),
    view,
  }
}
