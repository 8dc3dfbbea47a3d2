import * as z from 'zod'
import { TollgateError } from '../../errors/tollgate-error.ts'
import { isAsBefore, isOtherTree, makeChange, syncAround } from './change-place.ts'
import { asFileError } from './file-errors.ts'
import { TEMPORARY_PREFIX } from './path.ts'
import type { CommitLog, FilePowers, FsPowers } from './powers.ts'
import { RootFolder } from './root-folder.ts'
import { isRemoval, type Change } from './staged-change.ts'

const content = z.strictObject({ sizeBytes: z.int(), sha256: z.string() })
const change = z.strictObject({
  path: z.string(),
  verb: z.enum(['make_folder', 'create', 'replace', 'remove', 'remove_folder']),
  content: content.optional(),
  base: content.optional(),
})
/** What the redo log keeps of a commit. `place`: path of the folder; `inode`: which one it was. */
const redoSchema = z.strictObject({
  place: z.string(),
  inode: z.number(),
  stage: z.string(),
  changes: z.array(change),
})
type Redo = { place: string; inode: number; stage: string; changes: readonly Change[] }

/** What one commit needs. */
export type CommitWork = {
  readonly id: string
  readonly root: RootFolder
  readonly changes: readonly Change[]
  readonly contentAt: (path: string) => Uint8Array
}

const changedError = (facts: { notPerformed?: boolean }): TollgateError =>
  new TollgateError(
    'UPSTREAM_FILE_CHANGED',
    facts.notPerformed === true
      ? 'What was to be changed is not any more as the run found it; nothing was committed.'
      : 'Somebody changed files while they were committed; those were left as they are.',
    { hint: 'Run the tool again.', ...facts },
  )

/**
 * Makes all changes or none. The files are written beside, in a folder of the same disk that no guest can name; then the log
 * decides, synced; then each is renamed to its place. Whatever ends the host, the log tells whether it happened, and
 * {@link finishCommits} does the rest. Only one commits at a time. Throws UPSTREAM_FILE*, with notPerformed before it is decided.
 */
export async function commitFiles(work: CommitWork, powers: FsPowers): Promise<void> {
  const { id, root, changes } = work
  const { commits: log } = powers
  const redo: Redo = {
    place: powers.placeOf(root.at),
    inode: root.facts.inode,
    stage: `${TEMPORARY_PREFIX}${powers.randomName()}`,
    changes,
  }
  await assertAsBefore(work, powers)
  log.prepare(id, JSON.stringify(redo))
  try {
    await fillStage(redo.stage, work, powers)
    // Once more, for the disk took its time.
    await assertAsBefore(work, powers)
  } catch (error) {
    await clearAway(id, redo, root, powers).catch(() => undefined)
    throw asFileError(error)
  }
  log.decide(id)
  if (!(await carryOut(id, redo, root, powers))) throw changedError({})
}

/** Clears away what was prepared and not decided. Where that fails, it is tried again later; no file is changed by it. */
async function clearAway(id: string, redo: Redo, root: RootFolder, powers: FsPowers): Promise<void> {
  await dropStage(redo, root, powers)
  powers.commits.settle(id, 'undone')
}

async function assertAsBefore({ root, changes }: CommitWork, powers: FilePowers): Promise<void> {
  const pathsOf = (isMeant: (one: Change) => boolean): ReadonlySet<string> =>
    new Set(changes.filter(isMeant).map(({ path }) => path))
  const planned = { made: pathsOf(({ verb }) => verb === 'make_folder'), gone: pathsOf(isRemoval) }
  for (const one of changes)
    if (!(await isAsBefore(one, planned, root, powers))) throw changedError({ notPerformed: true })
}

const isPut = ({ verb }: Change): boolean => verb === 'create' || verb === 'replace'

/** A file of the stage bears the position of its change. */
async function fillStage(
  stage: string,
  { root, changes, contentAt }: CommitWork,
  powers: FilePowers,
): Promise<void> {
  powers.makeFolder(root.at, stage)
  await root.inFolder([stage], async (at) => {
    for (const [index, one] of changes.entries()) {
      if (!isPut(one)) continue
      await root.opened(powers.createFile(at, String(index)), (descriptor) =>
        powers.write(descriptor, contentAt(one.path)),
      )
    }
    await powers.sync(at)
  })
  await powers.sync(root.at)
}

