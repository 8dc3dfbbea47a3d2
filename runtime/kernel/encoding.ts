import {
  ArrayBufferByteLength,
  ArrayBufferIsView,
  DataViewBuffer,
  DataViewByteLength,
  DataViewByteOffset,
  StringFromCharCode,
  StringPrototypeCharCodeAt,
  TypedArrayBuffer,
  TypedArrayByteLength,
  TypedArrayByteOffset,
  TypedArrayKind,
  Uint8ArrayClass,
  Uint8ArrayFromBase64,
  Uint8ArrayToBase64,
} from './primordials.ts'

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const NO_DIGIT = 255
const REPLACEMENT = 0xfffd

const values = new Uint8ArrayClass(128)
for (let i = 0; i < 128; i += 1) values[i] = NO_DIGIT
for (let i = 0; i < DIGITS.length; i += 1) values[StringPrototypeCharCodeAt(DIGITS, i)] = i

/** The bytes of an ArrayBuffer, a typed array or a DataView, as a view of them; undefined for anything else. */
export const bytesOf = (value: unknown): Uint8Array | undefined => {
  try {
    if (TypedArrayKind(value) !== undefined)
      return new Uint8ArrayClass(
        TypedArrayBuffer(value),
        TypedArrayByteOffset(value),
        TypedArrayByteLength(value),
      )
    if (ArrayBufferIsView(value))
      return new Uint8ArrayClass(DataViewBuffer(value), DataViewByteOffset(value), DataViewByteLength(value))
    ArrayBufferByteLength(value)
    return new Uint8ArrayClass(value as ArrayBuffer)
  } catch {
    return undefined
  }
}

/** Base64 with padding (RFC 4648, section 4). */
export const encodeBase64 = (bytes: Uint8Array): string => {
  if (Uint8ArrayToBase64 !== undefined) return Uint8ArrayToBase64(bytes)
  const length = TypedArrayByteLength(bytes)
  let text = ''
  for (let i = 0; i < length; i += 3) {
    const second = i + 1 < length ? (bytes[i + 1] as number) : 0
    const third = i + 2 < length ? (bytes[i + 2] as number) : 0
    const group = ((bytes[i] as number) << 16) | (second << 8) | third
    text += (DIGITS[group >> 18] as string) + (DIGITS[(group >> 12) & 63] as string)
    text += i + 1 < length ? (DIGITS[(group >> 6) & 63] as string) : '='
    text += i + 2 < length ? (DIGITS[group & 63] as string) : '='
  }
  return text
}

/** Reads base64 as the host writes it, with padding; undefined when the text is none. */
export const decodeBase64 = (text: string): Uint8Array | undefined => {
  if (text.length % 4 !== 0) return undefined
  if (Uint8ArrayFromBase64 !== undefined) {
    try {
      return Uint8ArrayFromBase64(text)
    } catch {
      return undefined
    }
  }
  let digits = text.length
  while (digits > 0 && text.length - digits < 2 && text[digits - 1] === '=') digits -= 1
  const bytes = new Uint8ArrayClass((digits * 3) >> 2)
  let at = 0
  let group = 0
  let bits = 0
  for (let i = 0; i < digits; i += 1) {
    const unit = StringPrototypeCharCodeAt(text, i)
    const value = unit < 128 ? (values[unit] as number) : NO_DIGIT
    if (value === NO_DIGIT) return undefined
    group = ((group << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = (group >> bits) & 0xff
  }
  return bytes
}

/** The code point at `i`; a lone surrogate counts as the replacement character, as in every UTF-8 encoder. */
const pointAt = (text: string, i: number): number => {
  const unit = StringPrototypeCharCodeAt(text, i)
  if (unit < 0xd800 || unit > 0xdfff) return unit
  const next = i + 1 < text.length ? StringPrototypeCharCodeAt(text, i + 1) : 0
  if (unit > 0xdbff || next < 0xdc00 || next > 0xdfff) return REPLACEMENT
  return 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00)
}

const sizeOf = (point: number): number => (point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4)

/** The UTF-8 bytes of a text. */
export const encodeUtf8 = (text: string): Uint8Array => {
  let length = 0
  for (let i = 0; i < text.length; i += 1) {
    const size = sizeOf(pointAt(text, i))
    length += size
    if (size === 4) i += 1
  }
  const bytes = new Uint8ArrayClass(length)
  let at = 0
  for (let i = 0; i < text.length; i += 1) {
    const point = pointAt(text, i)
    const size = sizeOf(point)
    if (size === 1) bytes[at++] = point
    else {
      bytes[at++] = ((0xf00 >> size) & 0xff) | (point >> (6 * (size - 1)))
      for (let k = size - 2; k >= 0; k -= 1) bytes[at++] = 0x80 | ((point >> (6 * k)) & 0x3f)
    }
    if (size === 4) i += 1
  }
  return bytes
}

const textOfPoint = (point: number): string =>
  point < 0x10000
    ? StringFromCharCode(point)
    : StringFromCharCode(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff))

/** How many bytes follow a leading byte; -1 for a byte that leads nothing. */
const followersOf = (lead: number): number =>
  lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1

/** Whether the byte may be the first to follow the leading one (Unicode, table 3-7: no overlong forms, no surrogates). */
const mayFollow = (lead: number, byte: number): boolean => {
  const min = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const max = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  return byte >= min && byte <= max
}

/** Text from UTF-8; malformed bytes become U+FFFD and a byte-order mark is left out, as in TextDecoder. */
export const decodeUtf8 = (bytes: Uint8Array): string => {
  const length = TypedArrayByteLength(bytes)
  const hasMark = length > 2 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  let text = ''
  let i = hasMark ? 3 : 0
  while (i < length) {
    const lead = bytes[i++] as number
    const followers = followersOf(lead)
    let point = followers <= 0 ? lead : lead & (0x3f >> followers)
    let taken = 0
    for (; taken < followers && i < length; taken += 1) {
      const byte = bytes[i] as number
      if (taken === 0 ? !mayFollow(lead, byte) : (byte & 0xc0) !== 0x80) break
      point = (point << 6) | (byte & 0x3f)
      i += 1
    }
    text += textOfPoint(followers < 0 || taken < followers ? REPLACEMENT : point)
  }
  return text
}
