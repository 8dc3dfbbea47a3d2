import { constants, type DatabaseSync } from 'node:sqlite'
import { FUNCTIONS } from '../functions.ts'
import type { OpenQuestion } from '../wire.ts'
import { accessKey, type Access } from './authorizer.ts'
import { quoted } from './quoted.ts'
import { Refused } from './refused.ts'

/** Where base tables are, and the function that yields the principal. */
type Names = { readonly schema: string; readonly principal: string }

/**
 * Everything that the view of a table accesses when it is read, by accessKey; found by compiling it. Throws Refused `unfit` for a
 * filter that does not compile or reads more than its table does, and for a function that does more than compute.
 */
export function accessesOf(
  database: DatabaseSync,
  { name, filter }: OpenQuestion['tables'][number],
  names: Names,
): readonly string[] {
  const base = record(database, [`SELECT * FROM ${quoted(names.schema)}.${quoted(name)}`])
  if (base === undefined) throw new Refused('unfit', `its table ${name} cannot be read`)
  const view = `temp.${quoted(name)}`
  const seen = record(database, [`SELECT count(*) FROM ${view}`, `SELECT * FROM ${view}`])
  if (seen === undefined)
    throw new Refused('unfit', `${filter === null ? 'the table' : 'the filter of'} ${name} does not fit`)
  // A count of all rows of a table reads its column '' outside of the view, which the engine has dissolved.
  const own = seen.filter(
    ({ view: inside, second, database: where }) =>
      inside !== null || (second === '' && where === names.schema),
  )
  const readable = new Set(base.filter(isRead).map(({ first }) => first?.toLowerCase()))
  const beyond = own.find((access) => !staysInside(access, readable, names))
  if (beyond !== undefined)
    throw new Refused('unfit', `the table ${name}, or its filter, reaches for what cannot be bounded`)
  return own.map(accessKey)
}

const isRead = ({ action }: Access): boolean => action === constants.SQLITE_READ

/** Whether a view reads what its base reads and nothing else, by functions that only compute. */
function staysInside(access: Access, readable: ReadonlySet<string | undefined>, names: Names): boolean {
  const { action, first, second, database } = access
  if (action === constants.SQLITE_SELECT) return true
  if (action === constants.SQLITE_FUNCTION)
    return second === names.principal || FUNCTIONS.includes(second?.toLowerCase() ?? '')
  const isOfFile = database === names.schema || (database === null && second === '')
  return isRead(access) && isOfFile && readable.has(first?.toLowerCase())
}

/** What compiling these statements accesses; undefined when one does not compile. */
function record(database: DatabaseSync, statements: readonly string[]): readonly Access[] | undefined {
  const seen: Access[] = []
  try {
    database.setAuthorizer((action, first, second, where, view) => {
      seen.push({ action, first, second, database: where, view })
      return constants.SQLITE_OK
    })
    for (const sql of statements) database.prepare(sql)
    return seen
  } catch {
    return undefined
  } finally {
    database.setAuthorizer(null)
  }
}
