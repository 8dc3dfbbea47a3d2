import { domainToASCII } from 'node:url'
import type { Ticket } from '../../index.ts'
import { cut, printable } from './printable.ts'
import type { Style } from './style.ts'
import { formatMs, formatUsd } from './units.ts'

const FIELDS_MAX = 40
const FIELD_SIZE_MAX = 200
const PATH_SIZE_MAX = 80
const HOSTS_MAX = 10

/** In full: what no screen shows is not worth approving. */
const FULL_FIELDS_MAX = 2_000
const FULL_FIELD_SIZE_MAX = 64 * 1024

export type RenderedTicket = {
  readonly lines: readonly string[]
  /** Something of the request was cut; `{ full: true }` shows it. */
  readonly wasCut: boolean
}

type Field = { readonly path: string; readonly text: string }

/** The leaves of JSON data, depth first. Stops at `fieldsMax`. */
const fieldsOf = (request: unknown, fieldsMax: number): Field[] => {
  const fields: Field[] = []
  const walk = (value: unknown, path: string): void => {
    if (fields.length >= fieldsMax) return
    if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
      const within = (key: string): string =>
        Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
      for (const [key, item] of Object.entries(value)) walk(item, within(key))
    } else fields.push({ path, text: JSON.stringify(value) ?? 'null' })
  }
  walk(request, '')
  return fields
}

const HOST_LIKE = /[\p{L}\p{N}\p{M}_-]+(?:[.\u3002\uff0e\uff61][\p{L}\p{N}\p{M}_-]+)+/gu

/** Host names with letters outside ASCII, each with its punycode: look-alikes show themselves there. */
const foreignHosts = (fields: readonly Field[]): string[] => {
  const names = new Set(
    fields.flatMap(({ text }) => text.slice(0, FULL_FIELD_SIZE_MAX).match(HOST_LIKE) ?? []),
  )
  return [...names].filter((name) => /[^ -~]/u.test(name)).slice(0, HOSTS_MAX)
}

/**
 * A ticket as a human judges it, made by the host from the data that will be executed: bounded, one field a line, every
 * line behind a bar that guest text cannot leave. Longer values are cut with a mark.
 */
export const renderTicket = (
  ticket: Ticket,
  style: Style,
  nowMs: number,
  options: { full?: boolean } = {},
): RenderedTicket => {
  const [fieldsMax, fieldSizeMax] = options.full
    ? [FULL_FIELDS_MAX, FULL_FIELD_SIZE_MAX]
    : [FIELDS_MAX, FIELD_SIZE_MAX]
  const found = fieldsOf(ticket.request, fieldsMax + 1)
  const fields = found.slice(0, fieldsMax)
  const wasCut = found.length > fieldsMax || fields.some(({ text }) => text.length > fieldSizeMax)
  const fact = (name: string, text: string): string =>
    `${style.paint('dim', name.padEnd(9))} ${printable(text)}`
  const body = [
    fact('op', ticket.op),
    fact('does', cut(ticket.subject, 600)),
    fact('effect', [ticket.effect, ...ticket.categories].join(', ')),
    fact('asked by', cut(ticket.rule, 200)),
    fact('run', `${ticket.runId}, call ${ticket.seq}, on behalf of ${cut(ticket.principal, 100)}`),
    fact('costs', `at most ${formatUsd(ticket.costMicroUsd / 1e6)}`),
    fact('expires', `in ${formatMs(Math.max(0, ticket.expiresAtMs - nowMs))}`),
    fact('digest', ticket.digest),
    style.paint('dim', 'request'),
    ...fields.map(
      ({ path, text }) =>
        `  ${printable(cut(path || 'value', PATH_SIZE_MAX))} = ${printable(cut(text, fieldSizeMax))}`,
    ),
    ...(found.length > fieldsMax ? [`  … [cut after ${fieldsMax} fields]`] : []),
    ...foreignHosts(fields).map((name) =>
      style.paint(
        'yellow',
        `  look twice: ${printable(name)} is ${domainToASCII(name) || 'not a host name'}`,
      ),
    ),
  ]
  const edge = style.paint('yellow', '│')
  return {
    wasCut,
    lines: [
      `${style.paint('yellow', '┌')} ${style.paint(['bold', 'yellow'], 'A call waits for your approval')}`,
      ...body.map((line) => `${edge} ${line}`),
      style.paint('yellow', '└'),
    ],
  }
}
