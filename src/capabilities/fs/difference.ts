/** Lines that stay around what changed, lines shown at most, characters of one line. */
const AROUND = 3
const LINES_MAX = 200
const LINE_SIZE_MAX = 500
/** Lines of both sides, multiplied, up to which the smallest difference is searched. */
const PAIRS_MAX = 250_000

const linesOf = (bytes: Uint8Array | undefined): readonly string[] | undefined => {
  if (bytes === undefined || bytes.length === 0) return []
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return text.includes('\0') ? undefined : text.replace(/\n$/u, '').split('\n')
  } catch {
    return undefined
  }
}

/**
 * What changes between two files, line by line: a line begins with `-`, `+` or a space, a stretch with `@@`. Undefined where one of
 * them is no text; cut where it is long. The lines hold text of the guest: show them escaped.
 */
export function showDifference(
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
): string | undefined {
  const old = linesOf(before)
  const now = linesOf(after)
  if (old === undefined || now === undefined) return undefined
  let head = 0
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1
  let tail = 0
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1
  const from = Math.max(0, head - AROUND)
  const kept = (line: string): string => ` ${line}`
  const lines = [
    `@@ -${from + 1},${old.length - tail - from} +${from + 1},${now.length - tail - from} @@`,
    ...old.slice(from, head).map(kept),
    ...between(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    ...old.slice(old.length - tail, old.length - tail + AROUND).map(kept),
  ]
  const shown = lines.slice(0, LINES_MAX).map((line) => cut(line))
  const more = lines.length - shown.length
  return [...shown, ...(more > 0 ? [`@@ and ${more} more lines @@`] : [])].join('\n')
}

const cut = (line: string): string =>
  line.length <= LINE_SIZE_MAX ? line : `${line.slice(0, LINE_SIZE_MAX)}… (${line.length} characters)`

/** The lines that go and come where two stretches differ: the fewest, or all where they are long. */
function between(old: readonly string[], now: readonly string[]): readonly string[] {
  if (old.length * now.length > PAIRS_MAX)
    return [...old.map((one) => `-${one}`), ...now.map((one) => `+${one}`)]
  // shared[i][j]: most lines that old from i and now from j share.
  const shared = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1))
  const at = (i: number, j: number): number => shared[i]?.[j] ?? 0
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1)
      (shared[i] as Uint16Array)[j] =
        old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  const lines: string[] = []
  let i = 0
  let j = 0
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push(` ${old[i]}`)
      i += 1
      j += 1
    } else if (j >= now.length || (i < old.length && at(i + 1, j) >= at(i, j + 1))) lines.push(`-${old[i++]}`)
    else lines.push(`+${now[j++]}`)
  }
  return lines
}
