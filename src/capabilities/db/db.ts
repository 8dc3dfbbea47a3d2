import type { Capability } from '../capability.ts'
import { openDbDriver } from './driver.ts'
import { compileDbGrant, type DbGrant } from './grant.ts'
import type { DbPowers } from './powers.ts'
import { dbSchema, type DbDocument } from './schema.ts'
import { dbUpkeep } from './upkeep.ts'

/** The capability `db`: databases that the policy lists, read as far as it says. */
export const dbCapability: Capability = {
  name: 'db',
  schema: dbSchema,
  compile: (document, environment) => compileDbGrant(document as DbDocument, environment),
  // The broker hands back the grant that compile made, and src/run the powers to start the process of a database and to dial a server.
  upkeep: dbUpkeep,
  openDriver: (grant, setting) => openDbDriver(grant as DbGrant, setting.powers as DbPowers, setting),
}
