import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { Cell, Parameter, Parameters } from '../ops.ts'
import { Refused } from './refused.ts'

const value = (given: Parameter): SQLInputValue => {
  if (typeof given === 'boolean') return given ? 1 : 0
  if (typeof given === 'number' && Number.isSafeInteger(given)) return BigInt(given)
  return typeof given === 'object' && given !== null ? Buffer.from(given.base64, 'base64') : given
}

/** The arguments with which a statement is run. */
export const bindable = (
  params: Parameters,
): readonly [Record<string, SQLInputValue>] | readonly SQLInputValue[] =>
  Array.isArray(params)
    ? params.map(value)
    : [Object.fromEntries(Object.entries(params).map(([name, given]) => [name, value(given)]))]

const cell = (found: unknown): Cell => {
  if (typeof found === 'bigint') {
    const number = Number(found)
    return Number.isSafeInteger(number) ? number : { integer: found.toString() }
  }
  if (typeof found === 'number' && !Number.isFinite(found)) return { real: String(found) }
  return found instanceof Uint8Array ? { base64: Buffer.from(found).toString('base64') } : (found as Cell)
}

/** So large is a part of an answer, but for its last row, in characters before they are written as JSON. */
const PART_SIZE = 64 * 1024

/** The least that a cell comes to as JSON, with the comma. */
const leastSize = (of: Cell): number => {
  if (typeof of === 'string') return of.length + 3
  return typeof of === 'object' && of !== null && 'base64' in of ? of.base64.length : 2
}

export type RowLimits = {
  readonly rowsMax: number
  readonly bytesMax: number
  readonly first: boolean
  /** Where the answer goes in one part, however large it is. */
  readonly isWhole?: true
}

/**
 * Runs a statement and writes the answer while its rows come: what fills a part goes to `writePart` at once, the last part is
 * returned. Stops at the first row too many, and at the first part. Throws Refused: `rows`, `bytes`, `params`.
 */
export function writeRows(
  statement: StatementSync,
  params: ReturnType<typeof bindable>,
  { rowsMax, bytesMax, first, isWhole }: RowLimits,
  writePart: (answer: string) => void,
): string {
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const columns = JSON.stringify(statement.columns().map(({ name }) => name))
  let rows: Cell[][] = []
  let count = 0
  let bytes = Buffer.byteLength(columns)
  let partSize = 0
  // Written a part at a time: row by row takes four times as long.
  const answer = (): string => {
    const text = JSON.stringify(rows)
    bytes += Buffer.byteLength(text)
    if (bytes > bytesMax) throw new Refused('bytes', '')
    return `{"ok":true,"columns":${columns},"rows":${text}}`
  }
  const found = start(statement, params)
  for (const values of found) {
    if (count >= rowsMax) throw new Refused('rows', '')
    // A row more follows, so that a part is never the last.
    if (partSize > PART_SIZE && isWhole !== true) {
      writePart(answer())
      rows = []
      partSize = 0
    }
    const row: Cell[] = []
    for (const one of values) {
      const read = cell(one)
      row.push(read)
      partSize += leastSize(read)
    }
    // What is too large already is not written out first.
    if (bytes + partSize > bytesMax) throw new Refused('bytes', '')
    rows.push(row)
    count += 1
    if (first) break
  }
  return answer()
}

function start(statement: StatementSync, params: ReturnType<typeof bindable>): Iterable<readonly unknown[]> {
  try {
    // With setReturnArrays, each row is a list, which the types do not say.
    return statement.iterate(...(params as SQLInputValue[])) as Iterable<unknown> as Iterable<
      readonly unknown[]
    >
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    const isOurs =
      code === 'ERR_INVALID_STATE' ||
      code === 'ERR_INVALID_ARG_VALUE' ||
      /column index|parameter/u.test(message)
    throw isOurs ? new Refused('params', message) : error
  }
}
