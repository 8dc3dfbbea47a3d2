import type { Capability } from '../capability.ts'
import { openKvDriver } from './driver.ts'
import { compileKvGrant, type KvGrant } from './grant.ts'
import type { KvPower } from './powers.ts'
import { kvSchema, type KvDocument } from './schema.ts'

/** The capability `kv`: small JSON values by key, one store for each principal. */
export const kvCapability: Capability = {
  name: 'kv',
  schema: kvSchema,
  compile: (document) => compileKvGrant(document as KvDocument),
  // The broker hands back the grant that compile made, and src/run the store that it opened.
  openDriver: (grant, setting) => openKvDriver(grant as KvGrant, setting.powers as KvPower),
}
