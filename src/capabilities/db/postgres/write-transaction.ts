import type { PostgresConnection } from './connection.ts'
import { isOvertaken, isRefusal } from './failure.ts'
import { Refused } from './refused.ts'
import { MARKERS } from './schema-name.ts'

/** A row of the table of commits, in the transaction that it tells of. */
export type Marker = {
  readonly runId: string
  /** The entry of the policy. */
  readonly entry: string
  /** Which commit of the run on it: 1, 2, … */
  readonly part: number
  readonly digest: string
}

/** Nobody knows whether the server has committed. */
export class InDoubt extends Error {}

/** Writes a marker; fails as a repetition where one of the same run and part is there, and waits for a transaction that is writing it. */
export const mark = async (
  connection: PostgresConnection,
  { runId, entry, part, digest }: Marker,
): Promise<void> => {
  await connection.all(`INSERT INTO ${MARKERS} (run_id, entry, part, digest) VALUES ($1, $2, $3, $4)`, [
    runId,
    entry,
    String(part),
    digest,
  ])
}

/** The transaction of what a run writes: begun by its first write, each statement behind a savepoint. */
export class WriteTransaction {
  #connection: PostgresConnection | undefined
  #done = 0
  #lost: string | undefined

  /** Whether there are writes that are not committed. Throws Refused `lost`. */
  get isOpen(): boolean {
    if (this.#done > 0 && this.#connection?.isOver === true) this.lose('the connection that held them ended')
    if (this.#lost !== undefined) throw new Refused('lost', this.#lost)
    return this.#done > 0
  }

  /** From here on, nothing of the run goes on. */
  lose(why: string): void {
    this.#lost ??= why
  }

  /** Runs one statement; one that fails leaves no trace, and the first one no lock. */
  async write<T>(
    connection: PostgresConnection,
    begin: () => Promise<unknown>,
    work: () => Promise<T>,
  ): Promise<T> {
    this.#connection = connection
    try {
      if (!this.isOpen) await begin()
      await connection.all('SAVEPOINT statement')
      const result = await work()
      await connection.all('RELEASE SAVEPOINT statement')
      this.#done += 1
      return result
    } catch (error) {
      await this.#undo(connection, error)
      throw error
    }
  }

  /** Runs one statement that sees what the run wrote, and writes nothing itself. */
  async read<T>(connection: PostgresConnection, work: () => Promise<T>): Promise<T> {
    await connection.all('SAVEPOINT statement')
    // Goes with the savepoint.
    await connection.all('SET LOCAL transaction_read_only = on')
    try {
      return await work()
    } catch (error) {
      if (isOvertaken(error)) await this.#give(connection)
      throw error
    } finally {
      if (this.#connection !== undefined && !connection.isOver) await this.#backTo(connection)
    }
  }

  /** Commits, with the marker. Throws {@link InDoubt}; whatever else it throws, nothing was committed. */
  async commit(marker: Marker): Promise<void> {
    const connection = this.#connection
    if (connection === undefined || !this.isOpen) throw new Refused('lost', 'there is nothing to commit')
    try {
      await mark(connection, marker)
    } catch (error) {
      await this.#give(connection)
      throw error
    }
    try {
      await connection.all('COMMIT')
    } catch (error) {
      if (isRefusal(error)) throw error
      connection.destroy()
      throw new InDoubt('the connection broke while it committed', { cause: error })
    } finally {
      this.#forget()
    }
  }

  /** Ends it in order, so that no lock outlives the run; what cannot be told ends with its connection. */
  async rollBack(): Promise<void> {
    const connection = this.#connection
    this.#forget()
    if (connection?.isOver === false) await connection.all('ROLLBACK').catch(() => connection.destroy())
  }

  async #undo(connection: PostgresConnection, error: unknown): Promise<void> {
    if (this.#done === 0) return this.rollBack()
    if (isOvertaken(error)) return this.#give(connection)
    if (!connection.isOver) await this.#backTo(connection)
  }

  async #backTo(connection: PostgresConnection): Promise<void> {
    try {
      await connection.all('ROLLBACK TO SAVEPOINT statement')
      await connection.all('RELEASE SAVEPOINT statement')
    } catch {
      connection.destroy()
    }
  }

  async #give(connection: PostgresConnection): Promise<void> {
    this.lose(
      connection.isOver ? 'the connection that held them ended' : 'the server ended their transaction',
    )
    await this.rollBack()
  }

  #forget(): void {
    this.#connection = undefined
    this.#done = 0
  }
}
