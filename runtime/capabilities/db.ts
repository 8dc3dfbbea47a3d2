import type { Door } from '../kernel/door.ts'
import { bytesOf, decodeBase64, encodeBase64 } from '../kernel/encoding.ts'
import {
  ArrayIsArray,
  define,
  isObject,
  NumberOf,
  ObjectCreate,
  ObjectKeys,
  ObjectPrototype,
} from '../kernel/primordials.ts'
import type { StubTree } from '../kernel/stub.ts'
import { streamed } from './streamed.ts'

/** The ops of the host that this is sugar for, in any database; their arguments are fixed by the host's db capability. */
export const DB_QUERY = 'db.*.query'
export const DB_EXECUTE = 'db.*.execute'

type Row = Readonly<Record<string, unknown>>
type Cell = { readonly integer?: string; readonly base64?: string; readonly real?: string }

/** Whole numbers beyond 2^53 stay the digits that they came as. */
const readCell = (cell: unknown): unknown => {
  if (!isObject(cell)) return cell
  const { integer, base64, real } = { __proto__: null, ...cell } as Cell
  if (base64 !== undefined) return decodeBase64(base64)
  return real === undefined ? integer : NumberOf(real)
}

const ROW_NAMES_TAKEN = ObjectPrototype as object

/**
 * Rows as plain objects, which the engine lays out alike: ten thousand of them take a third of the time of objects without a
 * prototype. A column whose name the prototype has is defined, for an assignment would meet what is there.
 */
const readRows = (result: unknown): Row[] => {
  const { columns, rows } = result as { columns: readonly string[]; rows: unknown[] }
  const taken: boolean[] = []
  for (let k = 0; k < columns.length; k += 1)
    define(taken, k, (columns[k] as string) in ROW_NAMES_TAKEN, true)
  for (let i = 0; i < rows.length; i += 1) {
    const row: Record<string, unknown> = {}
    const cells = rows[i] as readonly unknown[]
    for (let k = 0; k < columns.length; k += 1) {
      const name = columns[k] as string
      const cell = cells[k]
      const value = typeof cell === 'object' && cell !== null ? readCell(cell) : cell
      if (taken[k] === true) define(row, name, value, true)
      else row[name] = value
    }
    // In its own place: nothing is looked up, and nothing else is made.
    rows[i] = row
  }
  return rows as Row[]
}

const writeParameter = (given: unknown): unknown => {
  const bytes = bytesOf(given)
  return bytes === undefined ? given : { __proto__: null, base64: encodeBase64(bytes) }
}

/** Parameters as they cross: bytes as base64, everything else as it is. What does not fit is for the host to refuse. */
const writeParameters = (given: unknown): unknown => {
  if (!isObject(given)) return given
  if (ArrayIsArray(given)) {
    const list: unknown[] = []
    for (let i = 0; i < given.length; i += 1) define(list, i, writeParameter(given[i]), true)
    return list
  }
  const named = ObjectCreate(null) as Record<string, unknown>
  const names = ObjectKeys(given)
  for (let i = 0; i < names.length; i += 1) {
    const name = names[i] as string
    define(named, name, writeParameter((given as Record<string, unknown>)[name]), true)
  }
  return named
}

/** `query` and `get` of one database. The rows of a query may be awaited, all at once, or gone over with `for await`, as they come. */
export const sweetenDb = (door: Door, op: string): StubTree => {
  const ask = (sql: unknown, params: unknown, first: boolean) => ({
    args: { __proto__: null, sql, params: writeParameters(params), first },
    options: undefined,
  })
  const query = (sql: unknown, params?: unknown): Promise<unknown> =>
    streamed({ door, op, ask: () => ask(sql, params, false), read: readRows })
  const get = (sql: unknown, params?: unknown): Promise<unknown> =>
    door.call(
      op,
      () => ask(sql, params, true),
      (result) => readRows(result)[0] ?? null,
    )
  return { __proto__: null, query, get } as unknown as StubTree
}

type Written = { readonly changes: number; readonly lastInsertRowid?: unknown; readonly returned?: unknown }

/** `execute` of one database: how many rows were changed, and what RETURNING gave. */
export const sweetenDbExecute = (door: Door, op: string): StubTree => {
  const execute = (sql: unknown, params?: unknown, options?: unknown): Promise<unknown> =>
    door.call(
      op,
      () => ({ args: { __proto__: null, sql, params: writeParameters(params) }, options }),
      (result) => {
        const { changes, lastInsertRowid, returned } = { __proto__: null, ...(result as Written) } as Written
        const written: Record<string, unknown> = { changes }
        if (lastInsertRowid !== undefined) written['lastInsertRowid'] = readCell(lastInsertRowid)
        if (returned !== undefined) written['rows'] = readRows(returned)
        return written
      },
    )
  return { __proto__: null, execute } as unknown as StubTree
}
