import type { Commit, DriverSetting, Outcome, ResolvedSecret } from '../../capability.ts'
import { AnswerParts } from '../answer-parts.ts'
import { readAnswer, readRows } from '../answer.ts'
import { leftOf } from '../attenuation.ts'
import type { DatabaseGrant } from '../database-grant.ts'
import type { DatabaseLine } from '../database-line.ts'
import { ANSWER_EXTRA_BYTES } from '../frames.ts'
import type { DbRequest, DbRows } from '../ops.ts'
import { refusalError } from '../refusal-error.ts'
import { rowOutcome } from '../row-outcome.ts'
import { StatementQueue, type Begun } from '../statement-queue.ts'
import { bound } from './cells.ts'
import type { Dial, PostgresConnection } from './connection.ts'
import { connectionOf, START_MS_MAX, type Connect } from './connecting.ts'
import { isTimeout, refusedAtOpening, refusedFor, tooLate } from './failure.ts'
import type { Numbered } from './gate/parameters.ts'
import type { openServer, OpenedServer } from './opened-server.ts'
import type { StatementBounds } from '../wire.ts'
import { RowParts } from './row-parts.ts'
import { PRINCIPAL_SETTING } from './schema-name.ts'
import type { ServerGrant } from './server-grant.ts'
import { ServerWrites } from './server-writes.ts'

const BATCH_ROWS = 500
/** The protocol takes this many times the bytes that the rows take as JSON, at most; and a little for itself. */
const WIRE_FACTOR = 4
const WIRE_EXTRA_BYTES = 64 * 1024

const SET = `SELECT pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('${PRINCIPAL_SETTING}', $2, true)`

/** What a line is made of; a test passes weaker parts. */
export type PostgresParts = {
  readonly dial: Dial
  /** Loaded by the first statement: the parser is large. */
  load(): Promise<LoadedParts>
}

/** The parts that are loaded. */
export type LoadedParts = {
  readonly connect: Connect
  /** Judges who was let in. Throws Refused. */
  open: typeof openServer
  /** The statement as it is sent. Throws Refused. */
  gate(asked: AskedStatement, server: OpenedServer, bounds: StatementBounds): Numbered
  readonly begin: string
  readonly beginWrite: string
}

/** What the gate judges. */
export type AskedStatement = DbRequest & { readonly kind: 'query' | 'execute' }

type Live = {
  readonly connection: PostgresConnection
  readonly server: OpenedServer
  readonly parts: LoadedParts
}

/** A statement that reads, and whether anybody still wants its rows. */
type Reading = {
  readonly first: boolean
  readonly parts: AnswerParts
  readonly isOpen: boolean
  isLeft: boolean
}

/** A PostgreSQL database of one run: a connection of its own, never another run's. Statements queue. */
export class PostgresLine implements DatabaseLine {
  readonly #database: DatabaseGrant
  readonly #server: ServerGrant
  readonly #parts: PostgresParts
  readonly #principal: string
  readonly #secret: ResolvedSecret | undefined
  readonly #queue = new StatementQueue()
  #live: Live | undefined
  #opening: PostgresConnection | undefined
  #isClosed = false
  readonly #writes: ServerWrites

  constructor(
    database: DatabaseGrant,
    server: ServerGrant,
    parts: PostgresParts,
    setting: Omit<DriverSetting, 'powers'>,
  ) {
    this.#database = database
    this.#server = server
    this.#parts = parts
    this.#principal = setting.principal
    this.#secret = setting.secrets.get(server.secret)
    this.#writes = new ServerWrites(database, setting, () => this.#reconnect())
  }

  perform(request: DbRequest, bounds: StatementBounds, signal: AbortSignal): Promise<Outcome> {
    return this.#queue.add(() => this.#perform(request, bounds, signal), signal)
  }

  staged(): Commit | undefined {
    const args = this.#writes.commitArguments
    return args && { op: `db.${this.#database.name}.commit`, args, comesLast: true }
  }

  async close(): Promise<void> {
    const { connection } = this.#live ?? {}
    this.#isClosed = true
    this.#queue.close()
    this.#opening?.destroy()
    // Behind a statement that still runs nobody waits for a rollback: the server sees the end of the connection.
    if (connection?.isAsked === true) connection.destroy()
    await this.#writes.close()
    connection?.destroy()
  }

