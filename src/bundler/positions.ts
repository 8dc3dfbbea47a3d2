import { TOOL_FILE } from '../../runtime/abi/inside.ts'
import type { BundleParts } from './wire.ts'

/**
 * Where the pieces of a bundle came from: five numbers each (line and column in the bundle, number of the source, line and column
 * in it), ascending and counted from 0. Flat, because the host looks up in it and must not unpack what a tool has made large.
 */
export const ENTRY_SIZE = 5
/** The number of the source for pieces that are of none. */
export const NO_SOURCE = 0xff_ff_ff_ff

/** Turns the places of a bundle that a text names into those of the tool's own sources. */
export type Locate = (text: string) => string

type Place = Pick<BundleParts, 'sources' | 'positions'>

/** The last entry that begins at or before the place; -1 for none. */
function entryAt(positions: Uint32Array, line: number, column: number): number {
  let low = 0
  let high = positions.length / ENTRY_SIZE
  while (low < high) {
    const middle = (low + high) >> 1
    const at = middle * ENTRY_SIZE
    const entryLine = positions[at] ?? 0
    const isBefore = entryLine < line || (entryLine === line && (positions[at + 1] ?? 0) <= column)
    if (isBefore) low = middle + 1
    else high = middle
  }
  return low - 1
}

function placeOf({ sources, positions }: Place, line: number, column: number): string | undefined {
  const at = entryAt(positions, line, column) * ENTRY_SIZE
  if (at < 0 || positions[at] !== line) return undefined
  const source = sources[positions[at + 2] ?? NO_SOURCE]
  if (source === undefined) return undefined
  return `${source}:${(positions[at + 3] ?? 0) + 1}:${(positions[at + 4] ?? 0) + 1}`
}

const PLACE = new RegExp(`\\b${TOOL_FILE.replace('.', '\\.')}:(\\d+):(\\d+)`, 'g')
/**
 * For a text that was not bundled: places bear the name of its file, and on the first line `shift` columns stand before its own.
 * What lies before those is of nobody, and left as it is.
 */
export const createNamer =
  ({ file = TOOL_FILE, shift = 0 }: { file?: string | undefined; shift?: number }): Locate =>
  (text) =>
    text.replace(PLACE, (whole, line: string, column: string) => {
      const own = line === '1' ? Number(column) - shift : Number(column)
      return own > 0 ? `${file}:${line}:${own}` : whole
    })

const FRAME = /^\s+at /
/** Names of the functions around modules are filled up. Looked for from the first space on only: a guest may write many. */
const FILLED = /(?<! ) {2,}\(/

/** Reads a table of positions. Frames of a stack that are of no source, the bundler's own, are left out. */
export const createLocator =
  (place: Place): Locate =>
  (text) =>
    text
      .split('\n')
      .flatMap((row) => {
        let isLost = false
        const told = row.replace(PLACE, (whole, line: string, column: string) => {
          const found = placeOf(place, Number(line) - 1, Number(column) - 1)
          isLost ||= found === undefined
          return found ?? whole
        })
        if (!FRAME.test(row)) return [told]
        return isLost ? [] : [told.replace(FILLED, ' (')]
      })
      .join('\n')