/** Carries out what was decided, as far as it is not done yet. False where somebody else had changed something. Throws what the disk throws; then it is carried out later. */
async function carryOut(id: string, redo: Redo, root: RootFolder, powers: FsPowers): Promise<boolean> {
  try {
    const isWhole = await makeAll(redo, root, powers)
    for (const one of redo.changes) await syncAround(one, root, powers)
    await dropStage(redo, root, powers)
    powers.commits.settle(id, isWhole ? 'done' : 'conflict')
    return isWhole
  } catch (error) {
    throw asFileError(error, true)
  }
}

/** Removals come last, and are left where something could not be put to its place: what goes may be what moved there. */
async function makeAll({ stage, changes }: Redo, root: RootFolder, powers: FilePowers): Promise<boolean> {
  const opened: number[] = []
  try {
    const at = stageIfThere(stage, opened, root)
    let isWhole = true
    for (const [index, one] of changes.entries()) {
      if (isRemoval(one) && !isWhole) return false
      if (!(await makeChange(one, { at, name: String(index) }, root, powers))) isWhole = false
    }
    return isWhole
  } finally {
    root.closeAll(opened)
  }
}

function stageIfThere(stage: string, opened: number[], root: RootFolder): number | undefined {
  try {
    return root.walk([stage], opened)
  } catch (error) {
    if (isOtherTree(error)) return undefined
    throw error
  }
}

async function dropStage({ stage, changes }: Redo, root: RootFolder, powers: FilePowers): Promise<void> {
  try {
    await root.inFolder([stage], (at) => {
      for (const index of changes.keys())
        if (root.factsIfThere(at, String(index)) !== undefined) powers.unlink(at, String(index))
    })
    powers.removeFolder(root.at, stage)
    await powers.sync(root.at)
  } catch (error) {
    if (!isOtherTree(error)) throw error
  }
}

/** How long a commit waits for another, and how often it looks. */
const LOCK_MS_MAX = 30_000
const LOCK_LOOK_MS = 10

/** Does the work while nobody else commits in this state. Throws UPSTREAM_FILE. */
export async function whileLocked<Value>(
  log: CommitLog,
  signal: AbortSignal,
  work: () => Promise<Value>,
): Promise<Value> {
  const untilMs = performance.now() + LOCK_MS_MAX
  for (;;) {
    const release = log.lock()
    if (release !== undefined) {
      try {
        return await work()
      } finally {
        release()
      }
    }
    if (signal.aborted || performance.now() > untilMs)
      throw new TollgateError('UPSTREAM_FILE', 'Another run is committing files, and does not end.', {
        notPerformed: true,
      })
    await new Promise((resolve) => {
      setTimeout(resolve, LOCK_LOOK_MS)
    })
  }
}

/** What became of commits that an ended host had left. */
export type Finished = {
  /** Folders that are still half changed, for the disk failed, by identity. */
  readonly unfinished: ReadonlySet<string>
  readonly remarks: readonly string[]
}

/** Finishes what a host that ended left: a commit that was decided is carried out, one that was not is cleared away. Hold the lock. */
export async function finishCommits(powers: FsPowers): Promise<Finished> {
  const unfinished = new Set<string>()
  const remarks: string[] = []
  for (const { id, state, manifest } of powers.commits.unfinished()) {
    const redo: Redo = redoSchema.parse(JSON.parse(manifest)) as Redo
    const remark = (what: string): unknown =>
      remarks.push(`A commit to ${JSON.stringify(redo.place)} ${what}`)
    let root: RootFolder | undefined
    try {
      root = new RootFolder(redo.place, powers)
      if (!isSameFolder(redo, root)) remark('waits, for another folder is there now.')
      else if (state === 'prepared') await clearAway(id, redo, root, powers)
      else if (!(await carryOut(id, redo, root, powers)))
        remark('was finished, but for what somebody else had changed since.')
    } catch (error) {
      if (root !== undefined && state === 'decided') unfinished.add(root.identity)
      remark(`could not be finished yet: ${asFileError(error).message}`)
    } finally {
      root?.close()
    }
  }
  return { unfinished, remarks }
}

/** Numbers of devices change when a machine starts again; the name of the stage nobody can guess. */
const isSameFolder = ({ inode, stage }: Redo, root: RootFolder): boolean =>
  root.facts.inode === inode || root.factsIfThere(root.at, stage)?.kind === 'folder'

const NOTHING_LEFT: Finished = { unfinished: new Set(), remarks: [] }

/** As finishCommits, unless a living host is at work. */
export async function finishEarlier(powers: FsPowers): Promise<Finished> {
  if (powers.commits.unfinished().length === 0) return NOTHING_LEFT
  const release = powers.commits.lock()
  if (release === undefined) return NOTHING_LEFT
  try {
    return await finishCommits(powers)
  } finally {
    release()
  }
}
