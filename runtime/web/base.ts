import ungapClone from '@ungap/structured-clone'
import { bytesOf, decodeBase64, encodeBase64 } from '../kernel/encoding.ts'
import { TypedArrayKind, Uint8ArrayClass } from '../kernel/primordials.ts'
import { DOMException } from './dom-exception.ts'
import { DIGESTS } from './sha.ts'

export { DOMException }

const RANDOM_BYTES_MAX = 65_536
/** The kernel's own, seeded by the host: the same run has the same numbers. */
const { random } = Math

/** Bytes as text, each a character below U+0100, in base64 (HTML, section 8.3). */
export const btoa = (data: unknown): string => {
  const text = String(data)
  const bytes = new Uint8ArrayClass(text.length)
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i)
    if (unit > 255) throw new DOMException('A character is above U+00FF', 'InvalidCharacterError')
    bytes[i] = unit
  }
  return encodeBase64(bytes)
}

/** The reverse; white space is passed over and padding may be missing (Infra, section 6). */
export const atob = (data: unknown): string => {
  const plain = String(data).replaceAll(/[\t\n\f\r ]/gu, '')
  const bare = plain.length % 4 === 0 ? plain.replace(/={1,2}$/u, '') : plain
  const isBase64 = /^[A-Za-z0-9+/]*$/u.test(bare) && bare.length % 4 !== 1
  const full = bare + '='.repeat((4 - (bare.length % 4)) % 4)
  const bytes = isBase64 ? decodeBase64(full) : undefined
  if (bytes === undefined) throw new DOMException('The text is not base64', 'InvalidCharacterError')
  let text = ''
  for (let i = 0; i < bytes.length; i += 1) text += String.fromCharCode(bytes[i] ?? 0)
  return text
}

/** A deep copy of data (HTML, section 2.7). Nothing is transferred: a buffer that is named there is copied. */
export const structuredClone = (value: unknown): unknown => {
  try {
    return ungapClone(value)
  } catch (error) {
    throw new DOMException(error instanceof Error ? error.message : 'It cannot be cloned', 'DataCloneError')
  }
}

const fill = (bytes: Uint8Array): void => {
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = random() * 256
}

const getRandomValues = <Data>(data: Data): Data => {
  const kind = TypedArrayKind(data)
  const bytes = kind === undefined || kind.startsWith('Float') ? undefined : bytesOf(data)
  if (bytes === undefined) throw new TypeError('getRandomValues needs a typed array of integers')
  if (bytes.length > RANDOM_BYTES_MAX)
    throw new DOMException(`At most ${RANDOM_BYTES_MAX} bytes at once`, 'QuotaExceededError')
  fill(bytes)
  return data
}

const randomUUID = (): string => {
  const bytes = new Uint8ArrayClass(16)
  fill(bytes)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  let text = ''
  for (let i = 0; i < 16; i += 1) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-'
    text += (bytes[i] ?? 0).toString(16).padStart(2, '0')
  }
  return text
}

const digest = async (algorithm: unknown, data: unknown): Promise<ArrayBuffer> => {
  const named = typeof algorithm === 'string' ? algorithm : (algorithm as { name?: unknown } | null)?.name
  const make = DIGESTS[String(named).toUpperCase()]
  if (make === undefined)
    throw new DOMException(`There is no digest ${String(named)}; take SHA-256`, 'NotSupportedError')
  const bytes = bytesOf(data)
  if (bytes === undefined) throw new TypeError('The data of a digest is a buffer or a view of one')
  return make(bytes).buffer as ArrayBuffer
}

/** Random numbers that are virtual, no secrets: do not make keys of them. Of `subtle` the digests. */
export const crypto = Object.freeze({
  getRandomValues,
  randomUUID,
  subtle: Object.freeze({ digest }),
})
