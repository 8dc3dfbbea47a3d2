import { asTollgateError } from '../../errors/tollgate-error.ts'
import type { Upkeep, UpkeepFinding } from '../capability.ts'
import { DiskTree } from './disk-tree.ts'
import type { FsGrant } from './grant.ts'
import type { Mount } from './mount.ts'
import type { FilePowers } from './powers.ts'

/** Whether the folders of the mounts are there. */
export const fsUpkeep: Upkeep = {
  inspect: async (grant, { powers }) =>
    (grant as FsGrant).mounts.flatMap((mount) => inspectSource(mount, powers as FilePowers)),
}

function inspectSource(mount: Mount, powers: FilePowers): readonly UpkeepFinding[] {
  if (mount.source === undefined) return []
  try {
    new DiskTree(mount, powers).close()
    return []
  } catch (error) {
    const { code, message, facts } = asTollgateError(error)
    return [{ code, path: facts.rule ?? mount.rule, message, isTolerated: false }]
  }
}
