import type { Judgement } from '../capability.ts'
import { readGlob } from './glob.ts'
import type { Mount } from './mount.ts'
import { HOST_OPS, READING_OPS, WRITING_OPS, type FsRequest } from './ops.ts'

type Matcher = (judgement: Judgement) => boolean

// fs.write, fs:/out, fs.* /out, filesystem.write /out/**/*.md
const SHAPE = /^(?:fs|filesystem)(?:\.(\w+|\*))?(?:(?:\s+|:)(\/\S*))?$/u

const isReading = (op: string): boolean => Object.hasOwn(READING_OPS, op)
const NAMES = [READING_OPS, WRITING_OPS, HOST_OPS].flatMap((ops) => Object.keys(ops))

/**
 * Compiles an entry of human_in_loop that speaks of files: an op (`fs.remove`), `fs.read` and `fs.write` for all that reads and
 * all that changes, `fs.*`; after it a path or a glob, which also covers all that lies below. Case and hidden names make no
 * difference, for a question too many is better than one too few. Undefined: it speaks of no mount, or of no op.
 */
export function compileFsPattern(text: string, mounts: readonly Mount[]): Matcher | undefined {
  const [shape, verb = '*', place] = SHAPE.exec(text.trim()) ?? []
  if (shape === undefined) return undefined
  const op = verbMatcher(verb.toLowerCase())
  const where = place === undefined ? (): boolean => true : placeMatcher(place, mounts)
  if (op === undefined || where === undefined) return undefined
  return ({ op: name, request }) => {
    if (!NAMES.includes(name) || !op(name)) return false
    const { path, to, manifest } = request as FsRequest
    return where(path, manifest !== undefined) || (to !== undefined && where(to, false))
  }
}

function verbMatcher(verb: string): ((op: string) => boolean) | undefined {
  if (verb === '*') return () => true
  if (verb === 'read') return isReading
  if (verb === 'write') return (op) => !isReading(op)
  const name = NAMES.find((one) => one.toLowerCase() === `fs.${verb}`)
  return name === undefined ? undefined : (op) => op === name
}

/** Names with their dots and case taken off. */
const plain = (path: string): readonly string[] =>
  path
    .toLowerCase()
    .split('/')
    .filter((name) => name !== '')
    .map((name) => name.replace(/^\.+/u, '') || '*')

/** `isAround`: the call is about all that lies below the path, so a place below it is meant as well. */
type PlaceMatcher = (path: string, isAround: boolean) => boolean

function placeMatcher(place: string, mounts: readonly Mount[]): PlaceMatcher | undefined {
  const names = plain(place)
  const first = names[0]
  const meant =
    mounts.some((mount) => plain(mount.path)[0] === first) || first === undefined || first.includes('*')
  if (!meant) return undefined
  const exact = readGlob(names.join('/') || '**')
  const below = readGlob([...names, '**'].join('/'))
  if (typeof exact === 'string' || typeof below === 'string') return undefined
  // A pattern of the guest may cover what the place names, and so asks wherever it begins.
  return (path, isAround) =>
    path.includes('*') ||
    path.includes('?') ||
    [exact, below].some((glob) => glob.matches(plain(path)) || (isAround && glob.reaches(plain(path))))
}
