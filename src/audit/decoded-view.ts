/** A text as its reader would see it, and where each of its characters stands in the text that it was made from. */
export type View = {
  readonly text: string
  /** Offset of each character in the original, and one more for the end. Undefined: the view is the original, or not tracked. */
  readonly offsets: Uint32Array | undefined
}

const UNIT = 0x1_00_00
/** In place of a code unit: the escape stands for nothing. */
const NOTHING = -1

const [BACKSLASH, PERCENT, AMPERSAND, NEWLINE, RETURN, EQUALS, HASH, SEMICOLON] = [
  92, 37, 38, 10, 13, 61, 35, 59,
]
const [LETTER_U, LETTER_X] = [117, 120]
const ENTITIES: readonly (readonly [name: string, unit: number])[] = [
  ['amp;', 38],
  ['lt;', 60],
  ['gt;', 62],
  ['quot;', 34],
  ['apos;', 39],
]
/** What follows a backslash in JSON and JavaScript, and what it means there. */
const AFTER_BACKSLASH: Readonly<Record<string, number>> = {
  '"': 34,
  "'": 39,
  '/': 47,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
}
/** Longest number of a character reference that is read: `&#x10ffff;` and leading zeros. */
const REFERENCE_DIGITS_MAX = 8

/** A table by character code: 1 where an escape may begin. */
const startsWith = (...codes: readonly number[]): Uint8Array => {
  const starts = new Uint8Array(128)
  for (const code of codes) starts[code] = 1
  return starts
}

/** A way of escaping: where its escapes may begin, and what a text has that holds one. */
export type Escaping = { readonly starts: Uint8Array; readonly mark: RegExp }

/** Backslashes: JSON and JavaScript. */
export const JSON_ESCAPES: Escaping = { starts: startsWith(BACKSLASH), mark: /\\/ }
/** These, percent-encoding (RFC 3986), character references (HTML) and the line breaks of encodings that are wrapped, all at once. */
export const ALL_ESCAPES: Escaping = {
  starts: startsWith(BACKSLASH, PERCENT, AMPERSAND, NEWLINE, RETURN, EQUALS),
  mark: /[\\%&\n]/,
}
/** One escape, read: how many characters it takes, and the code unit that it stands for. */
const packed = (width: number, unit: number): number => width * UNIT + unit

function hexValue(text: string, from: number, digits: number): number {
  let value = 0
  for (let at = from; at < from + digits; at += 1) {
    const digit = digitValue(text.charCodeAt(at))
    if (digit > 15) return -1
    value = value * 16 + digit
  }
  return value
}

function digitValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : 99
}

/** JSON and JavaScript. */
function readBackslash(text: string, from: number): number {
  const next = text.charCodeAt(from + 1)
  if (next === BACKSLASH) return packed(2, BACKSLASH)
  const digits = (next | 32) === LETTER_U ? 4 : (next | 32) === LETTER_X ? 2 : 0
  const value = digits > 0 ? hexValue(text, from + 2, digits) : -1
  if (value >= 0) return packed(2 + digits, value)
  const unit = AFTER_BACKSLASH[text.charAt(from + 1)]
  return unit === undefined ? packed(1, BACKSLASH) : packed(2, unit)
}

/** A byte, percent-encoded; a character of several bytes is shown as if each byte were one (Latin-1). */
function readPercent(text: string, from: number): number {
  const value = hexValue(text, from + 1, 2)
  return value < 0 ? packed(1, PERCENT) : packed(3, value)
}

/** A character reference of HTML: by number, or one of the five names that every writer of HTML escapes. */
function readReference(text: string, from: number): number {
  if (text.charCodeAt(from + 1) !== HASH) {
    const name = text.slice(from + 1, from + 6).toLowerCase()
    const entity = ENTITIES.find(([one]) => name.startsWith(one))
    return entity === undefined ? packed(1, AMPERSAND) : packed(entity[0].length + 1, entity[1])
  }
  const isHex = (text.charCodeAt(from + 2) | 32) === LETTER_X
  const start = from + (isHex ? 3 : 2)
  let at = start
  let value = 0
  for (; at - start < REFERENCE_DIGITS_MAX; at += 1) {
    const digit = digitValue(text.charCodeAt(at))
    if (digit >= (isHex ? 16 : 10)) break
    value = value * (isHex ? 16 : 10) + digit
  }
  const isRead = at > start && text.charCodeAt(at) === SEMICOLON && value < UNIT
  return isRead ? packed(at + 1 - from, value) : packed(1, AMPERSAND)
}

/** Encodings that are wrapped into lines (base64 in MIME, quoted-printable) break them anywhere. */
function readBreak(text: string, from: number): number {
  let at = from
  if (text.charCodeAt(at) === EQUALS) at += 1
  if (text.charCodeAt(at) === RETURN) at += 1
  return text.charCodeAt(at) === NEWLINE ? packed(at + 1 - from, NOTHING) : packed(1, text.charCodeAt(from))
}

function readEscape(text: string, from: number, code: number): number {
  if (code === BACKSLASH) return readBackslash(text, from)
  if (code === PERCENT) return readPercent(text, from)
  return code === AMPERSAND ? readReference(text, from) : readBreak(text, from)
}

/** The code units of a text with one layer read; `origins` is where each stood, where it is wanted. */
type Reading = {
  readonly units: Uint16Array
  readonly origins: Uint32Array | undefined
  size: number
  isWide: boolean
}

function readLayer(text: string, starts: Uint8Array, origins: Uint32Array | undefined): Reading {
  const units = new Uint16Array(text.length)
  let size = 0
  let above = 0
  for (let at = 0; at < text.length;) {
    let unit = text.charCodeAt(at)
    if (origins !== undefined) origins[size] = at
    if (unit < starts.length && starts[unit] === 1) {
      const read = readEscape(text, at, unit)
      const width = Math.floor((read + 1) / UNIT)
      unit = read - width * UNIT
      at += width
    } else at += 1
    if (unit === NOTHING) continue
    units[size] = unit
    above |= unit
    size += 1
  }
  if (origins !== undefined) origins[size] = text.length
  return { units, origins, size, isWide: above > 255 }
}

const compose = (outer: Uint32Array | undefined, inner: Uint32Array): Uint32Array =>
  outer === undefined ? inner : inner.map((at) => outer[at] ?? 0)

/**
 * The text with one layer of escapes read. Undefined when it has none. `tracked` views know where their characters stand in the
 * original. Takes time in proportion to the length of the text, whatever it holds.
 */
export function decodeOnce(view: View, { starts, mark }: Escaping, tracked: boolean): View | undefined {
  const { text } = view
  if (!mark.test(text)) return undefined
  const { units, origins, size, isWide } = readLayer(
    text,
    starts,
    tracked ? new Uint32Array(text.length + 1) : undefined,
  )
  if (size === text.length) return undefined
  // Text of one byte a character is searched faster.
  const decoded = isWide
    ? Buffer.from(units.buffer, 0, size * 2).toString('utf16le')
    : Buffer.from(units.subarray(0, size)).toString('latin1')
  return { text: decoded, offsets: origins && compose(view.offsets, origins.subarray(0, size + 1)) }
}
