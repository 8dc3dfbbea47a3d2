/** Matches the decoded segments of a path. */
export type PathPattern = { readonly text: string; matches(segments: readonly string[]): boolean }

const SEGMENTS_MAX = 64
const ANY_RUN = '**'
const ANY_ONE = '*'

/**
 * Reads a path of a policy: `*` is one segment that is not empty, `**` any run of segments, at the end at least one
 * (so `/v1/**` covers `/v1/` and all below, not `/v1`). Everything else is literal, compared after percent-decoding.
 * Returns a text that says what is wrong with it otherwise.
 */
export function readPathPattern(text: string): PathPattern | string {
  if (!text.startsWith('/')) return 'a path starts with /'
  if (/[?#%\\]/u.test(text)) return 'a path is written decoded, without query: no ?, #, % or backslash'
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/u.test(text) || !text.isWellFormed())
    return 'a path has no control characters'
  const segments = text.slice(1).split('/')
  if (segments.length > SEGMENTS_MAX) return `a path has at most ${SEGMENTS_MAX} segments`
  if (segments.some((one) => one === '.' || one === '..')) return 'a path has no . or .. segments'
  if (segments.some((one) => one.includes('*') && one !== ANY_ONE && one !== ANY_RUN)) {
    return 'a * stands for a whole segment, ** for any number of them'
  }
  return Object.freeze({ text, matches: (given: readonly string[]) => matchFrom(segments, given) })
}

/** Greedy with one way back: the last `**` takes one segment more. Time is at most the product of both lengths. */
function matchFrom(pattern: readonly string[], given: readonly string[]): boolean {
  let at = 0
  let run = -1
  let runEnd = 0
  for (let index = 0; index < given.length;) {
    const expected = pattern[at]
    if (expected === ANY_RUN) {
      if (at === pattern.length - 1) return true
      run = at
      runEnd = index
      at += 1
    } else if (expected !== undefined && matchesSegment(expected, given[index] ?? '')) {
      at += 1
      index += 1
    } else if (run >= 0) {
      runEnd += 1
      index = runEnd
      at = run + 1
    } else return false
  }
  return at === pattern.length
}

const matchesSegment = (expected: string, given: string): boolean =>
  expected === ANY_ONE ? given !== '' : expected === given
