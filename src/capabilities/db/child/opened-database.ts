import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import type { DbTable } from '../ops.ts'
import type { EndQuestion, ExecuteQuestion, OpenQuestion, QueryQuestion, StatementBounds } from '../wire.ts'
import { Gatekeeper } from './authorizer.ts'
import { compileStatement } from './compile-statement.ts'
import { assertInPlace, fileUrl } from './file-place.ts'
import { growViews, isWritable, schemaVersion, type GrownViews } from './grown-views.ts'
import { quoted } from './quoted.ts'
import { detailOf, Refused, refusalOf } from './refused.ts'
import { bindable, writeRows } from './rows.ts'
import { openShadow, type Shadow } from './shadow.ts'
import { Writes } from './writes.ts'

const MEGABYTE = 1024 * 1024
/** How long a read waits for a writer. */
const BUSY_MS_MAX = 1_000

/**
 * One database as a run may see it: its file is attached, read-only unless it may be written, under a name that nobody can guess, and views over what is
 * granted stand where the guest looks. A statement is compiled in the shadow first, an empty copy of what is granted.
 */
export class OpenedDatabase {
  readonly tables: readonly DbTable[]
  readonly #question: OpenQuestion
  readonly #real: DatabaseSync
  readonly #shadow: Shadow
  readonly #gatekeeper: Gatekeeper
  readonly #schema: string
  /** Absent where nothing may be written. */
  readonly #writes: Writes | undefined
  #version: number

  constructor(question: OpenQuestion) {
    this.#question = question
    this.#schema = `tg_${randomBytes(16).toString('hex')}`
    this.#real = attach(question, this.#schema)
    const grown = growViews(this.#real, question, this.#schema)
    this.tables = grown.tables
    this.#version = schemaVersion(this.#real, this.#schema)
    const functions = new Set(question.functions.map((name) => name.toLowerCase()))
    const tables = new Set(grown.tables.map(({ name }) => name.toLowerCase()))
    const { views, modules } = grown
    this.#gatekeeper = new Gatekeeper({ schema: 'temp', tables, functions, views, modules })
    const limits = limitsOf(question)
    this.#shadow = openShadow(grown.tables, functions, modules, limits)
    this.#writes = isWritable(question)
      ? this.#openWrites(grown, openShadow(grown.tables, functions, modules, limits, grown.writable))
      : undefined
  }

  #openWrites(grown: GrownViews, shadow: Shadow): Writes {
    const { rowsMax, bytesMax } = this.#question
    return new Writes({
      real: this.#real,
      gatekeeper: this.#gatekeeper,
      shadow,
      schema: this.#schema,
      grown,
      rowsMax,
      bytesMax,
      checkVersion: () => this.#checkVersion(),
      checkPlace: () => assertInPlace(this.#real, this.#schema, this.#question.file),
      takeVersion: () => void (this.#version = schemaVersion(this.#real, this.#schema)),
    })
  }

  /** Runs one statement; the answer as JSON, all but its last part through `writePart`. Throws {@link Refused} and errors of the engine. */
  query(question: QueryQuestion, writePart: (answer: string) => void): string {
    const { sql, params, first } = question
    const { bytesMax } = this.#question
    const rowsMax = Math.min(question.rowsMax, this.#question.rowsMax)
    this.#hide(question)
    compileStatement(this.#shadow.database, this.#shadow.gatekeeper, sql)
    return this.#reading(() => {
      this.#checkVersion()
      this.#real.setAuthorizer(this.#gatekeeper.authorize)
      const statement = prepare(this.#real, sql)
      return writeRows(statement, bindable(params), { rowsMax, bytesMax, first }, writePart)
    })
  }

  /** Runs one statement that writes, or ends their transaction; the answer as JSON. Throws as `query` does. */
  write(question: ExecuteQuestion | EndQuestion): string {
    if (this.#writes === undefined) throw new Refused('statement', 'it does more than read')
    if (question.ask !== 'execute') return this.#writes.end(question)
    this.#hide(question)
    return this.#writes.execute(question)
  }

  #hide({ hidden }: StatementBounds): void {
    this.#gatekeeper.hide(hidden)
    this.#shadow.gatekeeper.hide(hidden)
  }

  /** In a snapshot of its own, or in the transaction of the run, which sees what it wrote. */
  #reading(work: () => string): string {
    const isOpen = this.#writes?.isOpen === true
    this.#real.setAuthorizer(null)
    this.#real.exec('PRAGMA query_only = ON')
    if (!isOpen) this.#real.exec('BEGIN')
    try {
      return work()
    } finally {
      this.#real.setAuthorizer(null)
      if (!isOpen) this.#real.exec('ROLLBACK')
      this.#real.exec('PRAGMA query_only = OFF')
    }
  }

  /** The first read takes the snapshot in which all of the statement runs. */
  #checkVersion(): void {
    if (schemaVersion(this.#real, this.#schema) !== this.#version)
      throw new Refused('changed', 'its tables have changed')
  }

  close(): void {
    this.#real.close()
    this.#shadow.database.close()
  }
}

/** What the shadow let through and the real database does not is told without a reason: the reason could tell of hidden things. */
function prepare(real: DatabaseSync, sql: string): ReturnType<DatabaseSync['prepare']> {
  try {
    return real.prepare(sql)
  } catch (error) {
    throw new Refused(refusalOf(error) ?? 'name', 'the statement cannot be run on this grant')
  }
}

const limitsOf = (question: OpenQuestion) => ({
  length: Math.max(question.bytesMax, MEGABYTE),
  sqlLength: MEGABYTE,
  column: 2000,
  exprDepth: 200,
  compoundSelect: 50,
  vdbeOp: 25_000_000,
  functionArg: 100,
  attach: 1,
  likePatternLength: 1000,
  variableNumber: 1000,
  triggerDepth: isWritable(question) ? 10 : 1,
})

function attach(question: OpenQuestion, schema: string): DatabaseSync {
  const mode = isWritable(question) ? 'rw' : 'ro'
  const database = new DatabaseSync(':memory:', {
    readOnly: mode === 'ro',
    defensive: true,
    allowExtension: false,
    enableDoubleQuotedStringLiterals: false,
    timeout: BUSY_MS_MAX,
    limits: limitsOf(question),
  })
  // Older Nodes take the options that they do not know for nothing.
  if (!('setAuthorizer' in database && 'limits' in database))
    throw new Refused('unfit', 'the SQLite of this Node cannot be confined; use a newer Node')
  database.exec('PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0')
  try {
    const file = fileUrl(question.file, mode)
    database.exec(`ATTACH '${file.replaceAll("'", "''")}' AS ${quoted(schema)}`)
    database.exec(`SELECT 1 FROM ${quoted(schema)}.sqlite_schema LIMIT 1`)
    return database
  } catch (error) {
    database.close()
    throw new Refused(refusalOf(error) ?? 'unavailable', detailOf(error) ?? 'it cannot be opened')
  }
}
