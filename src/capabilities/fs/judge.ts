import { hash } from 'node:crypto'
import { deepFreeze } from '../../canonical/canonical-json.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Category, IdempotencyClass, Judgement, Quota } from '../capability.ts'
import { readGlob } from './glob.ts'
import { allowsFile, allowsFolder, isWritable, type Mount } from './mount.ts'
import {
  READING_OPS,
  type FileBody,
  type FsArguments,
  type FsOp,
  type FsRequest,
  type HostOp,
} from './ops.ts'
import type { Manifest } from './staged-change.ts'
import { isReservedName, pathError, PATH_BYTES_MAX, readGuestPath } from './path.ts'

/** A place below a mount. */
type Place = { readonly mount: Mount; readonly path: string; readonly names: readonly string[] }

/** A judgement of this capability, whose request has its real type. */
export type FsJudgement = Judgement & { readonly op: FsOp | HostOp; readonly request: FsRequest }

const isReading = (op: FsOp): boolean => Object.hasOwn(READING_OPS, op)

/** Judges one call; the arguments have the shape of the op. Throws DENIED_FILE*, LIMIT_FILE*, GUEST_ARGUMENTS. */
export function judgeFsCall(mounts: readonly Mount[], op: FsOp, args: FsArguments): FsJudgement {
  if (op === 'fs.glob') return judgeGlob(mounts, args.pattern ?? '')
  if (op === 'fs.rename') return judgeRename(mounts, args.from ?? '', args.to ?? '')
  const path = args.path ?? ''
  const names = readGuestPath(path)
  if (names.length === 0 && op === 'fs.list') return judgementOf(op, undefined, { mount: -1, path })
  const place = placeOf(mounts, path, names)
  if (!isReading(op)) assertWritable(place, op)
  const { mount } = place
  if (op === 'fs.read' || op === 'fs.write' || op === 'fs.append') assertFile(place)
  else if (op === 'fs.list' || op === 'fs.mkdir') assertFolder(place)
  else if (!allowsFile(mount, place.names) && !allowsFolder(mount, place.names)) throw notAllowed(mount)
  const { body, as } = args
  if (body === undefined)
    return judgementOf(op, mount, { mount: mount.index, path, ...(as !== undefined && { as }) })
  const sizeBytes = sizeOf(body)
  if (sizeBytes > mount.fileBytesMax) throw tooLarge(mount, sizeBytes)
  return judgementOf(op, mount, { mount: mount.index, path, body, sizeBytes })
}

/** Judges the commit of what was staged in a mount. Throws DENIED_FILE_PATH. */
export function judgeFsCommit(mounts: readonly Mount[], manifest: Manifest): FsJudgement {
  const mount = mounts.find(({ path, mode }) => path === manifest.path && mode === 'overlay')
  if (mount === undefined) throw pathError('Nothing is committed there.', 'Only overlay mounts are.')
  const { path, changes, bytes, sha256, removals } = manifest
  return deepFreeze<FsJudgement>({
    op: 'fs.commit',
    rule: mount.rule,
    effect: 'write',
    categories: removals > 0 ? ['delete'] : [],
    ...(mount.ask !== undefined && { ask: mount.ask }),
    subject: `fs.commit ${path} (${changes} changes, ${bytes} bytes, sha256 ${sha256})`,
    request: { mount: mount.index, path, manifest },
    costMicroUsd: 0,
    quotas: [],
    idempotency: 'at_most_once',
  })
}

/** Finds the mount of a path and measures its depth. Throws DENIED_FILE_PATH and LIMIT_FILES. */
function placeOf(mounts: readonly Mount[], path: string, all: readonly string[]): Place {
  const mount = mounts.find(({ names }) => names.every((name, at) => all[at] === name))
  if (mount === undefined) {
    const known = mounts.map((one) => one.path).join(', ')
    throw pathError('The path lies in no mount.', `The mounts are ${known}.`)
  }
  const names = all.slice(mount.names.length)
  if (names.length > mount.depthMax) {
    throw new TollgateError(
      'LIMIT_FILES',
      `The path goes deeper than ${mount.depthMax} names below its mount.`,
      {
        rule: `${mount.rule}.max_depth`,
        hint: 'Use a shorter path.',
        change: `raise ${mount.rule}.max_depth`,
      },
    )
  }
  return { mount, path, names }
}

/** The error for a file larger than its mount allows. */
export const tooLarge = (mount: Mount, sizeBytes: number): TollgateError =>
  new TollgateError(
    'LIMIT_FILE_SIZE',
    `The file has ${sizeBytes} bytes; ${mount.fileBytesMax} are allowed.`,
    {
      rule: `${mount.rule}.max_file_kb`,
      hint: `Files of at most ${mount.fileBytesMax} bytes pass.`,
      change: `raise ${mount.rule}.max_file_kb to ${Math.ceil(sizeBytes / 1024)}`,
      notPerformed: true,
    },
  )

/** The error for what no glob of the mount names. */
export const notAllowed = (mount: Mount): TollgateError =>
  new TollgateError('DENIED_FILE', `No glob of the mount ${mount.path} allows this name.`, {
    rule: `${mount.rule}.allow`,
    hint: `Allowed below ${mount.path}: ${(mount.globs ?? []).map(({ text }) => text).join(', ') || 'nothing'}.`,
    change: `add a glob to ${mount.rule}.allow`,
    notPerformed: true,
  })

