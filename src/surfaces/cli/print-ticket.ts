import { domainToASCII } from 'node:url'
import type { Ticket } from '../../index.ts'
import { renderCommit, type Line } from './print-commit.ts'
import { cut, printable, wrapped } from './printable.ts'
import type { Style } from './style.ts'
import { formatMs, formatUsd } from './units.ts'

const FIELDS_MAX = 40
const FIELD_SIZE_MAX = 200
const PATH_SIZE_MAX = 80
const HOSTS_MAX = 10

/** In full: what no screen shows is not worth approving. */
const FULL_FIELDS_MAX = 2_000
const FULL_FIELD_SIZE_MAX = 64 * 1024
/** All fields together. */
const FULL_SIZE_MAX = 256 * 1024

const COLUMNS_MIN = 24
/** Begins the rows that go on with a line; nothing else in a ticket begins so. */
const GOES_ON = '  … '

export type RenderedTicket = {
  readonly lines: readonly string[]
  /** Something of the request was cut; `{ full: true }` shows it. */
  readonly wasCut: boolean
}

type Field = { readonly path: string; readonly text: string }
type Bounds = { readonly fieldsMax: number; readonly fieldSizeMax: number; readonly sizeMax: number }
type Found = { readonly fields: readonly Field[]; readonly hasMore: boolean }

const SHORT: Bounds = { fieldsMax: FIELDS_MAX, fieldSizeMax: FIELD_SIZE_MAX, sizeMax: FULL_SIZE_MAX }
const FULL: Bounds = { fieldsMax: FULL_FIELDS_MAX, fieldSizeMax: FULL_FIELD_SIZE_MAX, sizeMax: FULL_SIZE_MAX }

/** Whatever is no plain name is quoted, so that no key looks like `to = "bob@example.com"`. */
const keyOf = (key: string): string => (/^[A-Za-z_$][\w$-]*$/.test(key) ? key : JSON.stringify(key))

/** The leaves of JSON data, depth first, until a bound is reached. */
const fieldsOf = (request: unknown, { fieldsMax, fieldSizeMax, sizeMax }: Bounds): Found => {
  const fields: Field[] = []
  let size = 0
  let hasMore = false
  const walk = (value: unknown, path: string): void => {
    if (hasMore) return
    if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
      const within = (key: string): string =>
        Array.isArray(value) ? `${path}[${key}]` : path === '' ? keyOf(key) : `${path}.${keyOf(key)}`
      for (const [key, item] of Object.entries(value)) walk(item, within(key))
    } else if (fields.length >= fieldsMax || size > sizeMax) hasMore = true
    else {
      const text = JSON.stringify(value) ?? 'null'
      size += Math.min(text.length, fieldSizeMax)
      fields.push({ path, text })
    }
  }
  walk(request, '')
  return { fields, hasMore }
}

const HOST_LIKE = /[\p{L}\p{N}\p{M}_-]+(?:[.\u3002\uff0e\uff61][\p{L}\p{N}\p{M}_-]+)+/gu

/** Host names with letters outside ASCII: look-alikes are among them. */
const foreignHosts = (fields: readonly Field[]): string[] => {
  const names = new Set(
    fields.flatMap(
      ({ path, text }) => `${path} ${text.slice(0, FULL_FIELD_SIZE_MAX)}`.match(HOST_LIKE) ?? [],
    ),
  )
  return [...names].filter((name) => /[^ -~]/u.test(name))
}

const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Adlam}]/u

/** What a human reads over: each foreign host with its punycode, where look-alikes show themselves, and text that runs backwards. */
const warnings = (fields: readonly Field[]): string[] => {
  const hosts = foreignHosts(fields)
  const more = hosts.length - HOSTS_MAX
  return [
    ...hosts
      .slice(0, HOSTS_MAX)
      .map(
        (name) => `look twice: ${cut(name, PATH_SIZE_MAX)} is ${domainToASCII(name) || 'not a host name'}`,
      ),
    ...(more > 0 ? [`look twice: and ${more} more names with letters outside ASCII`] : []),
    ...(fields.some(({ path, text }) => RIGHT_TO_LEFT.test(path + text))
      ? ['look twice: letters that run from right to left stand here in another order than they are sent']
      : []),
  ]
}

