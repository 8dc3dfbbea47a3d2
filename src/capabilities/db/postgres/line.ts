import { TollgateError } from '../../../errors/tollgate-error.ts'
import type { Chunks, Outcome, ResolvedSecret } from '../../capability.ts'
import { AnswerParts } from '../answer-parts.ts'
import { readAnswer, readRows } from '../answer.ts'
import type { DatabaseGrant } from '../database-grant.ts'
import type { DatabaseLine } from '../database-line.ts'
import { ANSWER_EXTRA_BYTES } from '../frames.ts'
import type { DbRequest, QueryArguments } from '../ops.ts'
import { refusalError } from '../refusal-error.ts'
import { mayGoTo, readAddress } from './address.ts'
import { bound } from './cells.ts'
import type { Dial, PostgresConnection } from './connection.ts'
import { isTimeout, refusedAtOpening, refusedFor } from './failure.ts'
import type { Numbered } from './gate/parameters.ts'
import type { openServer, OpenedServer } from './opened-server.ts'
import type { StatementBounds } from '../wire.ts'
import { Refused } from './refused.ts'
import { RowParts } from './row-parts.ts'
import { PRINCIPAL_SETTING } from './schema-name.ts'
import type { ServerGrant } from './server-grant.ts'

/** How long it may take to reach a server, to log in, and to look at what the role may do. */
const START_MS_MAX = 10_000
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
  readonly connect: (...of: ConstructorParameters<typeof PostgresConnection>) => PostgresConnection
  /** Judges who was let in. Throws Refused. */
  open: typeof openServer
  /** The statement as it is sent. Throws Refused. */
  gate(asked: QueryArguments, server: OpenedServer, bounds: StatementBounds): Numbered
  readonly begin: string
}

type Live = {
  readonly connection: PostgresConnection
  readonly server: OpenedServer
  readonly parts: LoadedParts
}
type Begun = { readonly outcome: Outcome; readonly over: Promise<void> }

/** A PostgreSQL database of one run: a connection of its own, never another run's. Statements queue. */
export class PostgresLine implements DatabaseLine {
  readonly #database: DatabaseGrant
  readonly #server: ServerGrant
  readonly #parts: PostgresParts
  readonly #principal: string
  readonly #secret: ResolvedSecret | undefined
  #live: Live | undefined
  #opening: PostgresConnection | undefined
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(
    database: DatabaseGrant,
    server: ServerGrant,
    parts: PostgresParts,
    { principal, secrets }: { principal: string; secrets: ReadonlyMap<string, ResolvedSecret> },
  ) {
    this.#database = database
    this.#server = server
    this.#parts = parts
    this.#principal = principal
    this.#secret = secrets.get(server.secret)
  }

