/** Takes the secrets of a run out of what is handed out, written down or shown. */
export type Redactor = {
  /** For plain text. */
  text(text: string): string
  /** For JSON text: what replaces a secret inside a string leaves the JSON well-formed. */
  json(text: string): string
}

/** A value that must not appear, and the name that stands for it. */
export type Redaction = { readonly name: string; readonly value: string }

/** Values shorter than this cannot be told from ordinary text; who configures them is refused (see src/run/secrets.ts). */
export const SECRET_SIZE_MIN = 8

const escapePattern = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

/** The middle of a base64 encoding that is the same whatever stands around the bytes, for one of the three alignments. */
function base64Core(bytes: Buffer, offset: number): string {
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
  const encoded = shifted.toString('base64').replaceAll('=', '')
  const firstWhole = Math.ceil((offset * 8) / 6)
  const lastWhole = Math.floor((shifted.length * 8) / 6)
  return encoded.slice(firstWhole, lastWhole)
}

const urlSafe = (base64: string): string => base64.replaceAll('+', '-').replaceAll('/', '_')

/** Encodings in which letters differ by case only where the encoding says so: hex digits and percent triplets. */
function caselessForms(value: string): string[] {
  const hex = Buffer.from(value).toString('hex')
  const percent = encodeURIComponent(value)
  const everyByte = hex.replaceAll(/../g, '%$&')
  return [hex, percent, percent.replaceAll('%20', '+'), everyByte]
}

function forms(value: string): { exact: string[]; caseless: string[] } {
  const bytes = Buffer.from(value)
  const cores = [0, 1, 2].map((offset) => base64Core(bytes, offset))
  return { exact: [value, ...cores, ...cores.map(urlSafe)], caseless: caselessForms(value) }
}

const jsonForm = (text: string): string => JSON.stringify(text).slice(1, -1)

/** One alternative that matches `text` with hex digits after `%`, or all of them in a hex text, in either case. */
const anyCase = (text: string): string =>
  escapePattern(text).replaceAll(/%[0-9a-fA-F]{2}|^[0-9a-f]+$/g, (digits) =>
    digits.replaceAll(/[a-fA-F]/g, (digit) => `[${digit.toLowerCase()}${digit.toUpperCase()}]`),
  )

type Pattern = { readonly name: string; readonly source: string; readonly size: number }

function compile(redactions: readonly Redaction[], isJson: boolean): (text: string) => string {
  const patterns = redactions.flatMap(({ name, value }): Pattern[] => {
    const { exact, caseless } = forms(value)
    const shown = isJson
      ? [...new Set([...exact, ...caseless].map(jsonForm))]
      : [...exact, ...exact.map(jsonForm), ...caseless]
    return [...new Set(shown)]
      .filter((form) => form.length > 0)
      .map((form) => ({
        name,
        source: caseless.includes(form) ? anyCase(form) : escapePattern(form),
        size: form.length,
      }))
  })
  if (patterns.length === 0) return (text) => text
  // Longest first, so that no part of a longer form is left standing.
  const ordered = patterns.toSorted((a, b) => b.size - a.size)
  const expression = new RegExp(ordered.map(({ source }) => `(${source})`).join('|'), 'g')
  return (text) =>
    text.replaceAll(expression, (_found: string, ...groups: unknown[]) => {
      const at = ordered.findIndex((_, index) => groups[index] !== undefined)
      return `[redacted:${ordered[at]?.name ?? 'secret'}]`
    })
}

/**
 * A redactor for some values: they are found raw, JSON-escaped, in hex, percent-encoded, and in base64 at any alignment. It
 * cannot find what the other side transformed otherwise (SOUNDNESS 21). Without values it returns what it is given.
 */
export function createRedactor(redactions: readonly Redaction[]): Redactor {
  return { text: compile(redactions, false), json: compile(redactions, true) }
}
