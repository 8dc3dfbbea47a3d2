import { ALL_ESCAPES, decodeOnce, JSON_ESCAPES, type Escaping, type View } from './decoded-view.ts'
import { formsOf, looksEscaped, toLower } from './secret-forms.ts'

/** Takes the secrets of a run out of what is handed out, written down or shown. */
export type Redactor = {
  /** For plain text. */
  text(text: string): string
  /** For JSON text: each string in it is redacted as what it says, and the JSON stays well-formed. */
  json(text: string): string
}

/** A value that must not appear, and the name that stands for it. */
export type Redaction = { readonly name: string; readonly value: string }

/** What is looked for; whether a secret holds what escapes begin with. */
type Search = { readonly needles: readonly Needle[]; readonly looksEscaped: boolean }
type Needle = { readonly name: string; readonly form: string }
/** A stretch of the original text that goes. */
type Span = { readonly name: string; readonly from: number; readonly to: number }

/** Layers of escapes that are read: a query in a link of a page in a JSON answer has three. */
const LAYERS = 3
/** What stands between the strings of JSON, piece by piece: numbers, and the three words. */
const BARE = /[^\s,:[\]{}]+/g

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
/** How bytes stand in JSON, in arguments as in results. */
const BYTES = /"base64":"([A-Za-z0-9+/]+={0,2})"/g

const QUOTE = 34
const BACKSLASH = 92

/** A view, then what is seen when one layer of escapes is read after another. */
function* readThrough(view: View, escaping: Escaping, layers: number, tracked: boolean): Generator<View> {
  yield view
  const decoded = layers === 0 ? undefined : decodeOnce(view, escaping, tracked)
  if (decoded !== undefined) yield* readThrough(decoded, escaping, layers - 1, tracked)
}

/**
 * All escapes at once, and those of JSON alone, which is exact where JSON stands in JSON. Reading all at once tears secrets that
 * look escaped themselves: for these it is also done after each layer of JSON.
 */
function* viewsFrom(view: View, { looksEscaped: isAwkward }: Search, tracked: boolean): Generator<View> {
  let layers = LAYERS
  for (const json of readThrough(view, JSON_ESCAPES, LAYERS, tracked)) {
    yield* readThrough(json, ALL_ESCAPES, isAwkward || json === view ? layers : 0, tracked)
    layers -= 1
  }
}

function findIn({ text, offsets }: View, needles: readonly Needle[], found: Span[]): void {
  const lower = toLower(text)
  for (const { name, form } of needles) {
    for (let at = lower.indexOf(form); at !== -1; at = lower.indexOf(form, at + form.length)) {
      const to = at + form.length
      found.push({ name, from: offsets?.[at] ?? at, to: offsets?.[to] ?? to })
    }
  }
}

/** Whether a secret stands in a text. Most texts hold none, and to know that, it does not matter where. */
function holdsAny(text: string, search: Search): boolean {
  for (const view of viewsFrom({ text, offsets: undefined }, search, false)) {
    const lower = toLower(view.text)
    if (search.needles.some(({ form }) => lower.includes(form))) return true
  }
  return false
}

function find(text: string, search: Search): Span[] {
  const found: Span[] = []
  for (const view of viewsFrom({ text, offsets: undefined }, search, true))
    findIn(view, search.needles, found)
  return found
}

/** Puts a mark in the place of each stretch; stretches that overlap become one. */
function replaceSpans(text: string, spans: readonly Span[]): string {
  let result = ''
  let end = 0
  for (const { name, from, to } of spans.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
    if (from >= end) result += `${text.slice(end, from)}[redacted:${name}]`
    end = Math.max(end, to)
  }
  return result + text.slice(end)
}

function redactText(text: string, search: Search): string {
  return holdsAny(text, search) ? replaceSpans(text, find(text, search)) : text
}

/** The end of the string literal that begins at `from`, or the end of the text. */
function literalEnd(json: string, from: number): number {
  for (let at = from + 1; at < json.length; at += 1) {
    const code = json.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at += 1
  }
  return json.length
}

/** What a string literal says; undefined when it is malformed. */
function textOf(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string
  } catch {
    return undefined
  }
}

const bytesOf = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1')

/** Bytes as base64 stay base64: a mark in the middle of it would leave nothing that can be read. */
function redactBytes(text: string, search: Search): string {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return text
  const bytes = bytesOf(text)
  const redacted = redactText(bytes, search)
  return redacted === bytes ? text : Buffer.from(redacted, 'latin1').toString('base64')
}

/** A token is left as it is, byte for byte, unless a secret stands in it. */
function redactLiteral(literal: string, search: Search): string {
  const said = textOf(literal)
  if (said === undefined) return redactText(literal, search)
  const redacted = redactText(redactBytes(said, search), search)
  return redacted === said ? literal : JSON.stringify(redacted)
}

/** A number that is a secret becomes a string. */
function redactBare(bare: string, search: Search): string {
  const redacted = redactText(bare, search)
  return redacted === bare ? bare : JSON.stringify(redacted)
}

function redactTokens(json: string, search: Search): string {
  const pieces: string[] = []
  for (let at = 0; at < json.length;) {
    const quote = json.indexOf('"', at)
    const between = json.slice(at, quote === -1 ? json.length : quote)
    pieces.push(between.replaceAll(BARE, (bare) => redactBare(bare, search)))
    if (quote === -1) break
    at = literalEnd(json, quote)
    pieces.push(redactLiteral(json.slice(quote, at), search))
  }
  return pieces.join('')
}

/** Most JSON holds no secret: all its strings are searched at once, and what bytes it carries, before each is on its own. */
function redactJson(json: string, search: Search): string {
  const strings = decodeOnce({ text: json, offsets: undefined }, JSON_ESCAPES, false)?.text ?? json
  const isClean =
    !holdsAny(strings, search) &&
    !json.matchAll(BYTES).some(([, base64 = '']) => holdsAny(bytesOf(base64), search))
  return isClean ? json : redactTokens(json, search)
}

/** A flat record with every text in it redacted. */
export const redactFields = <Fields extends object>(fields: Fields, redactor: Redactor): Fields =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'string' ? redactor.text(value) : value,
    ]),
  ) as Fields

/**
 * A redactor for some values. They are found raw, in hex and in base64 at any alignment, in either case, also where characters
 * are percent-encoded or escaped as in JSON, JavaScript or HTML, or where lines are broken. It cannot find what the other side
 * transformed otherwise (SOUNDNESS 21). Without values it returns what it is given. `current` is asked each time; where it answers
 * with another list, that is what is looked for from then on.
 */
export function createRedactor(current: () => readonly Redaction[]): Redactor {
  let redactions = current()
  let search = searchFor(redactions)
  const searchNow = (): Search | undefined => {
    const latest = current()
    if (latest !== redactions) {
      redactions = latest
      search = searchFor(latest)
    }
    return search
  }
  const unlessNothing =
    (redact: (text: string, search: Search) => string) =>
    (text: string): string => {
      const now = searchNow()
      return now === undefined ? text : redact(text, now)
    }
  return { text: unlessNothing(redactText), json: unlessNothing(redactJson) }
}

/** Undefined where there is nothing to look for. */
function searchFor(redactions: readonly Redaction[]): Search | undefined {
  const needles = redactions.flatMap(({ name, value }) =>
    formsOf(value).map((form): Needle => ({ name, form })),
  )
  if (needles.length === 0) return undefined
  return { needles, looksEscaped: redactions.some(({ value }) => looksEscaped(value)) }
}