function assertFile({ mount, names }: Place): void {
  if (!allowsFile(mount, names)) throw notAllowed(mount)
}

function assertFolder({ mount, names }: Place): void {
  if (!allowsFolder(mount, names)) throw notAllowed(mount)
}

function assertWritable({ mount, names }: Place, op: FsOp): void {
  if (!isWritable(mount)) {
    throw new TollgateError('DENIED_FILE_MODE', `The mount ${mount.path} can only be read.`, {
      rule: `${mount.rule}.mode`,
      hint: 'Write below a mount that allows it.',
      change: `set ${mount.rule}.mode to write`,
    })
  }
  if (names.length === 0) throw pathError('A mount itself cannot be changed.', 'Name a file below it.')
  if (op !== 'fs.remove' && names.some(isReservedName))
    throw pathError('The path has a name that some systems reserve.', 'Choose another name.')
}

function judgeRename(mounts: readonly Mount[], from: string, to: string): FsJudgement {
  const source = placeOf(mounts, from, readGuestPath(from))
  const target = placeOf(mounts, to, readGuestPath(to))
  for (const place of [source, target]) {
    assertWritable(place, 'fs.rename')
    assertFile(place)
  }
  if (source.mount !== target.mount)
    throw new TollgateError('GUEST_ARGUMENTS', 'A file is renamed within its mount.', {
      hint: 'Read it and write it to the other mount.',
    })
  return judgementOf('fs.rename', source.mount, { mount: source.mount.index, path: from, to })
}

/** The leading names of a pattern name its mount; the rest is matched below it. */
function judgeGlob(mounts: readonly Mount[], pattern: string): FsJudgement {
  const hint = 'Begin with a mount: /in/**/*.csv'
  if (pattern.length > PATH_BYTES_MAX) throw pathError('The pattern is too long.', hint)
  const mount = mounts.find(({ path }) => pattern.startsWith(`${path}/`))
  if (mount === undefined) throw pathError('The pattern lies in no mount.', hint)
  const glob = readGlob(pattern.slice(mount.path.length + 1))
  if (typeof glob === 'string')
    throw new TollgateError('GUEST_ARGUMENTS', `The pattern cannot be read: ${glob}.`, { hint })
  return judgementOf('fs.glob', mount, { mount: mount.index, path: pattern })
}

const sizeOf = (body: FileBody): number =>
  'text' in body ? Buffer.byteLength(body.text) : Buffer.from(body.base64, 'base64').length

const IDEMPOTENT: ReadonlySet<FsOp> = new Set<FsOp>(['fs.write', 'fs.mkdir'])

const idempotencyOf = (op: FsOp): IdempotencyClass =>
  isReading(op) || IDEMPOTENT.has(op) ? 'idempotent' : 'at_most_once'

function judgementOf(op: FsOp, mount: Mount | undefined, request: FsRequest): FsJudgement {
  const rule = mount?.rule ?? 'permissions.filesystem'
  // Nothing is done before the commit, which asks.
  const isOverlay = mount?.mode === 'overlay'
  const removes = op === 'fs.remove' && mount?.mode === 'write'
  const categories: readonly Category[] = removes ? ['delete'] : []
  return deepFreeze<FsJudgement>({
    op,
    rule,
    effect: isReading(op) ? 'read' : 'write',
    categories,
    ...(isOverlay ? { ...(!isReading(op) && { isStaged: true as const }) } : askOf(mount)),
    subject: subjectOf(op, request),
    request,
    costMicroUsd: 0,
    quotas: mount === undefined ? [] : quotasOf(mount, request),
    idempotency: idempotencyOf(op),
  })
}

const askOf = (mount: Mount | undefined): Pick<Judgement, 'ask'> =>
  mount?.ask === undefined ? {} : { ask: mount.ask }

/** The bytes of a write are known before; those of a read are drawn when the file is open. */
function quotasOf(mount: Mount, { sizeBytes }: FsRequest): readonly Quota[] {
  if (sizeBytes === undefined || mount.mode === 'scratch') return []
  return [bytesQuota(mount, 'written', sizeBytes)]
}

/** A draw on the bytes that may be read from, or written to, a mount. */
export const bytesQuota = (mount: Mount, what: 'read' | 'written', amount: number): Quota => ({
  meter: `fs.${what}:${mount.path}`,
  amount,
  max: mount.totalBytesMax,
  code: 'LIMIT_FILE_TOTAL',
  rule: `${mount.rule}.max_total_kb`,
})

/** A draw on the files and folders that may be made in a mount. */
export const filesQuota = (mount: Mount, amount: number): Quota => ({
  meter: `fs.made:${mount.path}`,
  amount,
  max: mount.filesMax,
  code: 'LIMIT_FILES',
  rule: `${mount.rule}.max_files`,
})

/** Paths that pass have no character that cannot be shown. What is written is named by its digest. */
function subjectOf(op: FsOp, { path, to, body, sizeBytes }: FsRequest): string {
  const what = op.slice('fs.'.length)
  if (to !== undefined) return `fs.${what} ${path} to ${to}`
  if (body === undefined) return `fs.${what} ${path}`
  const bytes = 'text' in body ? body.text : Buffer.from(body.base64, 'base64')
  return `fs.${what} ${path} (${sizeBytes} bytes, sha256 ${hash('sha256', bytes)})`
}
