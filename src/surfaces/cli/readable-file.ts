import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { TollgateError } from '../../index.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  ELOOP: 'is a link to itself',
}

/** CONFIG_FILE_UNREADABLE for what the system said of a file, in words. `what` names the file's part: `tool`, `input file`. */
export const unreadable = (what: string, path: string, cause: unknown): TollgateError => {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
  return new TollgateError(
    'CONFIG_FILE_UNREADABLE',
    `The ${what} ${path} ${REASONS[code] ?? `cannot be read (${code})`}.`,
    {
      cause,
    },
  )
}

/** Throws CONFIG_FILE_UNREADABLE unless there is a file, or a pipe, that may be read. Nothing is read, so a pipe stays full. */
export const assertReadable = async (what: string, path: string): Promise<void> => {
  const found = await statOf(what, path)
  if (found.isFile() || found.isFIFO() || found.isSocket()) return
  const kind = found.isDirectory() ? 'a folder' : 'a device'
  throw new TollgateError('CONFIG_FILE_UNREADABLE', `The ${what} ${path} is ${kind}, not a file.`)
}

const statOf = async (what: string, path: string) => {
  try {
    await access(path, constants.R_OK)
    return await stat(path)
  } catch (cause) {
    throw unreadable(what, path, cause)
  }
}
