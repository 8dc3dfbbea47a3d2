import type { DatabaseSync } from 'node:sqlite'
import { isName, type Gatekeeper } from './authorizer.ts'
import { beginsAsRead, isBlank } from '../statement.ts'
import { Refused } from './refused.ts'

/** Compiles a statement without running it. Throws Refused: `sql`, `name`, `statement`, and `tail` where more follows it. */
export function compileStatement(database: DatabaseSync, gatekeeper: Gatekeeper, sql: string): void {
  gatekeeper.takeDenied()
  if (!beginsAsRead(sql)) throw new Refused('statement', 'it does more than read')
  let compiled = ''
  let hasColumns = false
  try {
    const statement = database.prepare(sql)
    compiled = statement.sourceSQL
    hasColumns = statement.columns().length > 0
  } catch (error) {
    const denied = gatekeeper.takeDenied()
    if (denied !== undefined && !isName(denied)) throw new Refused('statement', 'it does more than read')
    if (denied !== undefined)
      throw new Refused('name', `${denied.second || denied.first || 'a name'} is not granted`)
    const message = (error as Error).message
    throw new Refused(message.startsWith('no such') ? 'name' : 'sql', message)
  }
  // VACUUM, REINDEX and ANALYZE ask nobody before they run; what has no columns is no question.
  if (!hasColumns) throw new Refused('statement', 'it does more than read')
  // The engine drops what follows the first statement without a word.
  if (!isBlank(sql.slice(compiled.length))) throw new Refused('tail', 'more follows the first statement')
}
