import { TollgateError } from '../../../errors/tollgate-error.ts'
import type { DriverSetting, Outcome } from '../../capability.ts'
import type { DatabaseGrant } from '../database-grant.ts'
import type { Cell, CommitArguments, DbRequest, DbWritten } from '../ops.ts'
import { lostError, refusalError } from '../refusal-error.ts'
import { digestAfter, StagedStatements } from '../staged-statements.ts'
import { bound } from './cells.ts'
import { OPEN_MS_MAX } from './connecting.ts'
import type { PostgresConnection } from './connection.ts'
import { isRepeated, isTimeout, refusedFor, tooLate } from './failure.ts'
import type { Numbered } from './gate/parameters.ts'
import { Refused } from './refused.ts'
import { InDoubt, mark, WriteTransaction, type Marker } from './write-transaction.ts'

/** So long may a rollback take; then the connection goes, and the server rolls back when it sees that. */
const ROLLBACK_MS_MAX = 2_000

/** One statement on its way: as it is sent, on what, and how far it may go. */
export type SentWrite = {
  readonly connection: PostgresConnection
  readonly sent: Numbered
  readonly begin: () => Promise<unknown>
  readonly held: DatabaseGrant
  readonly signal: AbortSignal
}

/** What a run writes to one database of a server. */
export class ServerWrites {
  readonly #database: DatabaseGrant
  readonly #runId: string
  readonly #reconnect: () => Promise<PostgresConnection>
  readonly #staged: StagedStatements
  readonly #transaction = new WriteTransaction()
  #parts = 0
  #lock: NodeJS.Timeout | undefined

  /** `reconnect` opens another connection, to ask what became of a commit. */
  constructor(
    database: DatabaseGrant,
    { runId }: Pick<DriverSetting, 'runId'>,
    reconnect: () => Promise<PostgresConnection>,
  ) {
    this.#database = database
    this.#runId = runId
    this.#reconnect = reconnect
    this.#staged = new StagedStatements(database.name)
  }

  /** Whether the transaction of the run is open: then queries are to see what it wrote. Throws UPSTREAM_DB_ROLLED_BACK. */
  get isOpen(): boolean {
    try {
      return this.#transaction.isOpen
    } catch (error) {
      throw refusalError(refusedFor(error), this.#database)
    }
  }

  /** Names what would be committed. Throws UPSTREAM_DB_ROLLED_BACK. */
  get commitArguments(): CommitArguments | undefined {
    return this.isOpen ? this.#staged.commit : undefined
  }

  /** Runs a query within the transaction of the run. */
  read<T>(connection: PostgresConnection, work: () => Promise<T>): Promise<T> {
    return this.#transaction.read(connection, work)
  }

  /** Runs a statement that writes; in a transaction of its own where the policy says so. */
  async execute({ sql, params }: DbRequest & { kind: 'execute' }, write: SentWrite): Promise<Outcome> {
    const { connection, begin, held } = write
    const isOfRun = held.transaction === 'run'
    const transaction = isOfRun ? this.#transaction : new WriteTransaction()
    const before = connection.received
    const value = await this.#told(write, async () => {
      const written = await transaction.write(connection, begin, () => run(write))
      if (isOfRun) this.#stage({ sql, params })
      else await this.#commit(transaction, digestAfter('', { sql, params }))
      return written
    })
    const outcome = { value, ingressBytes: connection.received - before, egressBytes: 0 }
    return { ...outcome, facts: { changes: value.changes } }
  }

  /** Commits what the run wrote. */
  async commit(
    { statements, digest }: CommitArguments,
    write: Omit<SentWrite, 'sent' | 'begin'>,
  ): Promise<Outcome> {
    const staged = this.commitArguments
    if (staged?.digest !== digest || staged.statements !== statements)
      throw lostError(this.#database, 'they are not what would be committed')
    clearTimeout(this.#lock)
    await this.#told(write, () => this.#commit(this.#transaction, digest))
    this.#staged.clear()
    return { value: { statements }, ingressBytes: 0, egressBytes: 0 }
  }

  /** Rolls back what was not committed. */
  async close(): Promise<void> {
    clearTimeout(this.#lock)
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ROLLBACK_MS_MAX)
    await Promise.race([this.#transaction.rollBack(), promise])
    clearTimeout(timer)
  }

  #stage(statement: Parameters<StagedStatements['add']>[0]): void {
    this.#staged.add(statement)
    this.#lock ??= setTimeout(() => {
      this.#transaction.lose(`its transaction was open for ${OPEN_MS_MAX / 1000} s`)
      void this.#transaction.rollBack()
    }, OPEN_MS_MAX).unref()
  }

  async #commit(transaction: WriteTransaction, digest: string): Promise<void> {
    this.#parts += 1
    const marker = { runId: this.#runId, entry: this.#database.name, part: this.#parts, digest }
    try {
      await transaction.commit(marker)
    } catch (error) {
      if (!(error instanceof InDoubt)) throw error
      if (!(await this.#isCommitted(marker, error))) throw new Error('it was not committed', { cause: error })
    }
  }

  /** Tries to leave the same mark again: it waits for the transaction that nobody knows of, and is refused where that was committed. */
  async #isCommitted(marker: Marker, doubt: InDoubt): Promise<boolean> {
    const connection = await this.#reconnect().catch(() => undefined)
    if (connection === undefined) throw doubt
    try {
      await connection.all('BEGIN READ WRITE')
      await connection.all("SET LOCAL lock_timeout = '5s'")
      await mark(connection, marker)
      return false
    } catch (error) {
      if (isRepeated(error)) return true
      throw doubt
    } finally {
      connection.destroy()
    }
  }

  /** At its deadline, or when the signal fires, the connection is torn down. What fails has not happened, but for a commit in doubt. */
  async #told<T>(
    { connection, held, signal }: Omit<SentWrite, 'sent' | 'begin'>,
    work: () => Promise<T>,
  ): Promise<T> {
    let isLate = false
    const late = (): void => {
      isLate = true
      connection.destroy()
    }
    const timer = setTimeout(late, held.timeoutMs)
    signal.addEventListener('abort', late, { once: true })
    if (signal.aborted) late()
    try {
      return await work()
    } catch (error) {
      if (error instanceof InDoubt) throw doubtful(held, error)
      const told = isLate || isTimeout(error) ? tooLate() : refusalError(refusedFor(error), held)
      throw told.with({ notPerformed: true })
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', late)
    }
  }
}

const doubtful = ({ name }: DatabaseGrant, cause: Error): TollgateError =>
  new TollgateError(
    'UPSTREAM_DB_UNAVAILABLE',
    `Whether the writes to ${name} were committed is not known: its server is gone.`,
    {
      hint: 'Look for the run in the table of commits before it is run again.',
      cause,
    },
  )

/** All that a statement gives back. */
async function run({ connection, sent, held: { rowsMax, bytesMax } }: SentWrite): Promise<DbWritten> {
  const rows: (readonly Cell[])[] = []
  let columns: readonly string[] = []
  let changes = 0
  let bytes = 0
  const wanted = (): number => rowsMax - rows.length + 1
  for await (const batch of connection.batches(sent.text, sent.values.map(bound), wanted)) {
    columns = batch.columns
    changes = batch.changes ?? changes
    bytes += Buffer.byteLength(JSON.stringify(batch.rows))
    if (bytes > bytesMax) throw new Refused('bytes', '')
    rows.push(...batch.rows)
    if (rows.length > rowsMax) throw new Refused('rows', '')
  }
  return { changes, ...(columns.length > 0 && { returned: { columns, rows } }) }
}
