import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Client } from 'undici'
import type { Connector, OpenedSocket } from './connector.ts'
import type { Deadline } from './deadline.ts'
import type { Origin } from './domain-pattern.ts'
import { undici } from './undici.ts'
import { HEADER_BYTES_MAX } from './upstream-error.ts'

/** How long a connection is kept open without a request, unless the server says less. */
const KEEP_ALIVE_MS = 4000

/** The connection had ended before the request was written: nothing was sent. */
export class ConnectionGone extends Error {
  override readonly name = 'ConnectionGone'
}

/** One connection and the undici client that speaks on it; it never dials again by itself. Serves one request at a time. */
export class Connection {
  readonly client: Client
  /** The address that was judged and dialled. */
  readonly address: string
  readonly key: string
  readonly #socket: Duplex
  #ended = false

  constructor(origin: Origin, { socket, address }: OpenedSocket) {
    this.#socket = socket
    this.address = address
    this.key = keyOf(origin)
    let used = false
    const { Client: UndiciClient } = undici()
    this.client = new UndiciClient(this.key, {
      allowH2: false,
      pipelining: 1,
      // The deadline of the call bounds both, to the millisecond.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: HEADER_BYTES_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: (_, done) => {
        const first = !used
        used = true
        // Later, for undici loses a request whose connector answers at once.
        queueMicrotask(() => (first ? done(null, socket as Socket) : done(new ConnectionGone(), null)))
      },
    })
  }

  get open(): boolean {
    return !this.#ended && !this.#socket.destroyed
  }

  /** Closes the socket at once, whatever is under way. */
  async end(): Promise<void> {
    this.#ended = true
    await this.client.destroy()
  }
}

const keyOf = ({ scheme, host, port }: Origin): string => `${scheme}://${host}:${port}`

/** The connections of one driver, thus of one run and principal; none is shared with another. */
export class Connections {
  readonly #connect: Connector
  readonly #all = new Set<Connection>()
  readonly #idle = new Map<string, Connection[]>()
  #closed = false

  constructor(connect: Connector) {
    this.#connect = connect
  }

  /** An idle connection to the origin that is still open, if there is one. */
  reuse(origin: Origin): Connection | undefined {
    const idle = this.#idle.get(keyOf(origin))
    for (let connection = idle?.pop(); connection !== undefined; connection = idle?.pop())
      if (connection.open) return connection
    return undefined
  }

  /** Opens another connection. Throws what its {@link Connector} throws. */
  async dial(origin: Origin, deadline: Deadline): Promise<Connection> {
    const opened = await this.#connect(origin, deadline)
    if (this.#closed) {
      opened.socket.destroy()
      throw deadline.error()
    }
    const connection = new Connection(origin, opened)
    this.#all.add(connection)
    opened.socket.once('close', () => this.#all.delete(connection))
    return connection
  }

  /** Keeps a connection whose answer was read to its end for the next request. */
  keep(connection: Connection): void {
    if (!connection.open || this.#closed) return
    const idle = this.#idle.get(connection.key)
    if (idle === undefined) this.#idle.set(connection.key, [connection])
    else idle.push(connection)
  }

  /** Ends every connection, used or not. */
  async close(): Promise<void> {
    this.#closed = true
    this.#idle.clear()
    await Promise.all([...this.#all].map((connection) => connection.end()))
  }
}