/** The rows of a line: each begins with the bar, and those after the first with the mark that they go on. */
const rowsOf = ({ head = '', text, format }: Line, style: Style, columns: number): string[] => {
  const paint = (row: string): string => (format === undefined ? row : style.paint(format, row))
  // The bar, a space, and one cell that is left free: some terminals break a full row.
  const room = Math.max(columns, COLUMNS_MIN) - 3
  const [first = '', ...rest] = wrapped(head + printable(text), room)
  const begun = head === '' ? paint(first) : style.paint('dim', head) + paint(first.slice(head.length))
  const goingOn = wrapped(rest.join(''), room - GOES_ON.length).map((row) => GOES_ON + paint(row))
  return rest.length === 0 ? [begun] : [begun, ...goingOn]
}

const factsOf = (ticket: Ticket, nowMs: number): Line[] => {
  const fact = (name: string, text: string): Line => ({ head: `${name.padEnd(9)} `, text })
  return [
    fact('op', ticket.op),
    fact('does', cut(ticket.subject, 600)),
    fact('effect', [ticket.effect, ...ticket.categories].join(', ')),
    fact('asked by', cut(ticket.rule, 200)),
    fact('run', `${ticket.runId}, call ${ticket.seq}, on behalf of ${cut(ticket.principal, 100)}`),
    fact('costs', `at most ${formatUsd(ticket.costMicroUsd / 1e6)}`),
    fact('expires', `in ${formatMs(Math.max(0, ticket.expiresAtMs - nowMs))}`),
    fact('digest', ticket.digest),
  ]
}

/** What would be executed: the changes of a commit of files, or the fields of a request one by one. */
function renderCommitOrFields(
  ticket: Ticket,
  full: boolean,
): { shown: readonly Line[]; fields: readonly Field[]; wasCut: boolean } {
  const commit = renderCommit(ticket, full)
  if (commit !== undefined) return { ...commit, shown: [{ text: 'changes', format: 'dim' }, ...commit.lines] }
  const bounds = full ? FULL : SHORT
  const { fields, hasMore } = fieldsOf(ticket.request, bounds)
  const shown: Line[] = [
    { text: 'request', format: 'dim' },
    ...fields.map(({ path, text }) => ({
      text: `  ${cut(path || 'value', PATH_SIZE_MAX)} = ${cut(text, bounds.fieldSizeMax)}`,
    })),
    ...(hasMore ? [{ text: `  (cut after ${fields.length} fields)`, format: 'yellow' as const }] : []),
  ]
  return { shown, fields, wasCut: hasMore || fields.some(({ text }) => text.length > bounds.fieldSizeMax) }
}

/**
 * A ticket as a human judges it, made by the host from the data that will be executed: bounded, one field a line, every row
 * behind a bar that guest text cannot leave, whatever it holds and however long it is. Longer values are cut with a mark. The
 * last row says once more what is asked, for the first may have left the screen. `columns`: width of the terminal.
 */
export const renderTicket = (
  ticket: Ticket,
  style: Style,
  nowMs: number,
  options: { full?: boolean; columns?: number | undefined } = {},
): RenderedTicket => {
  const { full = false, columns = style.columns } = options
  const { shown, fields, wasCut } = renderCommitOrFields(ticket, full)
  const lines: Line[] = [
    ...factsOf(ticket, nowMs),
    ...shown,
    ...warnings(fields).map((text) => ({ text: `  ${text}`, format: 'yellow' as const })),
  ]
  const edge = style.paint('yellow', '│')
  const last = wrapped(
    printable(`asked: ${ticket.op}, ${ticket.subject}`),
    Math.max(columns, COLUMNS_MIN) - 3,
  )
  return {
    wasCut,
    lines: [
      `${style.paint('yellow', '┌')} ${style.paint(['bold', 'yellow'], 'A call waits for your approval')}`,
      ...lines.flatMap((line) => rowsOf(line, style, columns)).map((row) => `${edge} ${row}`),
      `${style.paint('yellow', '└')} ${last[0] ?? ''}`,
    ],
  }
}
