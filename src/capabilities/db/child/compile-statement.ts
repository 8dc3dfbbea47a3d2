import type { DatabaseSync } from 'node:sqlite'
import { isName, type Gatekeeper } from './authorizer.ts'
import { isBlank } from '../statement.ts'
import { Refused } from './refused.ts'

/** Compiles a statement without running it. Throws Refused: `sql`, `name`, `statement`, and `tail` where more follows it. */
export function compileStatement(database: DatabaseSync, gatekeeper: Gatekeeper, sql: string): void {
  gatekeeper.takeDenied()
  let compiled = ''
  try {
    compiled = database.prepare(sql).sourceSQL
  } catch (error) {
    const denied = gatekeeper.takeDenied()
    if (denied !== undefined && !isName(denied)) throw new Refused('statement', 'it does more than read')
    if (denied !== undefined)
      throw new Refused('name', `${denied.second || denied.first || 'a name'} is not granted`)
    const message = (error as Error).message
    throw new Refused(/^no such/u.test(message) ? 'name' : 'sql', message)
  }
  // The engine drops what follows the first statement without a word.
  if (!isBlank(sql.slice(compiled.length))) throw new Refused('tail', 'more follows the first statement')
}
