import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Driver, DriverSetting } from '../capability.ts'
import { boundsOf } from './attenuation.ts'
import type { DatabaseGrant } from './database-grant.ts'
import type { DatabaseLine } from './database-line.ts'
import type { DbGrant } from './grant.ts'
import type { DbRequest } from './ops.ts'
import { PostgresLine } from './postgres/line.ts'
import { postgresParts } from './postgres/parts.ts'
import type { DbPowers } from './powers.ts'
import { SqliteLine } from './sqlite-line.ts'

/** Opens the I/O of `permissions.db` for one run: a line for each database that is asked, opened by the first question. */
export function openDbDriver(grant: DbGrant, powers: DbPowers, setting: DriverSetting): Driver {
  const postgres = powers.postgres ?? postgresParts(powers.dial)
  const open = (database: DatabaseGrant): DatabaseLine =>
    database.server === undefined
      ? new SqliteLine(database, powers, setting)
      : new PostgresLine(database, database.server, postgres, setting)
  const lines = new Map<string, DatabaseLine>()
  return {
    perform({ request }, { signal }) {
      // The broker hands back what the grant judged.
      const asked = request as DbRequest
      const database = grant.databases.get(asked.database)
      if (database === undefined)
        throw new TollgateError('DENIED_NOT_GRANTED', 'The database is not granted.')
      const line = lines.get(database.name) ?? open(database)
      lines.set(database.name, line)
      return line.perform(asked, boundsOf(database, asked), signal)
    },
    staged: () => [...lines.values()].flatMap((line) => line.staged() ?? []),
    async close() {
      await Promise.all([...lines.values()].map((line) => line.close()))
    },
  }
}