  perform(request: DbRequest, bounds: StatementBounds, signal: AbortSignal): Promise<Outcome> {
    const began = this.#last.then(() => this.#perform(request, bounds, signal))
    // The next statement waits until this one is over on the server, not for whoever reads it.
    this.#last = began.then(
      ({ over }) => over,
      () => undefined,
    )
    return began.then(({ outcome }) => outcome)
  }

  /** Nothing is written yet. */
  staged(): undefined {
    return undefined
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#opening?.destroy()
    this.#live?.connection.destroy()
  }

  async #perform(request: DbRequest, bounds: StatementBounds, signal: AbortSignal): Promise<Begun> {
    if (this.#isClosed || signal.aborted)
      throw new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the statement began.', {
        notPerformed: true,
      })
    const live = await this.#open(signal)
    if (request.kind === 'schema') {
      const tables = live.server.tables.filter(({ name }) => !bounds.hidden.includes(name.toLowerCase()))
      const value = { tables }
      return { outcome: outcomeOf(value, JSON.stringify(tables).length), over: Promise.resolve() }
    }
    if (request.kind !== 'query')
      throw new TollgateError('DENIED_STATEMENT', 'Nothing is written on PostgreSQL.')
    const sent = this.#tried(() => live.parts.gate(request, live.server, bounds))
    const parts = new AnswerParts(this.#database.bytesMax + ANSWER_EXTRA_BYTES)
    const held = { ...this.#database, rowsMax: bounds.rowsMax }
    const over = this.#watched(
      { live, parts, signal, held },
      this.#run(live, held, sent, { first: request.first, parts }),
    )
    return { outcome: await this.#answer(parts, bounds.rowsMax), over }
  }

  /** The first part of an answer, and how the rest is had. */
  async #answer(parts: AnswerParts, rowsMax: number): Promise<Outcome> {
    let rowsLeft = rowsMax
    const next = async (): ReturnType<Chunks['next']> => {
      const { text, isLast } = await parts.next()
      const answer = readAnswer(text)
      const value = readRows(answer.ok ? answer.fields : {}, rowsLeft)
      rowsLeft -= value.rows.length
      return {
        value: isLast ? value : { ...value, more: true },
        ingressBytes: Buffer.byteLength(text),
        isLast,
      }
    }
    const { value, ingressBytes, isLast } = await next()
    const facts = { rows: rowsMax - rowsLeft, ...(!isLast && { more: true }) }
    const chunks: Chunks = { next, close: () => undefined }
    return { ...outcomeOf(value, ingressBytes), facts, ...(!isLast && { chunks }) }
  }

  /** One statement in a transaction that reads only and is rolled back, come what may. */
  async #run(
    { connection, parts: { begin } }: Live,
    { rowsMax, bytesMax, timeoutMs }: DatabaseGrant,
    sent: Numbered,
    { first, parts }: { first: boolean; parts: AnswerParts },
  ): Promise<void> {
    const rows = new RowParts(parts, { rowsMax, bytesMax })
    connection.allow(WIRE_FACTOR * bytesMax + WIRE_EXTRA_BYTES)
    try {
      await connection.all(begin)
      // The first statement takes the snapshot; after it no transaction can be made one that writes.
      await connection.all(SET, [String(timeoutMs), this.#principal])
      const wanted = (): number => (first ? 1 : Math.min(BATCH_ROWS, rowsMax - rows.count + 1))
      for await (const batch of connection.batches(sent.text, sent.values.map(bound), wanted)) {
        rows.add(batch)
        if (first) break
      }
      rows.finish()
    } finally {
      if (!connection.isOver) await connection.all('ROLLBACK').catch(() => connection.destroy())
    }
  }

  /** Waits for a statement; at its deadline, or when the signal fires, its connection is torn down and the server told to stop. */
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
    signal.addEventListener('abort', late, { once: true })
    try {
      await run
    } catch (error) {
      parts.fail(isTimeout(error) ? tooLate() : refusalError(refusedFor(error), held))
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', late)
    }
  }

  async #open(signal: AbortSignal): Promise<Live> {
    if (this.#live?.connection.isOver === false) return this.#live
    const parts = await this.#parts.load()
    const connection = this.#tried(() => this.#connect(parts))
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
      clearTimeout(timer)
      signal.removeEventListener('abort', give)
    }
  }

  #connect({ connect }: LoadedParts): PostgresConnection {
    const { dial } = this.#parts
    return connectionOf(this.#database, { server: this.#server, secret: this.#secret, dial, connect })
  }

  #tried<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw refusalError(refusedFor(error), this.#database)
    }
  }
}

/** A connection to where the secret of a database says, set as statements of a guest want it. Throws Refused `unfit`. */
export function connectionOf(
  { timeoutMs }: DatabaseGrant,
  {
    server,
    secret,
    dial,
    connect,
  }: {
    readonly server: ServerGrant
    readonly secret: ResolvedSecret | undefined
    readonly dial: Dial
    readonly connect: LoadedParts['connect']
  },
): PostgresConnection {
  if (secret === undefined) throw new Refused('unfit', 'its url has no value')
  const address = readAddress(secret.value)
  if (!mayGoTo(address, secret.hosts))
    throw new Refused('unfit', `secrets.${secret.name}.hosts does not name the host of its url`)
  return connect(address, dial, settingsOf(server.schema, timeoutMs))
}

/** How a connection is set from its first moment. Each statement sets its own time again. */
const settingsOf = (schema: string, timeoutMs: number): Readonly<Record<string, string>> => ({
  search_path: `${schema},pg_temp`,
  default_transaction_read_only: 'on',
  standard_conforming_strings: 'on',
  row_security: 'on',
  jit: 'off',
  statement_timeout: String(Math.max(timeoutMs, START_MS_MAX)),
  lock_timeout: '1000',
  idle_in_transaction_session_timeout: '60000',
  datestyle: 'ISO',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  timezone: 'UTC',
})

const tooLate = (): TollgateError =>
  new TollgateError('UPSTREAM_TIMEOUT', 'The statement took longer than it may, and was stopped.', {
    hint: 'Ask for less: fewer joined tables, a narrower condition.',
  })

const outcomeOf = (value: unknown, ingressBytes: number): Outcome => ({ value, ingressBytes, egressBytes: 0 })
