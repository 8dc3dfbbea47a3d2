import type { Code } from '../../../runtime/abi/codes.ts'
import { isTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Mount } from './mount.ts'

/** The error for what is neither a regular file nor a folder, or must not be followed. */
export const kindError = (message: string): TollgateError =>
  new TollgateError('DENIED_FILE_KIND', message, {
    hint: 'Only regular files with one name, and folders, are reached; no link is followed.',
    notPerformed: true,
  })

/** The error for a place where nothing is. */
export const missingError = (): TollgateError =>
  new TollgateError('UPSTREAM_FILE_MISSING', 'There is no such file or folder.', { notPerformed: true })

/** The error for a name that is taken, or a folder that is not empty. */
export const existsError = (message: string): TollgateError =>
  new TollgateError('UPSTREAM_FILE_EXISTS', message, { notPerformed: true })

/** The error for more entries than a call may look at, or more than a run may make. */
export const tooMany = (mount: Mount, act: 'look' | 'make'): TollgateError =>
  new TollgateError('LIMIT_FILES', `More than ${mount.filesMax} files and folders are involved.`, {
    rule: `${mount.rule}.max_files`,
    hint: act === 'look' ? 'Look into one folder at a time.' : 'Make no more files and folders there.',
    change: `raise ${mount.rule}.max_files`,
    notPerformed: true,
  })

/** The error for more bytes than a mount in memory may hold. */
export const totalError = (mount: Mount): TollgateError =>
  new TollgateError(
    'LIMIT_FILE_TOTAL',
    `The mount ${mount.path} holds at most ${mount.totalBytesMax} bytes.`,
    {
      rule: `${mount.rule}.max_total_kb`,
      hint: 'Remove a file first, or write less.',
      change: `raise ${mount.rule}.max_total_kb`,
      notPerformed: true,
    },
  )

const KINDS = 'A name on the path is a link, or not what the call needs it to be.'
const MEANINGS: Readonly<Record<string, readonly [Code, string]>> = {
  ENOENT: ['UPSTREAM_FILE_MISSING', 'There is no such file or folder.'],
  ELOOP: ['DENIED_FILE_KIND', KINDS],
  ENOTDIR: ['DENIED_FILE_KIND', KINDS],
  EISDIR: ['DENIED_FILE_KIND', KINDS],
  ENXIO: ['DENIED_FILE_KIND', KINDS],
  EXDEV: ['DENIED_FILE_KIND', 'The path leads to another file system.'],
  EEXIST: ['UPSTREAM_FILE_EXISTS', 'The name is taken.'],
  ENOTEMPTY: ['UPSTREAM_FILE_EXISTS', 'The folder is not empty.'],
  ENOSPC: ['UPSTREAM_FILE', 'The disk of the host is full.'],
  EDQUOT: ['UPSTREAM_FILE', 'The disk of the host is full.'],
  EACCES: ['UPSTREAM_FILE', 'The host may not do that.'],
  EPERM: ['UPSTREAM_FILE', 'The host may not do that.'],
  EROFS: ['UPSTREAM_FILE', 'The disk of the host can only be read.'],
  ENOSYS: ['UPSTREAM_FILE', 'This system cannot open files beneath a folder safely.'],
}

/** The code of an error of Node: `ENOENT`. */
export const errnoOf = (error: unknown): string | undefined => {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : undefined
}

/** The error for a mount whose folder on the host cannot be opened. */
export function sourceError(error: unknown, { path, rule }: Mount): TollgateError {
  const told = asFileError(error)
  const says = { UPSTREAM_FILE_MISSING: 'is not there', DENIED_FILE_KIND: 'is no folder' } as Partial<
    Record<Code, string>
  >
  const why = says[told.code]
  const facts = { rule: `${rule}.source`, change: `name a folder that is there in ${rule}.source` }
  if (why === undefined) return told.with(facts)
  return new TollgateError(told.code, `The source of the mount ${path} ${why}.`, {
    ...facts,
    cause: told.facts.cause,
    notPerformed: true,
  })
}

/** What an error of the file system means. Of its text only the code is kept: the rest names places of the host. */
export function asFileError(error: unknown, isPerformed = false): TollgateError {
  if (isTollgateError(error)) return error
  const errno = errnoOf(error) ?? 'unknown'
  const [code, message] = MEANINGS[errno] ?? ['UPSTREAM_FILE', 'The file system of the host failed.']
  const cause = new Error(errno)
  return new TollgateError(code, message, { cause, ...(!isPerformed && { notPerformed: true }) })
}
