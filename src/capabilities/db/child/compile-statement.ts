import type { DatabaseSync } from 'node:sqlite'
import type { ExecuteQuestion } from '../wire.ts'
import { isName, type Access, type Gatekeeper } from './authorizer.ts'
import { beginsAsRead, isBlank } from '../statement.ts'
import { Refused } from './refused.ts'
import { saysNatural } from '../write-kind.ts'
import type { WritableTable } from './writable-table.ts'
import { isWrite, ruleOfShadow, type SeenWrites } from './write-rules.ts'

/** Compiles a statement without running it. Throws Refused: `sql`, `name`, `statement`, and `tail` where more follows it. */
export function compileStatement(database: DatabaseSync, gatekeeper: Gatekeeper, sql: string): void {
  if (!beginsAsRead(sql)) throw new Refused('statement', 'it does more than read')
  const hasColumns = compile(
    database,
    gatekeeper,
    sql,
    () => new Refused('statement', 'it does more than read'),
  )
  // VACUUM, REINDEX and ANALYZE ask nobody before they run; what has no columns is no question.
  if (!hasColumns) throw new Refused('statement', 'it does more than read')
}

/** What a statement that writes was found to be. */
export type CompiledWrite = SeenWrites & { readonly table: WritableTable }

/** The same for one that writes. Throws Refused `write` besides, where it is not granted, or not what it was judged as. */
export function compileWrite(
  database: DatabaseSync,
  gatekeeper: Gatekeeper,
  tables: ReadonlyMap<string, WritableTable>,
  { sql, verb, mayDelete }: Pick<ExecuteQuestion, 'sql' | 'verb' | 'mayDelete'>,
): CompiledWrite {
  // The engine asks nobody for the columns by which it joins, and a base table has more than are shown.
  if (saysNatural(sql)) throw new Refused('name', 'NATURAL JOIN names no columns; use USING')
  const { rule, seen } = ruleOfShadow(tables)
  gatekeeper.writes = rule
  try {
    compile(
      database,
      gatekeeper,
      sql,
      (denied) =>
        new Refused(
          'write',
          isWrite(denied) ? `${denied.first} may not be written so` : 'it does more than write rows',
        ),
    )
  } finally {
    gatekeeper.writes = undefined
  }
  const { table, verbs, set } = seen()
  const isAsJudged = [...verbs].every(
    (one) => one === verb || (one === 'update' && verb === 'insert') || (one === 'delete' && mayDelete),
  )
  if (table === undefined || !verbs.has(verb) || !isAsJudged)
    throw new Refused('write', 'it is not what its words were taken for')
  return { table, verbs, set }
}

function compile(
  database: DatabaseSync,
  gatekeeper: Gatekeeper,
  sql: string,
  refused: (denied: Access) => Refused,
): boolean {
  gatekeeper.takeDenied()
  try {
    const statement = database.prepare(sql)
    // The engine drops what follows the first statement without a word.
    if (!isBlank(sql.slice(statement.sourceSQL.length)))
      throw new Refused('tail', 'more follows the first statement')
    return statement.columns().length > 0
  } catch (error) {
    if (error instanceof Refused) throw error
    const denied = gatekeeper.takeDenied()
    if (denied !== undefined && !isName(denied)) throw refused(denied)
    if (denied !== undefined)
      throw new Refused('name', `${denied.second || denied.first || 'a name'} is not granted`)
    const message = (error as Error).message
    throw new Refused(NAMES.test(message) ? 'name' : 'sql', message)
  }
}

/** What the engine says of names; masked columns are made by the engine in the shadow, so that nobody can give them. */
const NAMES = /^no such|has no column named|generated column/u
