/** Matches names below a mount, one segment after the other. */
export type Glob = {
  readonly text: string
  /** Whether it names this file. */
  matches(names: readonly string[]): boolean
  /** Whether it names anything below this folder. */
  reaches(names: readonly string[]): boolean
}

const SEGMENTS_MAX = 64
const TEXT_SIZE_MAX = 512
const ANY_RUN = '**'

/**
 * Reads a glob: `**` any number of folders, `*` any run of characters within a name, `?` one. Neither stands for the dot that a
 * hidden name begins with. Returns a text that says what is wrong with it otherwise. Our own, for guests write globs as well: the
 * time of a match is at most the product of both lengths, where libraries compile to a RegExp that backtracks.
 */
export function readGlob(text: string): Glob | string {
  if (text.length === 0 || text.length > TEXT_SIZE_MAX) return `a glob has 1 to ${TEXT_SIZE_MAX} characters`
  if (/[[\]{}!\\]/u.test(text)) return 'a glob has *, ** and ? only: no brackets, braces, ! or backslash'
  if (/\p{C}/u.test(text) || text.normalize('NFC') !== text)
    return 'a glob has no control characters and is in NFC'
  const segments = text.split('/')
  if (segments.length > SEGMENTS_MAX) return `a glob has at most ${SEGMENTS_MAX} segments`
  if (segments.some((one) => one === '' || one === '.' || one === '..'))
    return 'a glob is relative to its mount: no leading slash, no empty, . or .. segment'
  if (segments.some((one) => one.includes(ANY_RUN) && one !== ANY_RUN))
    return 'a ** stands alone between slashes'
  return Object.freeze<Glob>({
    text,
    matches: (names) => statesAfter(segments, names).has(segments.length),
    reaches: (names) => [...statesAfter(segments, names)].some((at) => at < segments.length),
  })
}

const isHidden = (name: string): boolean => name.startsWith('.')

/** Every place of the pattern that the names can lead to; the place after the last segment is a match. */
function statesAfter(segments: readonly string[], names: readonly string[]): ReadonlySet<number> {
  let states = withSkips(segments, [0])
  for (const name of names) {
    const next: number[] = []
    for (const at of states) {
      const segment = segments[at]
      if (segment === undefined) continue
      if (segment === ANY_RUN) {
        if (isHidden(name)) continue
        next.push(at)
        if (at === segments.length - 1) next.push(at + 1)
      } else if (matchesName(segment, name)) next.push(at + 1)
    }
    states = withSkips(segments, next)
  }
  return states
}

/** A `**` may stand for no folder; as the last segment it stands for one name at least. */
function withSkips(segments: readonly string[], states: readonly number[]): Set<number> {
  const all = new Set<number>()
  for (let at of states) {
    all.add(at)
    while (segments[at] === ANY_RUN && at < segments.length - 1) all.add((at += 1))
  }
  return all
}

/** Greedy with one way back to the last star. */
function matchesName(pattern: string, name: string): boolean {
  if (isHidden(name) && !pattern.startsWith('.')) return false
  const wanted = [...pattern]
  const given = [...name]
  let at = 0
  let star = -1
  let starEnd = 0
  for (let index = 0; index < given.length;) {
    const expected = wanted[at]
    if (expected === '*') {
      star = at
      starEnd = index
      at += 1
    } else if (expected !== undefined && (expected === '?' || expected === given[index])) {
      at += 1
      index += 1
    } else if (star >= 0) {
      starEnd += 1
      index = starEnd
      at = star + 1
    } else return false
  }
  while (wanted[at] === '*') at += 1
  return at === wanted.length
}
