import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { ExecuteQuestion, EndQuestion, Marker } from '../wire.ts'
import type { Gatekeeper } from './authorizer.ts'
import { compileWrite, type CompiledWrite } from './compile-statement.ts'
import { FilteredWrites } from './filtered-writes.ts'
import type { GrownViews } from './grown-views.ts'
import { quoted } from './quoted.ts'
import { Refused, refusalOf } from './refused.ts'
import { bindable, writeRows } from './rows.ts'
import type { Shadow } from './shadow.ts'
import type { WritableTable } from './writable-table.ts'
import { ruleOfBase, ruleOfView, type BaseTerms } from './write-rules.ts'

const MARKERS = '_tollgate_commits'
const WHOLE = { first: false, isWhole: true } as const
const notInParts = (): void => undefined

/** What statements that write are run with. */
export type WritesSetting = {
  readonly real: DatabaseSync
  readonly gatekeeper: Gatekeeper
  readonly shadow: Shadow
  readonly schema: string
  readonly grown: GrownViews
  readonly rowsMax: number
  readonly bytesMax: number
  /** Throws where the tables are not those that the views were made for. */
  readonly checkVersion: () => void
  /** Throws Refused `lost` where the file is not at its path any more. */
  readonly checkPlace: () => void
  /** The tables are as they are now. */
  readonly takeVersion: () => void
}

/** The statements that write, and the transaction that they stand in. */
export class Writes {
  readonly #setting: WritesSetting
  readonly #filtered: FilteredWrites
  readonly #guard = `tg_${randomBytes(16).toString('hex')}`
  readonly #own: ReadonlySet<string>
  /** Whether tables or triggers of the file may take the place of rows. */
  readonly #mayReplace: boolean
  /** Statements of the transaction that is open. */
  #done = 0
  #isLost = false
  #mayDelete = false
  #hasDeleted = false

  constructor(setting: WritesSetting) {
    this.#setting = setting
    const { real, schema, grown } = setting
    this.#filtered = new FilteredWrites(real, schema)
    this.#own = new Set([this.#guard, grown.principal])
    this.#mayReplace = mentionsReplace(real, schema)
    const tables = [...grown.writable.values()].filter(({ verbs }) => verbs.size > 0)
    const mayGo = (name: unknown): boolean => tables[Number(name)]?.verbs.has('delete') === true
    real.function(this.#guard, (name) => {
      if (this.#mayDelete && mayGo(name)) return null
      this.#hasDeleted = true
      throw new Error('a row would go')
    })
    for (const [at, table] of tables.entries()) {
      real.exec(
        `CREATE TEMP TRIGGER ${this.#guard}_${at} BEFORE DELETE ON ${quoted(schema)}.${quoted(table.name)} ` +
          `BEGIN SELECT ${this.#guard}(${at}); END`,
      )
      if (table.filter !== undefined) this.#filtered.prepare(table)
    }
  }

  /** Whether a transaction of the run is open: then queries see what it wrote. Throws Refused `lost` when the engine has ended it. */
  get isOpen(): boolean {
    this.#checkKept()
    return this.#done > 0
  }

