import { asTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Driver, Outcome, PerformTerms } from '../capability.ts'
import { assertFinished, commitOverlay } from './commit-overlay.ts'
import { DiskTree } from './disk-tree.ts'
import { finishEarlier, type Finished } from './file-commit.ts'
import { kindError, missingError, tooMany } from './file-errors.ts'
import { readGlob } from './glob.ts'
import type { FsGrant } from './grant.ts'
import { notAllowed, type FsJudgement } from './judge.ts'
import { MemoryTree } from './memory-tree.ts'
import { allowsFile, allowsFolder, type Mount } from './mount.ts'
import { READING_OPS, type FileBody, type FileEntry, type FsOp, type FsRequest } from './ops.ts'
import { escapeName, problemOfName, TEMPORARY_PREFIX } from './path.ts'
import { OverlayTree } from './overlay-tree.ts'
import type { FsPowers } from './powers.ts'
import type { Found, Member, Tree } from './tree.ts'
import type { Turns } from './turns.ts'

type Names = readonly string[]
/** A call on its way: where it acts, and the terms of it. */
type Work = {
  readonly mount: Mount
  readonly tree: Tree
  readonly request: FsRequest
  readonly terms: PerformTerms
}

/**
 * Opens the mounts of a run, each at the first call that needs it. Changes below one source come one after the other (`turns`
 * joins the runs of a process), for an append replaces the whole file; looks come at once.
 */
export function openFsDriver({ mounts }: FsGrant, powers: FsPowers, turns: Turns): Driver {
  const trees = new Map<Mount, MountTree>()
  const underWay = new Set<Promise<unknown>>()
  const treeOf = (mount: Mount): MountTree => {
    const tree = trees.get(mount) ?? openTree(mount, powers)
    trees.set(mount, tree)
    return tree
  }
  // What a host that ended left half done is finished before this run looks at anything.
  let finished: Promise<Finished> | undefined
  const assertWhole = async (tree: MountTree): Promise<void> => {
    const { unfinished } = await (finished ??= finishEarlier(powers))
    if (!(tree instanceof MemoryTree))
      assertFinished(unfinished, (tree instanceof OverlayTree ? tree.lower : tree).root.identity)
  }
  const inTurn = async ({ source }: Mount, work: () => Promise<Outcome>): Promise<Outcome> => {
    const turn = source === undefined ? work() : turns.take(source, work)
    underWay.add(turn)
    try {
      return await turn
    } finally {
      underWay.delete(turn)
    }
  }
  return {
    async perform(judgement, terms) {
      // The broker hands back what the grant judged.
      const { op, request } = judgement as FsJudgement
      if (request.mount === -1) return outcomeOf(mounts.map(({ path }) => ({ name: path, kind: 'folder' })))
      const mount = mounts[request.mount]
      if (mount === undefined)
        throw new TollgateError('INTERNAL_ERROR', 'The call was judged by another grant.')
      const act = async (): Promise<Outcome> => {
        if (terms.signal.aborted)
          throw new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the call began.', {
            notPerformed: true,
          })
        const tree = treeOf(mount)
        await assertWhole(tree)
        if (op !== 'fs.commit') return ACTS[op]({ mount, tree, request, terms })
        if (!(tree instanceof OverlayTree) || request.manifest === undefined)
          throw new TollgateError('INTERNAL_ERROR', 'Nothing was staged there.')
        return commitOverlay(tree, request.manifest, terms, powers)
      }
      try {
        return await (Object.hasOwn(READING_OPS, op) ? act() : inTurn(mount, act))
      } catch (error) {
        throw asTollgateError(error)
      }
    },
    staged: () =>
      [...trees.values()].flatMap((tree) =>
        tree instanceof OverlayTree && tree.changes().length > 0
          ? [{ op: 'fs.commit', args: tree.manifest() }]
          : [],
      ),
    async close() {
      await Promise.allSettled(underWay)
      for (const tree of trees.values()) tree.close()
      trees.clear()
    },
  }
}

type MountTree = MemoryTree | DiskTree | OverlayTree

function openTree(mount: Mount, powers: FsPowers): MountTree {
  if (mount.mode === 'scratch') return new MemoryTree(mount)
  const disk = new DiskTree(mount, powers)
  return mount.mode === 'overlay' ? new OverlayTree(mount, disk) : disk
}

const outcomeOf = (value: unknown, ingressBytes = 0): Outcome => ({ value, ingressBytes, egressBytes: 0 })

const namesBelow = ({ names }: Mount, path: string): Names => path.split('/').slice(names.length + 1)

const bytesOf = (body: FileBody | undefined): Uint8Array => {
  if (body === undefined) return new Uint8Array()
  return 'text' in body ? Buffer.from(body.text) : Buffer.from(body.base64, 'base64')
}

/** What is there must be what the globs allow it to be. */
function assertSeen(mount: Mount, names: Names, { kind }: Found): void {
  if (kind === 'other') throw kindError('What is there is no regular file and no folder.')
  if (!(kind === 'file' ? allowsFile : allowsFolder)(mount, names)) throw notAllowed(mount)
}

