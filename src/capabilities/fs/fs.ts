import type { Capability } from '../capability.ts'
import { openFsDriver } from './driver.ts'
import { finishEarlier } from './file-commit.ts'
import { compileFsGrant, type FsGrant } from './grant.ts'
import type { FsPowers } from './powers.ts'
import { fsSchema, type MountDocument } from './schema.ts'
import { Turns } from './turns.ts'
import { fsUpkeep } from './upkeep.ts'

const turns = new Turns()

/** The capability `filesystem`: mounts of folders, and of memory, that the guest holds as `fs`. */
export const fsCapability: Capability = {
  name: 'filesystem',
  guestName: 'fs',
  schema: fsSchema,
  compile: (document, environment) => compileFsGrant(document as readonly MountDocument[], environment),
  // The broker hands back the grant that compile made, and src/run the powers that it put together for files.
  upkeep: fsUpkeep,
  openDriver: (grant, setting) => openFsDriver(grant as FsGrant, setting.powers as FsPowers, turns),
  recover: async (powers) => (await finishEarlier(powers as FsPowers)).remarks,
}