  /** Runs one statement; the answer as JSON. A statement that fails leaves no trace. */
  execute(question: ExecuteQuestion): string {
    const { real, shadow, grown, checkVersion } = this.#setting
    this.#checkKept()
    shadow.gatekeeper.hide(question.hidden)
    const write = compileWrite(shadow.database, shadow.gatekeeper, grown.writable, question)
    if (this.#done === 0) real.exec('BEGIN IMMEDIATE')
    try {
      checkVersion()
      real.exec('SAVEPOINT statement')
      const answer = this.#run(write, question)
      this.#checkOpen()
      real.exec('RELEASE statement')
      this.#done += 1
      if (question.marker !== null) this.#commit(question.marker)
      return answer
    } catch (error) {
      this.#undo()
      throw error
    }
  }

  /** Ends the transaction of the run. */
  end(question: EndQuestion): string {
    this.#checkKept()
    if (question.ask === 'rollback') this.#rollBack()
    else if (question.ask === 'mend') this.#mend()
    else if (this.#done === 0) throw new Refused('lost', 'there is nothing to commit')
    else this.#commit(question)
    return '{"ok":true}'
  }

  #run(write: CompiledWrite, { sql, params, verb, mayDelete, ...bounds }: ExecuteQuestion): string {
    const { real, bytesMax } = this.#setting
    const rowsMax = Math.min(bounds.rowsMax, this.#setting.rowsMax)
    const { table, set } = write
    // What takes the place of rows could take that of hidden ones.
    this.#mayDelete = mayDelete && (table.filter === undefined || verb === 'delete')
    this.#hasDeleted = false
    // REPLACE asks for no delete; it is only told by the trigger of one, and by that only when triggers set off others.
    const isTold = this.#mayReplace || /replace/i.test(sql)
    real.exec(`PRAGMA recursive_triggers = ${isTold ? 'ON' : 'OFF'}`)
    try {
      if (table.filter !== undefined) return this.#runThroughFilter(table, set, { sql, params, mayDelete })
      return this.#withBase(table, () =>
        this.#guarded({ mayDelete, own: this.#own }, () => {
          const statement = this.#compiled(() => real.prepare(sql))
          const isReturning = statement.columns().length > 0
          const rows = writeRows(statement, bindable(params), { rowsMax, bytesMax, ...WHOLE }, notInParts)
          return this.#answer(write, isReturning ? rows : undefined)
        }),
      )
    } catch (error) {
      throw this.#hasDeleted ? new Refused('write', 'it would delete rows') : error
    } finally {
      this.#mayDelete = false
    }
  }

  #runThroughFilter(
    table: WritableTable,
    set: ReadonlySet<string>,
    { sql, params, mayDelete }: Pick<ExecuteQuestion, 'sql' | 'params' | 'mayDelete'>,
  ): string {
    const { real, gatekeeper } = this.#setting
    this.#filtered.clear()
    gatekeeper.writes = ruleOfView(table, mayDelete, this.#filtered.recorder)
    real.setAuthorizer(gatekeeper.authorize)
    try {
      const statement = this.#compiled(() => real.prepare(sql))
      if (statement.columns().length > 0)
        throw new Refused('write', 'RETURNING is not to be had from a table with a filter')
      writeRows(statement, bindable(params), { rowsMax: 0, bytesMax: 1024, ...WHOLE }, notInParts)
    } finally {
      this.#release()
    }
    const terms: BaseTerms = { mayDelete, own: this.#own, filtered: table }
    const changes = this.#guarded(terms, () => this.#filtered.apply(table, set))
    return `{"ok":true,"changes":${changes}}`
  }

  /** Runs host and guest on base tables under the authorizer. */
  #guarded<T>(terms: BaseTerms, work: () => T): T {
    const { real, gatekeeper, grown, schema } = this.#setting
    gatekeeper.writes = ruleOfBase(grown.writable, schema, terms)
    real.setAuthorizer(gatekeeper.authorize)
    try {
      return work()
    } finally {
      this.#release()
    }
  }

  /** Nothing about the real database is told but that it refuses: the reason could tell of hidden things. */
  #compiled<T>(prepare: () => T): T {
    try {
      return prepare()
    } catch (error) {
      throw new Refused(refusalOf(error) ?? 'name', LEADS_FURTHER)
    }
  }

  #release(): void {
    const { real, gatekeeper } = this.#setting
    gatekeeper.writes = undefined
    gatekeeper.takeDenied()
    real.setAuthorizer(null)
  }

  /** The name of a table leads to itself, and not to the view that the guest reads, while it is written. */
  #withBase<T>(table: WritableTable, work: () => T): T {
    const { real } = this.#setting
    real.exec(`DROP VIEW temp.${quoted(table.name)}`)
    try {
      return work()
    } finally {
      real.exec(table.view)
    }
  }

  #answer({ table, verbs }: CompiledWrite, returned: string | undefined): string {
    const { real } = this.#setting
    this.#release()
    const statement = real.prepare('SELECT changes() AS changes, last_insert_rowid() AS id')
    statement.setReadBigInts(true)
    const { changes = 0n, id = 0n } = statement.get() as { changes?: bigint; id?: bigint }
    // An upsert may have inserted nothing.
    const isNew = table.rowid !== undefined && changes > 0n && verbs.size === 1 && verbs.has('insert')
    const number = Number.isSafeInteger(Number(id)) ? String(id) : `{"integer":"${id}"}`
    const rowid = isNew ? `,"lastInsertRowid":${number}` : ''
    return `{"ok":true,"changes":${changes}${rowid}${returned === undefined ? '' : `,"returned":${returned}`}}`
  }

  /** The marker stands in the transaction, so it is there exactly when the writes are. */
  #commit({ runId, digest }: Marker): void {
    const { real, schema, checkPlace, takeVersion } = this.#setting
    const table = `${quoted(schema)}.${MARKERS}`
    try {
      real.exec(
        `CREATE TABLE IF NOT EXISTS ${table} (run_id TEXT NOT NULL, digest TEXT NOT NULL, at TEXT NOT NULL)`,
      )
      real.prepare(`INSERT INTO ${table} VALUES (?, ?, ?)`).run(runId, digest, new Date().toISOString())
      takeVersion()
      checkPlace()
      real.exec('COMMIT')
      this.#done = 0
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  /** After a statement that failed: the transaction is as it was before it, or is lost. */
  #undo(): void {
    const { real } = this.#setting
    if (this.#done === 0) return this.#rollBack()
    this.#checkOpen()
    real.exec('ROLLBACK TO statement')
    real.exec('RELEASE statement')
  }

  /**
   * Waits until a process that is being killed has let go of the file. The next transaction then finds its journal, and rolls back; a
   * write that is taken back removes what was not yet enough of a journal for that.
   */
  #mend(): void {
    const { real, schema } = this.#setting
    real.exec(
      `BEGIN IMMEDIATE; ROLLBACK; BEGIN IMMEDIATE; PRAGMA ${quoted(schema)}.user_version = 0; ROLLBACK`,
    )
  }

  #rollBack(): void {
    const { real } = this.#setting
    this.#done = 0
    if (real.isTransaction) real.exec('ROLLBACK')
  }

  #checkOpen(): void {
    if (!this.#setting.real.isTransaction) this.#isLost = true
    this.#checkKept()
  }

  /** A trigger, a full disk or a lack of memory may have ended the transaction behind everybody's back. */
  #checkKept(): void {
    if (this.#done > 0 && !this.#setting.real.isTransaction) this.#isLost = true
    if (this.#isLost)
      throw new Refused('lost', 'the engine rolled it back, for a trigger, a full disk or a lack of memory')
  }
}

/** Why a write that the shadow let pass is refused: the same words for each, for the reason could tell of hidden things. */
const LEADS_FURTHER =
  'its table may lead beyond the grant, by a trigger, or by a foreign key to a table that is hidden or has a filter'

/** Without the word nothing is replaced: a keyword cannot be written in another way. */
const mentionsReplace = (database: DatabaseSync, schema: string): boolean =>
  database
    .prepare(`SELECT 1 FROM ${quoted(schema)}.sqlite_schema WHERE sql LIKE '%replace%' LIMIT 1`)
    .get() !== undefined
