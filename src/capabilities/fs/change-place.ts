import { hash } from 'node:crypto'
import { isTollgateError } from '../../errors/tollgate-error.ts'
import { errnoOf } from './file-errors.ts'
import type { FilePowers } from './powers.ts'
import type { RootFolder } from './root-folder.ts'
import { isRemoval, type Change, type Content } from './staged-change.ts'

/** Where the file of a change waits; without `at`, the stage is gone. */
export type StagedPlace = { readonly at: number | undefined; readonly name: string }

const namesOf = ({ path }: Change): readonly string[] => path.split('/')
const nameOf = (change: Change): string => namesOf(change).at(-1) ?? ''
const parentOf = (change: Change): readonly string[] => namesOf(change).slice(0, -1)

/** The tree is not as it was: a name is missing, or is a link or another kind of thing. The disk itself has not failed. */
export const isOtherTree = (error: unknown): boolean =>
  isTollgateError(error)
    ? error.code === 'DENIED_FILE_KIND'
    : ['ENOENT', 'ELOOP', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY'].includes(errnoOf(error) ?? '')

/** Whether a regular file of exactly this content stands there. */
async function holds(
  { sizeBytes, sha256 }: Content,
  at: number,
  name: string,
  root: RootFolder,
  powers: FilePowers,
): Promise<boolean> {
  return root.inFile(at, name, async (descriptor, facts) => {
    if (facts.sizeBytes !== sizeBytes) return false
    const bytes = await powers.read(descriptor, sizeBytes + 1)
    return bytes.length === sizeBytes && hash('sha256', bytes) === sha256
  })
}

/** Whether all that is in a folder is removed with it. */
const holdsOnly = (
  gone: ReadonlySet<string>,
  change: Change,
  root: RootFolder,
  powers: FilePowers,
): Promise<boolean> =>
  root.inFolder(namesOf(change), async (at) => {
    for await (const name of powers.names(at)) if (!gone.has(`${change.path}/${name}`)) return false
    return true
  })

/** Paths of the folders that a commit makes, and of all that it removes. */
export type Planned = { readonly made: ReadonlySet<string>; readonly gone: ReadonlySet<string> }

/** Whether the place is as it was when the change was staged. */
export async function isAsBefore(
  change: Change,
  { made, gone }: Planned,
  root: RootFolder,
  powers: FilePowers,
): Promise<boolean> {
  const parent = parentOf(change)
  try {
    return await root.inFolder(parent, async (at) => {
      const now = root.factsIfThere(at, nameOf(change))
      if (change.verb === 'make_folder') return now === undefined || now.kind === 'folder'
      if (change.verb === 'remove_folder') return await holdsOnly(gone, change, root, powers)
      if (change.base === undefined || now === undefined)
        return change.base === undefined && now === undefined
      return await holds(change.base, at, nameOf(change), root, powers)
    })
  } catch (error) {
    if (!isOtherTree(error)) throw error
    return errnoOf(error) === 'ENOENT' && made.has(parent.join('/'))
  }
}

/** Puts a file there that waits in the stage; done before, it is done. False: somebody else changed the place, or the stage. */
async function put(
  change: Change & { readonly content: Content },
  { at: stageAt, name: staged }: StagedPlace,
  root: RootFolder,
  powers: FilePowers,
): Promise<boolean> {
  const { base, content } = change
  const name = nameOf(change)
  return root.inFolder(parentOf(change), async (at) => {
    const now = root.factsIfThere(at, name)
    const waiting = stageAt === undefined ? undefined : root.factsIfThere(stageAt, staged)
    if (stageAt === undefined || waiting === undefined)
      return now !== undefined && (await holds(content, at, name, root, powers))
    if (now !== undefined && now.inode === waiting.inode && now.device === waiting.device) {
      powers.unlink(stageAt, staged)
      return true
    }
    if (!(await holds(content, stageAt, staged, root, powers))) return false
    if (base === undefined) {
      // A name that must be free is taken by a link: a file that came meanwhile is never replaced.
      powers.link(stageAt, staged, at, name)
      powers.unlink(stageAt, staged)
      return true
    }
    if (now === undefined || !(await holds(base, at, name, root, powers))) return false
    powers.move(stageAt, staged, at, name)
    return true
  })
}

async function take(change: Change, root: RootFolder, powers: FilePowers): Promise<boolean> {
  const name = nameOf(change)
  return root.inFolder(parentOf(change), async (at) => {
    const now = root.factsIfThere(at, name)
    if (change.verb === 'make_folder') {
      if (now === undefined) powers.makeFolder(at, name)
      return now === undefined || now.kind === 'folder'
    }
    if (now === undefined) return true
    if (change.verb === 'remove_folder') powers.removeFolder(at, name)
    else if (change.base === undefined || !(await holds(change.base, at, name, root, powers))) return false
    else powers.unlink(at, name)
    return true
  })
}

/**
 * Does one change, or does nothing where it is done already. False where the place is neither as it was before nor as it is
 * after: somebody else changed it, and it is left as it is. Throws what the disk throws.
 */
export async function makeChange(
  change: Change,
  staged: StagedPlace,
  root: RootFolder,
  powers: FilePowers,
): Promise<boolean> {
  const { content } = change
  try {
    if (content === undefined) return await take(change, root, powers)
    return await put({ ...change, content }, staged, root, powers)
  } catch (error) {
    // What was removed with the folder around it is gone as well.
    if (isRemoval(change) && errnoOf(error) === 'ENOENT') return true
    if (isOtherTree(error)) return false
    throw error
  }
}

/** Hands the folder around a change to the disk, where it still is. */
export async function syncAround(change: Change, root: RootFolder, powers: FilePowers): Promise<void> {
  try {
    await root.inFolder(parentOf(change), (at) => powers.sync(at))
  } catch (error) {
    if (!isOtherTree(error)) throw error
  }
}
