import { ALL_ESCAPES, decodeOnce } from './decoded-view.ts'

/** Values shorter than this cannot be told from ordinary text; who configures them is refused (see src/run/secrets.ts). */
export const SECRET_SIZE_MIN = 8

/** The middle of a base64 encoding that is the same whatever stands around the bytes, for one of the three alignments. */
function base64Core(bytes: Buffer, offset: number): string {
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
  const encoded = shifted.toString('base64').replaceAll('=', '')
  const firstWhole = Math.ceil((offset * 8) / 6)
  const lastWhole = Math.floor((shifted.length * 8) / 6)
  return encoded.slice(firstWhole, lastWhole)
}

const urlSafe = (base64: string): string => base64.replaceAll('+', '-').replaceAll('/', '_')

/** What reading escapes, once or more often, makes of a value that itself looks escaped. */
function decodedForms(value: string): string[] {
  const decoded = decodeOnce({ text: value, offsets: undefined }, ALL_ESCAPES, false)?.text
  return decoded === undefined ? [] : [decoded, ...decodedForms(decoded)]
}

/** Whether a value holds what escapes begin with: then reading escapes of another kind may tear it. */
export const looksEscaped = (value: string): boolean => ALL_ESCAPES.mark.test(value)

/**
 * The texts by which a secret is recognised, in lower case: raw, with `+` for spaces, as bytes, in hex, and in base64 (both
 * alphabets) at each alignment. What is escaped is recognised once the escapes are read, see decoded-view.ts.
 */
export function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value)
  const cores = [0, 1, 2].map((offset) => base64Core(bytes, offset))
  const plain = [value, value.replaceAll(' ', '+'), bytes.toString('latin1')]
  const forms = [
    ...plain,
    ...plain.flatMap(decodedForms),
    bytes.toString('hex'),
    ...cores,
    ...cores.map(urlSafe),
  ]
  return [...new Set(forms.map(toLower))].filter(({ length }) => length >= SECRET_SIZE_MIN)
}

/** In lower case, character by character: what others would make longer stays as it is, so that positions stay. */
export function toLower(text: string): string {
  const lower = text.toLowerCase()
  return lower.length === text.length
    ? lower
    : text.replaceAll(/[A-Z]+/g, (capitals) => capitals.toLowerCase())
}
