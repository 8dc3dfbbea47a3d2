import { constants } from 'node:sqlite'
import { FUNCTIONS } from '../functions.ts'
import type { WriteVerb } from '../write-kind.ts'
import type { Access, WriteRule } from './authorizer.ts'
import type { WritableTable } from './writable-table.ts'

const { SQLITE_OK, SQLITE_DENY, SQLITE_READ, SQLITE_FUNCTION } = constants

const VERBS: Readonly<Record<number, WriteVerb>> = {
  [constants.SQLITE_INSERT]: 'insert',
  [constants.SQLITE_UPDATE]: 'update',
  [constants.SQLITE_DELETE]: 'delete',
}

/** Whether rows would be written, and not anything else done. */
export const isWrite = ({ action }: Access): boolean => Object.hasOwn(VERBS, action)

type Tables = ReadonlyMap<string, WritableTable>

/** Functions that a table of the file may use itself, in defaults, checks and triggers. The guest's own were judged in the shadow. */
const OF_TABLES = new Set([
  ...FUNCTIONS,
  'current_date',
  'current_time',
  'current_timestamp',
  'random',
  'randomblob',
  'last_insert_rowid',
  'total_changes',
])

/** What a statement was seen to write: its own table and verbs. */
export type SeenWrites = {
  readonly table: WritableTable | undefined
  readonly verbs: ReadonlySet<WriteVerb>
  /** Columns of its SET, in lower case. */
  readonly set: ReadonlySet<string>
}

/** In the shadow: the verbs of each table, and of its columns those that are shown. Tells what it saw. */
export function ruleOfShadow(tables: Tables): { readonly rule: WriteRule; readonly seen: () => SeenWrites } {
  const verbs = new Set<WriteVerb>()
  const set = new Set<string>()
  let table: WritableTable | undefined
  const rule: WriteRule = (access) => {
    const verb = VERBS[access.action]
    if (verb === undefined) return undefined
    const target = mayWrite(access, verb, tables, 'main')
    if (target === undefined || (table !== undefined && table !== target)) return SQLITE_DENY
    table = target
    verbs.add(verb)
    if (verb === 'update') set.add(access.second?.toLowerCase() ?? '')
    return SQLITE_OK
  }
  return { rule, seen: () => ({ table, verbs, set }) }
}

/** In the real database, on a view that a filter stands in: only what its trigger writes down. */
export const ruleOfView =
  (target: WritableTable, mayDelete: boolean, recorder: string): WriteRule =>
  (access) => {
    const verb = VERBS[access.action]
    if (verb !== undefined) {
      const written = mayWrite(access, verb, new Map([[target.name.toLowerCase(), target]]), 'temp')
      return written !== undefined && (mayDelete || verb !== 'delete') ? SQLITE_OK : SQLITE_DENY
    }
    return access.action === SQLITE_FUNCTION && access.second === recorder ? SQLITE_OK : undefined
  }

/**
 * In the real database, on base tables: the statement, and what it sets off there (triggers, foreign keys), write by verb and column
 * of the grant, delete only where that was asked for, and read what is shown in tables without a filter. `filtered`: the
 * one table with a filter that is written, by statements of the host.
 */
export const ruleOfBase =
  (tables: Tables, schema: string, terms: BaseTerms): WriteRule =>
  (access) => {
    const verb = VERBS[access.action]
    const { first, second, database, view } = access
    if (verb !== undefined) {
      const table = mayWrite(access, verb, tables, schema)
      const isBounded = table?.filter === undefined || (table === terms.filtered && view === null)
      const isAsked = verb !== 'delete' || terms.mayDelete
      return table !== undefined && isBounded && isAsked ? SQLITE_OK : SQLITE_DENY
    }
    if (access.action === SQLITE_FUNCTION)
      return terms.own.has(second ?? '') || OF_TABLES.has(second?.toLowerCase() ?? '') ? SQLITE_OK : undefined
    if (access.action !== SQLITE_READ || database !== schema) return undefined
    const table = tables.get(first?.toLowerCase() ?? '')
    if (table !== undefined && table === terms.filtered && view === null) return SQLITE_OK
    if (table === undefined || table.filter !== undefined) return undefined
    const column = second?.toLowerCase() ?? ''
    return column === '' || table.shownKeys.has(column) ? SQLITE_OK : undefined
  }

export type BaseTerms = {
  readonly mayDelete: boolean
  /** Functions of random names that the host's own triggers and filters call. */
  readonly own: ReadonlySet<string>
  readonly filtered?: WritableTable
}

/** The table of an access that writes, where the grant has the verb and, of an UPDATE, the column. */
function mayWrite(
  { first, second, database }: Access,
  verb: WriteVerb,
  tables: Tables,
  schema: string,
): WritableTable | undefined {
  const table = tables.get(first?.toLowerCase() ?? '')
  if (table === undefined || database !== schema || !table.verbs.has(verb)) return undefined
  return verb !== 'update' || table.shownKeys.has(second?.toLowerCase() ?? '') ? table : undefined
}
