import type { Judgement } from '../capability.ts'
import { readGlob } from './glob.ts'
import type { Mount } from './mount.ts'
import { READING_OPS, WRITING_OPS, type FsRequest } from './ops.ts'

type Matcher = (judgement: Judgement) => boolean

// fs.write, fs.* /out, filesystem.write /out/**/*.md
const SHAPE = /^(?:fs|filesystem)(?:\.(\w+|\*))?(?:\s+(\/\S*))?$/u

const isReading = (op: string): boolean => Object.hasOwn(READING_OPS, op)
const isOfFiles = (op: string): boolean => isReading(op) || Object.hasOwn(WRITING_OPS, op)

/**
 * Compiles an entry of human_in_loop that speaks of files: an op (`fs.remove`), `fs.read` and `fs.write` for all that reads and
 * all that changes, `fs.*`; after it a path or a glob, which also covers all that lies below. Case and hidden names make no
 * difference, for a question too many is better than one too few. Undefined: it speaks of no mount, or of no op.
 */
export function compileFsPattern(text: string, mounts: readonly Mount[]): Matcher | undefined {
  const [shape, verb = '*', place] = SHAPE.exec(text.trim()) ?? []
  if (shape === undefined) return undefined
  const op = verbMatcher(verb.toLowerCase())
  const where = place === undefined ? () => true : placeMatcher(place, mounts)
  if (op === undefined || where === undefined) return undefined
  return ({ op: name, request }) => {
    if (!isOfFiles(name) || !op(name)) return false
    const { path, to } = request as FsRequest
    return where(path) || (to !== undefined && where(to))
  }
}

function verbMatcher(verb: string): ((op: string) => boolean) | undefined {
  if (verb === '*') return () => true
  if (verb === 'read') return isReading
  if (verb === 'write') return (op) => !isReading(op)
  const name = [...Object.keys(READING_OPS), ...Object.keys(WRITING_OPS)].find(
    (one) => one.toLowerCase() === `fs.${verb}`,
  )
  return name === undefined ? undefined : (op) => op === name
}

/** Names with their dots and case taken off. */
const plain = (path: string): readonly string[] =>
  path
    .toLowerCase()
    .split('/')
    .filter((name) => name !== '')
    .map((name) => name.replace(/^\.+/u, '') || '*')

function placeMatcher(place: string, mounts: readonly Mount[]): ((path: string) => boolean) | undefined {
  const names = plain(place)
  const first = names[0]
  const meant =
    mounts.some((mount) => plain(mount.path)[0] === first) || first === undefined || first.includes('*')
  if (!meant) return undefined
  const exact = readGlob(names.join('/') || '**')
  const below = readGlob([...names, '**'].join('/'))
  if (typeof exact === 'string' || typeof below === 'string') return undefined
  // A pattern of the guest may cover what the place names, and so asks wherever it begins.
  return (path) =>
    path.includes('*') || path.includes('?') || [exact, below].some((glob) => glob.matches(plain(path)))
}
