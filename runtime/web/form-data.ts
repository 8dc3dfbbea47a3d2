import { decodeUtf8, encodeUtf8 } from '../kernel/encoding.ts'
import { Blob, blobBytes, File, joinBytes } from './blob.ts'

type Value = string | File
type Entry = [name: string, value: Value]
const { random } = Math

const valueOf = (value: unknown, fileName: unknown): Value => {
  if (!(value instanceof Blob)) return String(value)
  if (value instanceof File && fileName === undefined) return value
  return new File([value], fileName ?? 'blob', { type: value.type })
}

/** Fields of a form, in order (XMLHttpRequest, section 4.3). */
export class FormData {
  #entries: Entry[] = []

  append(name: unknown, value: unknown, fileName?: unknown): void {
    this.#entries.push([String(name), valueOf(value, fileName)])
  }

  set(name: unknown, value: unknown, fileName?: unknown): void {
    const at = this.#entries.findIndex(([own]) => own === String(name))
    if (at < 0) return this.append(name, value, fileName)
    this.#entries[at] = [String(name), valueOf(value, fileName)]
    this.#entries = this.#entries.filter(([own], i) => i <= at || own !== String(name))
  }

  get(name: unknown): Value | null {
    return this.#entries.find(([own]) => own === String(name))?.[1] ?? null
  }

  getAll(name: unknown): Value[] {
    return this.#entries.filter(([own]) => own === String(name)).map(([, value]) => value)
  }

  has(name: unknown): boolean {
    return this.#entries.some(([own]) => own === String(name))
  }

  delete(name: unknown): void {
    this.#entries = this.#entries.filter(([own]) => own !== String(name))
  }

  forEach(visit: (value: Value, name: string, form: FormData) => void): void {
    for (const [name, value] of this) visit(value, name, this)
  }

  *entries(): Generator<Entry> {
    for (const [name, value] of this.#entries) yield [name, value]
  }

  *keys(): Generator<string> {
    for (const [name] of this.#entries) yield name
  }

  *values(): Generator<Value> {
    for (const [, value] of this.#entries) yield value
  }

  [Symbol.iterator](): Generator<Entry> {
    return this.entries()
  }

  get [Symbol.toStringTag](): string {
    return 'FormData'
  }
}

const lines = (text: string): string => text.replaceAll(/\r\n|\r|\n/g, '\r\n')
const quoted = (text: string): string =>
  text.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')

/** A form as multipart/form-data (RFC 7578), and the type that says its boundary. */
export const encodeForm = (form: FormData): { bytes: Uint8Array; type: string } => {
  let boundary = '----form'
  for (let i = 0; i < 24; i += 1) boundary += Math.floor(random() * 16).toString(16)
  const parts: Uint8Array[] = []
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(lines(name))}"`
    if (typeof value === 'string') parts.push(encodeUtf8(`${head}\r\n\r\n${lines(value)}\r\n`))
    else {
      const type = value.type === '' ? 'application/octet-stream' : value.type
      parts.push(encodeUtf8(`${head}; filename="${quoted(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`))
      parts.push(blobBytes(value) ?? new Uint8Array(0), encodeUtf8('\r\n'))
    }
  }
  parts.push(encodeUtf8(`--${boundary}--\r\n`))
  return { bytes: joinBytes(parts), type: `multipart/form-data; boundary=${boundary}` }
}

/** Bytes as characters below U+0100, so that text can be searched where bytes are meant. */
const latin = (bytes: Uint8Array): string => {
  let text = ''
  for (let i = 0; i < bytes.length; i += 1) text += String.fromCharCode(bytes[i] ?? 0)
  return text
}
const unlatin = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))
const unquoted = (text: string): string =>
  decodeUtf8(unlatin(text)).replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%22', '"')

const decodeMultipart = (bytes: Uint8Array, boundary: string): FormData => {
  const form = new FormData()
  const parts = `\r\n${latin(bytes)}`.split(`\r\n--${boundary}`).slice(1)
  if (parts.at(-1)?.startsWith('--') !== true) throw new TypeError('The form has no end')
  for (const part of parts.slice(0, -1)) {
    const split = part.indexOf('\r\n\r\n')
    const head = part.slice(0, split)
    const name = /^content-disposition:[^\n]*[; ]name="([^"]*)"/im.exec(head)?.[1]
    if (split < 0 || name === undefined) throw new TypeError('A part of the form has no name')
    const body = unlatin(part.slice(split + 4))
    const fileName = /^content-disposition:[^\n]*[; ]filename="([^"]*)"/im.exec(head)?.[1]
    const type = /^content-type:[ \t]*([^\r\n]*)/im.exec(head)?.[1] ?? 'text/plain'
    const value = fileName === undefined ? decodeUtf8(body) : new File([body], unquoted(fileName), { type })
    form.append(unquoted(name), value)
  }
  return form
}

/** The form that a body is, by its content type. Throws a TypeError for what is no form. */
export const decodeForm = (
  bytes: Uint8Array,
  type: string,
  readPairs: (text: string) => Iterable<readonly [string, string]>,
): FormData => {
  const boundary = /^multipart\/form-data\s*;.*boundary="?([^";]+)"?/i.exec(type)?.[1]
  if (boundary !== undefined) return decodeMultipart(bytes, boundary)
  if (!/^application\/x-www-form-urlencoded\b/i.test(type)) throw new TypeError('The body is no form')
  const form = new FormData()
  for (const [name, value] of readPairs(decodeUtf8(bytes))) form.append(name, value)
  return form
}
