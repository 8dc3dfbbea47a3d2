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

/** So large is a part of an answer, but for its last row, in bytes. */
const PART_BYTES = 64 * 1024

export type RowLimits = { readonly rowsMax: number; readonly bytesMax: number; readonly first: boolean }

/**
 * Runs a statement and writes the answer while its rows come: what fills a part goes to `writePart` at once, the last part is
 * returned. Stops at the first row too many. Throws Refused: `rows`, `bytes`, `params`.
 */
export function writeRows(
  statement: StatementSync,
  params: ReturnType<typeof bindable>,
  { rowsMax, bytesMax, first }: RowLimits,
  writePart: (answer: string) => void,
): string {
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const columns = JSON.stringify(statement.columns().map(({ name }) => name))
  const answer = (): string => `{"ok":true,"columns":${columns},"rows":[${rows.join(',')}]}`
  let rows: string[] = []
  let count = 0
  let bytes = Buffer.byteLength(columns)
  let partBytes = 0
  const found = start(statement, params)
  for (const row of found) {
    if (count >= rowsMax) throw new Refused('rows', '')
    const text = JSON.stringify((row as readonly unknown[]).map(cell))
    const size = Buffer.byteLength(text) + 1
    bytes += size
    if (bytes > bytesMax) throw new Refused('bytes', '')
    // A row more follows, so that a part is never the last.
    if (partBytes > PART_BYTES) {
      writePart(answer())
      rows = []
      partBytes = 0
    }
    rows.push(text)
    count += 1
    partBytes += size
    if (first) break
  }
  return answer()
}

function start(statement: StatementSync, params: ReturnType<typeof bindable>): Iterable<unknown> {
  try {
    return statement.iterate(...(params as SQLInputValue[]))
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    const isOurs =
      code === 'ERR_INVALID_STATE' ||
      code === 'ERR_INVALID_ARG_VALUE' ||
      /column index|parameter/u.test(message)
    throw isOurs ? new Refused('params', message) : error
  }
}
