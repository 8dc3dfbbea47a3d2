/** Edit distance that counts a swap of two neighbours as one edit (optimal string alignment). */
const editDistance = (from: string, to: string): number => {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1]
      let least = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1)
      current.push(least)
    }
    beforeLast = last
    last = current
  }
  return last[to.length] ?? 0
}

/** Longest word that is worth comparing; a longer one is no slip of the finger. */
const WORD_SIZE_MAX = 64

const comparable = (word: string): string => word.toLowerCase().replaceAll(/[-_\s]/g, '')

/** The candidate that a misspelt word most likely meant, or undefined when none is close. Case, hyphens and underscores do not count. */
export const nearest = (word: string, candidates: Iterable<string>): string | undefined => {
  if (word.length > WORD_SIZE_MAX) return undefined
  const plain = comparable(word)
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const distance = editDistance(plain, comparable(candidate))
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return bestDistance <= Math.max(1, Math.floor(plain.length / 3)) ? best : undefined
}