const ACTS: Readonly<Record<FsOp, (work: Work) => Promise<Outcome>>> = {
  async 'fs.read'({ mount, tree, request, terms }) {
    const bytes = await tree.read(namesBelow(mount, request.path), (quota) => terms.draw(quota))
    if (request.as === 'base64') return outcomeOf({ base64: base64Of(bytes) }, bytes.length)
    return outcomeOf({ text: textOf(bytes) }, bytes.length)
  },
  'fs.list': async (work) => outcomeOf(await list(work, namesBelow(work.mount, work.request.path))),
  async 'fs.stat'({ mount, tree, request }) {
    const names = namesBelow(mount, request.path)
    const found = await tree.find(names)
    if (found === undefined) throw missingError()
    assertSeen(mount, names, found)
    const { kind, sizeBytes, modifiedMs } = found
    return outcomeOf(kind === 'file' ? { kind, sizeBytes, modifiedMs } : { kind, modifiedMs })
  },
  async 'fs.exists'({ mount, tree, request }) {
    const names = namesBelow(mount, request.path)
    const found = await tree.find(names)
    if (found !== undefined) assertSeen(mount, names, found)
    return outcomeOf(found !== undefined)
  },
  'fs.glob': async (work) => outcomeOf(await findAll(work)),
  async 'fs.write'({ mount, tree, request, terms }) {
    await inFolder(
      tree.write(namesBelow(mount, request.path), bytesOf(request.body), (quota) => terms.draw(quota)),
    )
    return outcomeOf(null)
  },
  async 'fs.append'({ mount, tree, request, terms }) {
    await inFolder(
      tree.append(namesBelow(mount, request.path), bytesOf(request.body), (quota) => terms.draw(quota)),
    )
    return outcomeOf(null)
  },
  async 'fs.mkdir'({ mount, tree, request, terms }) {
    await tree.makeFolder(namesBelow(mount, request.path), (quota) => terms.draw(quota))
    return outcomeOf(null)
  },
  async 'fs.remove'({ mount, tree, request }) {
    const names = namesBelow(mount, request.path)
    const found = await tree.find(names)
    if (found === undefined) throw missingError()
    assertSeen(mount, names, found)
    await tree.remove(names)
    return outcomeOf(null)
  },
  async 'fs.rename'({ mount, tree, request }) {
    await tree.rename(namesBelow(mount, request.path), namesBelow(mount, request.to ?? ''))
    return outcomeOf(null)
  },
}

/** A file is written into a folder that is there: what is missing is the folder. */
async function inFolder(written: Promise<void>): Promise<void> {
  try {
    await written
  } catch (error) {
    const told = asTollgateError(error)
    throw told.code === 'UPSTREAM_FILE_MISSING'
      ? told.with({ hint: 'fs.mkdir makes a folder, and those above it.' })
      : told
  }
}

/** Of the bytes where they are, without a copy. */
const base64Of = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64')

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new TollgateError('UPSTREAM_PROTOCOL', 'The file is no UTF-8 text.', {
      hint: 'fs.read gives its bytes.',
    })
  }
}

/** What the globs of the mount let be seen of a folder. Throws LIMIT_FILES for more than one call may look at. */
async function* seen(
  { mount, tree, terms }: Work,
  names: Names,
  budget: { left: number },
): AsyncGenerator<Member> {
  for await (const member of tree.members(names)) {
    if (member.name.startsWith(TEMPORARY_PREFIX)) continue
    budget.left -= 1
    if (budget.left < 0) throw tooMany(mount, 'look')
    if (terms.signal.aborted) throw new TollgateError('UPSTREAM_TIMEOUT', 'The run ended meanwhile.')
    const below = [...names, member.name]
    const isFile = allowsFile(mount, below)
    const isFolder = allowsFolder(mount, below)
    if (member.kind === 'file' ? isFile : member.kind === 'folder' ? isFolder : isFile || isFolder)
      yield member
  }
}

/** No path can say such a name, so what bears it cannot be opened. */
const isUnspeakable = (name: string): boolean => name.includes('\ufffd') || problemOfName(name) !== undefined

const byName = (a: { name: string }, b: { name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0

async function list(work: Work, names: Names): Promise<readonly FileEntry[]> {
  const entries: FileEntry[] = []
  for await (const { name, kind, sizeBytes } of seen(work, names, { left: work.mount.filesMax })) {
    if (isUnspeakable(name)) entries.push({ name: escapeName(name), kind: 'other' })
    else entries.push(kind === 'file' ? { name, kind, sizeBytes } : { name, kind })
  }
  return entries.sort(byName)
}

/** Every file that the pattern names, as an absolute path. Walks only where it can lead. */
async function findAll(work: Work): Promise<readonly string[]> {
  const { mount, request } = work
  const glob = readGlob(request.path.slice(mount.path.length + 1))
  if (typeof glob === 'string') throw new TollgateError('INTERNAL_ERROR', 'The pattern was not judged.')
  const found: string[] = []
  const budget = { left: mount.filesMax }
  const visit = async (names: Names): Promise<void> => {
    const folders: Names[] = []
    for await (const { name, kind } of seen(work, names, budget)) {
      const below = [...names, name]
      if (isUnspeakable(name)) continue
      if (kind === 'file' && glob.matches(below)) found.push([mount.path, ...below].join('/'))
      if (kind === 'folder' && below.length < mount.depthMax && glob.reaches(below)) folders.push(below)
    }
    for (const folder of folders) await visit(folder)
  }
  await visit([])
  return found.sort()
}
