import type { Duplex } from 'node:stream'
import pg from 'pg'
import Cursor from 'pg-cursor'
import type { Cell } from '../ops.ts'
import type { Address } from './address.ts'
import { cellReader } from './cells.ts'
import { CountedStream } from './counted-stream.ts'

/** Opens a TCP connection to the host that a url names. */
export type Dial = (host: string, port: number) => Duplex

/** Some rows of a result, and what its columns are called. */
export type Batch = {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  /** Rows that a statement has written; with its last batch. */
  readonly changes?: number
}

/** What the driver itself asks and is told before the first statement is no more than this. */
const OWN_BYTES_MAX = 4 * 1024 * 1024
/** So long may it take to ask the server to stop a statement. */
const CANCEL_MS_MAX = 10_000
/** Code of the request that cancels (PostgreSQL protocol, CancelRequest). */
const CANCEL_CODE = 80_877_102

const types: pg.CustomTypesConfig = { getTypeParser: (type: number) => cellReader(type) }

/** One connection to a server, of one run. Speaks the extended protocol only, so that no text is ever more than one statement. */
export class PostgresConnection {
  readonly #address: Address
  readonly #dial: Dial
  readonly #stream: CountedStream
  readonly #client: pg.Client
  readonly #ended = Promise.withResolvers<never>()
  #isOver = false
  #isAsked = false

  /** `settings` hold for the whole connection. */
  constructor(address: Address, dial: Dial, settings: Readonly<Record<string, string>>) {
    this.#address = address
    this.#dial = dial
    this.#stream = new CountedStream(dial(address.host, address.port), OWN_BYTES_MAX)
    this.#client = new pg.Client(configOf(address, settings, this.#stream))
    const { connection } = this.#client as unknown as { connection?: LibraryConnection }
    if (connection?.stream !== this.#stream) throw new Error('the library of the protocol is another one')
    guardReading(connection, () => this.destroy())
    this.#ended.promise.catch(() => undefined)
    this.#client.on('error', (error) => this.destroy(error))
    this.#client.on('end', () => this.destroy())
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether a statement of the guest runs. */
  get isAsked(): boolean {
    return this.#isAsked
  }

  /** Bytes that the server has sent so far. */
  get received(): number {
    return this.#stream.received
  }

  /** Logs in. Throws errors of the library, of the socket and of the server. */
  async open(): Promise<void> {
    await this.#client.connect()
  }

  /** From here on the server may send so many bytes; then the connection is torn down. */
  allow(bytesMax: number): void {
    this.#stream.allow(bytesMax)
  }

  /** Runs a statement of the driver's own; all of its rows. */
  async all(text: string, values: readonly unknown[] = []): Promise<Batch['rows']> {
    const found: (readonly Cell[])[] = []
    for await (const { rows } of this.#batches(text, values, () => 1000)) found.push(...rows)
    return found
  }

  /** Runs a statement of the guest; its rows come as they are asked for. At least one batch comes, with the columns. */
  async *batches(text: string, values: readonly unknown[], rowsWanted: () => number): AsyncGenerator<Batch> {
    this.#isAsked = true
    try {
      yield* this.#batches(text, values, rowsWanted)
    } finally {
      this.#isAsked = false
    }
  }

  async *#batches(text: string, values: readonly unknown[], rowsWanted: () => number): AsyncGenerator<Batch> {
    const cursor = this.#client.query(new Cursor(text, values, { rowMode: 'array', types }))
    // Of a statement that failed nothing is open; one that is left early must be closed before the next.
    let isOpen = false
    try {
      for (;;) {
        const wanted = rowsWanted()
        isOpen = false
        const batch = await Promise.race([read(cursor, wanted), this.#ended.promise])
        isOpen = batch.rows.length === wanted
        yield batch
        if (!isOpen) return
      }
    } finally {
      if (isOpen) await Promise.race([cursor.close(), this.#ended.promise]).catch(() => this.destroy())
    }
  }

  /** Asks the server to stop what runs, and leaves without a word. Safe to repeat. */
  destroy(reason: Error = new Error('the connection has ended')): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#isAsked) this.#cancel()
    this.#stream.destroy()
    this.#ended.reject(reason)
  }

  /** Over a connection of its own, as the protocol wants it; without it the server works on for nobody. */
  #cancel(): void {
    const { processID, secretKey } = this.#client as unknown as { processID: unknown; secretKey: unknown }
    if (typeof processID !== 'number' || typeof secretKey !== 'number') return
    const request = Buffer.alloc(16)
    for (const [at, word] of [16, CANCEL_CODE, processID, secretKey].entries())
      request.writeInt32BE(word, at * 4)
    const socket = this.#dial(this.#address.host, this.#address.port)
    socket.on('error', () => undefined)
    // A server that does not hang up is not waited for, nor one that is never reached.
    const timer = setTimeout(() => socket.destroy(), CANCEL_MS_MAX).unref()
    socket.once('close', () => clearTimeout(timer))
    socket.end(request, () => socket.destroy())
  }
}

/** What the library keeps of a connection, as far as it is used here. */
type LibraryConnection = { readonly stream: unknown; attachListeners(stream: Listened): void }
type Listened = { on(event: string, listener: (bytes: Buffer) => void): unknown }

/** The library throws into the stream at what it does not expect of a server; there nothing would catch it, and the host would end. */
function guardReading(connection: LibraryConnection, fail: () => void): void {
  const attach = connection.attachListeners.bind(connection)
  connection.attachListeners = (stream) => {
    const guarded = (listener: (bytes: Buffer) => void) => (bytes: Buffer) => {
      try {
        listener(bytes)
      } catch {
        fail()
      }
    }
    attach({ on: (event, listener) => stream.on(event, event === 'data' ? guarded(listener) : listener) })
  }
}

const read = (cursor: Cursor, wanted: number): Promise<Batch> =>
  new Promise((resolve, reject) => {
    cursor.read(wanted, (error, rows, result) => {
      if (error) reject(error)
      else if (result === undefined) reject(new Error('the server ended a statement that had not ended'))
      else
        resolve({
          columns: result.fields.map(({ name }) => name),
          rows: rows as Cell[][],
          ...(typeof result.rowCount === 'number' && { changes: result.rowCount }),
        })
    })
  })

/** Every field is given: the library would fill what is missing from the environment, from `~/.pgpass`, or from its own defaults. */
const configOf = (
  { host, port, user, password, database, tls }: Address,
  settings: Readonly<Record<string, string>>,
  stream: Duplex,
): pg.ClientConfig & { replication: string } => ({
  host,
  port,
  user,
  password,
  database,
  ssl: tls,
  sslnegotiation: 'postgres',
  stream: () => stream,
  application_name: 'tollgate',
  client_encoding: 'UTF8',
  connectionTimeoutMillis: 0,
  keepAlive: false,
  options: Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/gu, String.raw`\$&`)}`)
    .join(' '),
  // Without it the environment could ask for a replication connection.
  replication: 'false',
})
