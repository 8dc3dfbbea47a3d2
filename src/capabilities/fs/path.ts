import { TollgateError } from '../../errors/tollgate-error.ts'

/** Longest path and longest name, in bytes of UTF-8: what Linux takes. */
export const PATH_BYTES_MAX = 4096
const NAME_BYTES_MAX = 255

/** Begins the names of files that are being written; nothing of that name is ever the guest's. */
export const TEMPORARY_PREFIX = '.tollgate-'

/** Controls, formats (bidirectional overrides among them), surrogates, unassigned, separators, spaces that are not the space. */
const UNSHOWABLE = /[\p{C}\p{Zl}\p{Zp}\\]|(?! )\p{Zs}/u
const UNSHOWABLE_EACH = new RegExp(UNSHOWABLE.source, 'gu')
/** Names that mean a device on some systems, and endings that these cut off. */
const RESERVED = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?$|[. ]$/iu

const encoder = new TextEncoder()
const bytesOf = (text: string): number => encoder.encode(text).length

/** A name as it may be shown: what a reader cannot see, or could take for something else, stands as its code point. */
export const escapeName = (name: string): string =>
  name.replaceAll(UNSHOWABLE_EACH, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`)

/** Why a name is none that a guest may use; undefined when it is one. Unicode names have one form, NFC, so twins do not exist. */
export function problemOfName(name: string): string | undefined {
  if (name === '') return 'has an empty name: a slash at its end, or two in a row'
  if (name === '.' || name === '..') return 'has a . or .. in it'
  if (UNSHOWABLE.test(name))
    return 'has a control character, a backslash or another character that is not shown'
  if (name.normalize('NFC') !== name) return 'is not in Unicode normal form NFC'
  if (name.startsWith(TEMPORARY_PREFIX)) return `has a name that begins with ${TEMPORARY_PREFIX}`
  return bytesOf(name) > NAME_BYTES_MAX ? `has a name of more than ${NAME_BYTES_MAX} bytes` : undefined
}

/** Whether a name must not be made, because some system would take it for something else. */
export const isReservedName = (name: string): boolean => RESERVED.test(name)

/** The error for a path that is malformed or leads nowhere. */
export const pathError = (message: string, hint: string): TollgateError =>
  new TollgateError('DENIED_FILE_PATH', message, { rule: 'permissions.filesystem', hint })

/** The names of an absolute path of the guest; `/` has none. Nothing is decoded or resolved. Throws DENIED_FILE_PATH. */
export function readGuestPath(path: string): readonly string[] {
  const hint = 'Use an absolute path of plain names: /in/data.csv'
  if (!path.startsWith('/')) throw pathError('The path is not absolute.', hint)
  if (path === '/') return []
  if (bytesOf(path) > PATH_BYTES_MAX) throw pathError(`The path has more than ${PATH_BYTES_MAX} bytes.`, hint)
  const names = path.slice(1).split('/')
  for (const name of names) {
    const problem = problemOfName(name)
    if (problem !== undefined) throw pathError(`The path ${problem}.`, hint)
  }
  return names
}
