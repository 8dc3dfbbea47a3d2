import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Cell, DbRows, DbTable, DbWritten } from './ops.ts'
import { REFUSALS, type Refusal } from './wire.ts'

/** An answer that no sound process gives: it is ended. */
const unsound = (): TollgateError =>
  new TollgateError('UPSTREAM_PROTOCOL', 'The process of the database answered what no such process answers.')

type Fields = Readonly<Record<string, unknown>>

/** An answer as far as it was judged. */
export type Answer =
  | { readonly ok: true; readonly fields: Fields }
  | { readonly ok: false; readonly refusal: Refusal; readonly detail: string }

/** Reads an answer: what it holds, or why there is none. Throws UPSTREAM_PROTOCOL. */
export function readAnswer(text: string): Answer {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    throw unsound()
  }
  if (typeof answer !== 'object' || answer === null) throw unsound()
  const fields = answer as Fields
  if (fields['ok'] === true) return { ok: true, fields }
  const refusal = REFUSALS.find((one) => one === fields['refusal'])
  if (refusal === undefined || typeof fields['detail'] !== 'string') throw unsound()
  return { ok: false, refusal, detail: toldBy(fields['detail']) }
}

/** Words of an engine as they may reach the guest: one line, and not a long one. */
export const toldBy = (words: string): string =>
  words.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').slice(0, 300)

/** Rows as they may reach the guest: cells and nothing else, as many as were allowed. Throws UPSTREAM_PROTOCOL. */
export function readRows({ columns, rows }: Fields, rowsMax: number): DbRows {
  if (!isListOf(columns, isText) || !Array.isArray(rows) || rows.length > rowsMax) throw unsound()
  const fits = rows.every((row) => isListOf(row, isCell) && row.length === columns.length)
  if (!fits) throw unsound()
  return { columns, rows: rows as DbRows['rows'] }
}

/** What a statement has written, as it may reach the guest. Throws UPSTREAM_PROTOCOL. */
export function readWritten({ changes, lastInsertRowid, returned }: Fields, rowsMax: number): DbWritten {
  if (typeof changes !== 'number' || !Number.isSafeInteger(changes) || changes < 0) throw unsound()
  if (lastInsertRowid !== undefined && !isCell(lastInsertRowid)) throw unsound()
  if (returned !== undefined && !isRecord(returned)) throw unsound()
  return {
    changes,
    ...(lastInsertRowid !== undefined && { lastInsertRowid }),
    ...(returned !== undefined && { returned: readRows(returned, rowsMax) }),
  }
}

/** Tables as they may reach the guest. Throws UPSTREAM_PROTOCOL. */
export function readTables({ tables }: Fields): readonly DbTable[] {
  if (!isListOf(tables, isTable)) throw unsound()
  return tables
}

const isText = (value: unknown): value is string => typeof value === 'string'

const isListOf = <T>(value: unknown, fits: (one: unknown) => one is T): value is T[] =>
  Array.isArray(value) && value.every(fits)

const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCell = (value: unknown): value is Cell => {
  // Each cell of a large result comes by here.
  const kindOf = typeof value
  if (kindOf === 'string' || kindOf === 'number' || kindOf === 'boolean' || value === null) return true
  if (!isRecord(value)) return false
  const [[kind, inner] = [], ...rest] = Object.entries(value)
  return rest.length === 0 && typeof inner === 'string' && ['integer', 'base64', 'real'].includes(kind ?? '')
}

const isColumn = (value: unknown): value is DbTable['columns'][number] =>
  isRecord(value) &&
  Object.keys(value).length === 3 &&
  isText(value['name']) &&
  isText(value['type']) &&
  typeof value['masked'] === 'boolean'

const isTable = (value: unknown): value is DbTable =>
  isRecord(value) &&
  Object.keys(value).length === 2 &&
  isText(value['name']) &&
  isListOf(value['columns'], isColumn)
