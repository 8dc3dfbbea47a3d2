import { randomBytes } from 'node:crypto'
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { quoted } from './quoted.ts'
import { Refused } from './refused.ts'
import type { WritableTable } from './writable-table.ts'

/** One row that a statement would write: its key as it was, and its shown columns as they would be. */
type Recorded = { readonly verb: string; readonly values: readonly SQLInputValue[] }

/** As many rows does one statement write through a filter, and so much is in them; they wait in memory. */
const ROWS_MAX = 100_000
const BYTES_MAX = 64 * 1024 * 1024

const sizeOf = (value: SQLInputValue): number =>
  typeof value === 'string' ? 2 * value.length : ArrayBuffer.isView(value) ? value.byteLength : 16

/**
 * Writes to tables with a row filter. The guest's statement runs on the view, so that no condition of it meets a row that the filter
 * hides; a trigger writes down each row that it would write. Then the host does that on the base table, row by row, and looks
 * whether the filter shows what was written.
 */
export class FilteredWrites {
  /** The function that the triggers call. */
  readonly recorder = `tg_${randomBytes(16).toString('hex')}`
  readonly #database: DatabaseSync
  readonly #schema: string
  #rows: Recorded[] = []
  #bytes = 0

  constructor(database: DatabaseSync, schema: string) {
    this.#database = database
    this.#schema = schema
    database.function(this.recorder, { varargs: true, useBigIntArguments: true }, (verb, ...values) => {
      for (const value of values) this.#bytes += sizeOf(value)
      if (this.#rows.length >= ROWS_MAX || this.#bytes > BYTES_MAX) throw new Refused('memory', '')
      this.#rows.push({ verb: verb as string, values })
      return null
    })
  }

  /** Makes the triggers of one table. */
  prepare({ name, key, shown }: WritableTable): void {
    const trigger = (verb: string, values: readonly string[]): void => {
      const call = [`'${verb}'`, ...values].join(', ')
      this.#database.exec(
        `CREATE TEMP TRIGGER ${quoted(`${this.recorder}_${verb}_${name}`)} INSTEAD OF ${verb} ON temp.${quoted(name)} ` +
          `BEGIN SELECT ${this.recorder}(${call}); END`,
      )
    }
    const before = key.map((column) => `OLD.${quoted(column)}`)
    const after = shown.map((column) => `NEW.${quoted(column)}`)
    trigger('INSERT', after)
    if (key.length === 0) return
    trigger('UPDATE', [...before, ...after])
    trigger('DELETE', before)
  }

  /** Forgets what was written down. */
  clear(): void {
    this.#rows = []
    this.#bytes = 0
  }

  /** Does what was written down. Returns how many rows that were. Throws Refused `write` for a row that the filter would hide. */
  apply(table: WritableTable, set: ReadonlySet<string>): number {
    const rows = this.#rows
    this.clear()
    for (const { verb, values } of rows) {
      const before = values.slice(0, verb === 'INSERT' ? 0 : table.key.length)
      const after = values.slice(before.length)
      if (verb === 'INSERT') this.#insert(table, after)
      else if (verb === 'UPDATE') this.#update(table, set, before, after)
      else this.#run(`DELETE FROM ${this.#base(table)} WHERE ${matching(table)}`, before)
    }
    return rows.length
  }

  #base = ({ name }: WritableTable): string => `${quoted(this.#schema)}.${quoted(name)}`

  /** What is not given, or NULL, is left to the default of its column. */
  #insert(table: WritableTable, after: readonly SQLInputValue[]): void {
    const given = table.shown.flatMap((column, at) => (after[at] === null ? [] : [{ column, at }]))
    const columns = given.map(({ column }) => quoted(column)).join(', ')
    const values = given.map(() => '?').join(', ')
    this.#run(
      `INSERT INTO ${this.#base(table)} ${columns === '' ? 'DEFAULT VALUES' : `(${columns}) VALUES (${values})`}`,
      given.map(({ at }) => after[at] ?? null),
    )
    const key = keyOf(table, after)
    if (key === undefined) this.#check(table, 'rowid = last_insert_rowid()', [])
    else this.#check(table, whereKey(table), key)
  }

  #update(
    table: WritableTable,
    set: ReadonlySet<string>,
    before: readonly SQLInputValue[],
    after: readonly SQLInputValue[],
  ): void {
    const changed = table.shown.flatMap((column, at) =>
      set.has(column.toLowerCase()) ? [{ column, at }] : [],
    )
    const list = changed.map(({ column }) => `${quoted(column)} = ?`).join(', ')
    this.#run(`UPDATE ${this.#base(table)} SET ${list} WHERE ${matching(table)}`, [
      ...changed.map(({ at }) => after[at] ?? null),
      ...before,
    ])
    const isMoved = table.key.some((column) => set.has(column.toLowerCase()))
    this.#check(table, whereKey(table), isMoved ? (keyOf(table, after) ?? before) : before)
  }

  /** One row, and nothing that it sets off elsewhere: through a filter nobody sees whose rows those are. */
  #run(sql: string, params: readonly SQLInputValue[]): void {
    const total = (): number => Number(this.#database.prepare('SELECT total_changes() AS n').get()?.['n'])
    const before = total()
    this.#database.prepare(sql).run(...params)
    if (total() - before !== 1)
      throw new Refused('write', 'a row is not there as it was seen, or its change sets off others')
  }

  #check(table: WritableTable, where: string, params: readonly SQLInputValue[]): void {
    const sql = `SELECT min((${table.filter ?? '1'}\n) IS TRUE) AS ok FROM ${this.#base(table)} WHERE ${where}`
    const row = this.#database.prepare(sql).get(...params)
    if (row?.['ok'] !== 1) throw new Refused('write', 'the filter of the table would hide the row')
  }
}

const whereKey = ({ key }: WritableTable): string =>
  key.map((column) => `${quoted(column)} = ?`).join(' AND ')

const matching = (table: WritableTable): string => `${whereKey(table)} AND (${table.filter ?? '1'}\n)`

/** The key of a row as it was given; undefined where the engine has made it, or part of it. */
function keyOf(
  { key, shown }: WritableTable,
  after: readonly SQLInputValue[],
): readonly SQLInputValue[] | undefined {
  const values = key.map((column) => after[shown.indexOf(column)] ?? null)
  return values.length === 0 || values.includes(null) ? undefined : values
}
