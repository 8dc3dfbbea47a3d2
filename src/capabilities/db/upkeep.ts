import { asTollgateError } from '../../errors/tollgate-error.ts'
import type { Upkeep, UpkeepFinding } from '../capability.ts'
import { boundsOf } from './attenuation.ts'
import type { DatabaseGrant } from './database-grant.ts'
import type { DbGrant } from './grant.ts'
import { serverUpkeep } from './postgres/upkeep.ts'
import type { DbPowers } from './powers.ts'
import { SqliteLine } from './sqlite-line.ts'

const NEVER = new AbortController().signal
/** Whom the look is made for: nobody's rows are read. */
const NOBODY = { principal: 'check', runId: 'check' }

/** What an operator does so that databases fit their grants: roles on servers are set up; files are only looked at. */
export const dbUpkeep: Upkeep = {
  ...serverUpkeep,
  async inspect(grant, setting) {
    const files = [...(grant as DbGrant).databases.values()].filter(({ server }) => server === undefined)
    const found = await Promise.all([
      serverUpkeep.inspect(grant, setting),
      ...files.map((database) => inspectFile(database, setting.powers as DbPowers)),
    ])
    return found.flat()
  },
}

/** Opens it as a run would, which makes the views of the grant and compares them with the file. */
async function inspectFile(database: DatabaseGrant, powers: DbPowers): Promise<readonly UpkeepFinding[]> {
  const line = new SqliteLine(database, powers, NOBODY)
  const asked = { kind: 'schema', database: database.name } as const
  try {
    await line.perform(asked, boundsOf(database, asked), NEVER)
    return []
  } catch (error) {
    const { code, message } = asTollgateError(error)
    return [{ code, path: database.rule, message, isTolerated: false }]
  } finally {
    await line.close()
  }
}
