import type { WriteKind, WriteVerb } from '../../write-kind.ts'
import { Refused } from '../refused.ts'
import { statementOf, walk, type Fields, type Named } from './gate.ts'

const VERBS: Readonly<Record<string, WriteVerb>> = {
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
}

/**
 * Reads a statement with the parser of PostgreSQL, and lets pass one INSERT, UPDATE or DELETE that is what its words were taken for, of
 * a table that may be written so, in columns that are shown. Throws Refused as the gate for reading does, and `write`.
 */
export function checkWriteTree(sql: string, named: Named, kind: WriteKind): void {
  const [type, fields] = statementOf(sql)
  const verb = Object.hasOwn(VERBS, type) ? VERBS[type] : undefined
  if (verb === undefined) throw new Refused('write', 'it is no INSERT, UPDATE or DELETE')
  // Who approved the statement was told what its words say.
  if (verb !== kind.verb || (verb === 'delete' && !kind.mayDelete))
    throw new Refused('write', 'it does something else than its words say')
  if (verb === 'insert' && fields['override'] !== 'OVERRIDING_NOT_SET')
    throw new Refused('write', 'OVERRIDING is not to be had, for it writes what the table makes itself')
  walk(type, fields, named)
  const { relname: name } = fields['relation'] as { readonly relname: string }
  // Where a name of WITH is meant elsewhere, the target is still the table.
  if (!named.tables.has(name)) throw new Refused('name', `no table ${name} is granted`)
  const { action, targetList } = (fields['onConflictClause'] ?? {}) as Fields
  const verbs: readonly WriteVerb[] = action === 'ONCONFLICT_UPDATE' ? [verb, 'update'] : [verb]
  const table = named.writable.get(name)
  const lacking = verbs.find((one) => table?.verbs.has(one) !== true)
  if (table === undefined || lacking !== undefined)
    throw new Refused('write', `${(lacking ?? verb).toUpperCase()} of ${name} is not granted`)
  // The row in conflict may be one that the filter hides; the server would update it, or skip it.
  if (action !== undefined && table.isFiltered)
    throw new Refused('write', 'ON CONFLICT is not to be had on a table with a filter')
  const set = [fields['cols'], verb === 'update' ? fields['targetList'] : undefined, targetList].flatMap(
    columnsOf,
  )
  const hidden = set.find((column) => !table.columns.has(column))
  if (hidden !== undefined) throw new Refused('name', `no column ${hidden} of ${name} can be written`)
}

/** The columns that a list assigns to. */
const columnsOf = (list: unknown): readonly string[] =>
  ((list ?? []) as readonly { readonly ResTarget?: Fields }[]).map(({ ResTarget: one }) =>
    String(one?.['name']),
  )
