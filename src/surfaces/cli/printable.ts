/** Text of a guest, an upstream or a file, made safe to show on a terminal. */

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * What must never reach a terminal as it is: control and format characters (ANSI starts with one; bidi overrides and
 * zero-width joints are format characters), lone surrogates, unassigned and private code points, line and paragraph
 * separators, every space but U+0020, and the letters that look like a blank.
 */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]|(?! )\p{Zs}/gu

/** More than three combining marks on one letter climb over the lines around it. */
const PILED_MARKS = /(?<=\p{M}{3})\p{M}/gu

const escapeOne = (character: string): string =>
  NAMED[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`

/** One line in which every character can be seen; what cannot is escaped as `\n` or `\u{202e}`. */
export const printable = (text: string): string =>
  text.replace(HIDDEN, escapeOne).replace(PILED_MARKS, escapeOne)

/** Like {@link printable}, but line feeds divide the text into lines. */
export const printableLines = (text: string): string[] =>
  text
    .replace(/\r\n/g, '\n')
    .split('\n')
    .map((line) => printable(line.replaceAll('\t', '  ')))

/** At most `sizeMax` UTF-16 code units of a text; where it was cut stands a mark with the whole length. */
export const cut = (text: string, sizeMax: number): string => {
  if (text.length <= sizeMax) return text
  return `${text.slice(0, sizeMax).replace(/[\ud800-\udbff]$/, '')}… [cut, ${text.length} characters in all]`
}

/** Cells that a character takes on a terminal, at most: what is not ASCII counts as two, for East Asian letters take as many. */
const cellsOf = (character: string): number => (/^[ -~]$/.test(character) ? 1 : 2)

/**
 * Divides a printable text into rows of at most so many cells. Where a terminal breaks a long line itself, guest text decides
 * what stands at the beginning of a row.
 */
export const wrapped = (text: string, cells: number): string[] => {
  const rows: string[] = []
  let row = ''
  let taken = 0
  for (const character of text) {
    const more = cellsOf(character)
    if (taken + more > cells && row !== '') {
      rows.push(row)
      row = ''
      taken = 0
    }
    row += character
    taken += more
  }
  return [...rows, row]
}

/** A text on one line of at most `sizeMax` characters, for cells of tables; the end is replaced by one `…`. */
export const clip = (text: string, sizeMax: number): string => {
  const characters = [...text]
  return characters.length <= sizeMax ? text : `${characters.slice(0, Math.max(0, sizeMax - 1)).join('')}…`
}

/** JSON text on one line in which every character can be seen. */
export const printableJson = (value: unknown): string => printable(JSON.stringify(value) ?? 'null')