  async #perform(request: DbRequest, bounds: StatementBounds, signal: AbortSignal): Promise<Begun> {
    // Throws where writes of the run are lost.
    const { isOpen } = this.#writes
    const live = await this.#open(signal)
    const held = leftOf(this.#database, bounds)
    if (request.kind === 'commit')
      return { outcome: await this.#writes.commit(request, { ...live, held, signal }) }
    if (request.kind === 'schema') {
      const tables = live.server.tables.filter(({ name }) => !bounds.hidden.includes(name.toLowerCase()))
      return { outcome: { value: { tables }, ingressBytes: JSON.stringify(tables).length, egressBytes: 0 } }
    }
    const sent = this.#tried(held, () => live.parts.gate(request, live.server, bounds))
    live.connection.allow(WIRE_FACTOR * held.bytesMax + WIRE_EXTRA_BYTES)
    if (request.kind === 'execute') {
      const begin = (): Promise<void> => this.#begin(live.connection, live.parts.beginWrite)
      return { outcome: await this.#writes.execute(request, { ...live, sent, begin, held, signal }) }
    }
    const parts = new AnswerParts(this.#database.bytesMax + ANSWER_EXTRA_BYTES)
    const reading: Reading = { first: request.first, parts, isOpen, isLeft: false }
    const over = this.#watched({ live, parts, signal, held }, this.#run(live, held, sent, reading))
    const read = (text: string, rowsLeft: number): DbRows => {
      try {
        const answer = readAnswer(text)
        return readRows(answer.ok ? answer.fields : {}, rowsLeft)
      } catch (error) {
        // A server whose rows make no sense is not asked again.
        live.connection.destroy()
        throw error
      }
    }
    const outcome = await rowOutcome(parts, bounds.rowsMax, read, () => {
      reading.isLeft = true
    })
    return { outcome, over }
  }

  /** One statement that reads: in the transaction of what the run wrote, or in one of its own that is rolled back, come what may. */
  async #run(
    { connection, parts: { begin } }: Live,
    { rowsMax, bytesMax }: DatabaseGrant,
    sent: Numbered,
    reading: Reading,
  ): Promise<void> {
    const { first, parts, isOpen } = reading
    const rows = new RowParts(parts, { rowsMax, bytesMax })
    const wanted = (): number => (first ? 1 : Math.min(BATCH_ROWS, rowsMax - rows.count + 1))
    const read = async (): Promise<void> => {
      for await (const batch of connection.batches(sent.text, sent.values.map(bound), wanted)) {
        rows.add(batch)
        if (first || reading.isLeft) break
      }
    }
    if (isOpen) {
      await this.#writes.read(connection, read)
      // Who has the last part may end the run, and that must not meet a statement which still runs.
      return rows.finish()
    }
    try {
      await this.#begin(connection, begin)
      await read()
      rows.finish()
    } finally {
      if (!connection.isOver) await connection.all('ROLLBACK').catch(() => connection.destroy())
    }
  }

  /** The first statement takes the snapshot; after it no transaction that reads can be made one that writes. */
  async #begin(connection: PostgresConnection, begin: string): Promise<void> {
    await connection.all(begin)
    await connection.all(SET, [String(this.#database.timeoutMs), this.#principal])
  }

  /**
   * Waits for a statement; at its deadline, or when the signal fires before its first part, its connection is torn down and the
   * server told to stop.
   */
  async #watched(
    {
      live: { connection },
      parts,
      signal,
      held,
    }: { live: Live; parts: AnswerParts; signal: AbortSignal; held: DatabaseGrant },
    run: Promise<void>,
  ): Promise<void> {
    const late = (): void => {
      parts.fail(tooLate())
      connection.destroy()
    }
    const timer = setTimeout(late, this.#database.timeoutMs)
    const cancel = (): void => {
      if (!parts.isBegun) late()
    }
    signal.addEventListener('abort', cancel, { once: true })
    if (signal.aborted) cancel()
    try {
      await run
    } catch (error) {
      parts.fail(isTimeout(error) ? tooLate() : refusalError(refusedFor(error), held))
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
    }
  }

  async #open(signal: AbortSignal): Promise<Live> {
    if (this.#live?.connection.isOver === false) return this.#live
    const parts = await this.#parts.load()
    const connection = this.#tried(this.#database, () => this.#connect(parts))
    this.#opening = connection
    const give = (): void => connection.destroy()
    const timer = setTimeout(give, START_MS_MAX)
    signal.addEventListener('abort', give, { once: true })
    if (this.#isClosed || signal.aborted) give()
    try {
      await connection.open()
      const server = await parts.open(connection, this.#database, this.#server)
      this.#live = { connection, server, parts }
      return this.#live
    } catch (error) {
      connection.destroy()
      throw refusalError(refusedAtOpening(error), this.#database)
    } finally {
      this.#opening = undefined
      clearTimeout(timer)
      signal.removeEventListener('abort', give)
    }
  }

  /** Another connection, to ask what became of a commit. It lasts that long and no longer, whatever the server answers. */
  async #reconnect(): Promise<PostgresConnection> {
    const connection = this.#connect(await this.#parts.load())
    setTimeout(() => connection.destroy(), START_MS_MAX).unref()
    await connection.open()
    return connection
  }

  #connect({ connect }: LoadedParts): PostgresConnection {
    const { dial } = this.#parts
    return connectionOf(this.#database, { server: this.#server, secret: this.#secret, dial, connect })
  }

  #tried<T>(held: DatabaseGrant, act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw refusalError(refusedFor(error), held)
    }
  }
}
