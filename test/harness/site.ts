/** Real servers on the loopback interface, for tests. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'

/** A request as it arrived. */
export type Arrived = {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Names and values as sent, in order. */
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface Site extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  readonly requests: readonly Arrived[]
  /** TCP connections, with or without a request. */
  readonly connections: number
}

export type Answer = (request: Arrived, response: ServerResponse) => void

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

const listen = (server: { listen(port: number, host: string, done: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })

/** Serves HTTP on a free port of 127.0.0.1 until it is disposed of. Without `answer` it says `ok`. */
export const openSite = async (
  answer: Answer = (_request, response) => void response.end('ok'),
): Promise<Site> => {
  const requests: Arrived[] = []
  let connections = 0
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers, rawHeaders } = request
    const arrived = { method, url, headers, rawHeaders, body: await readBody(request) }
    requests.push(arrived)
    answer(arrived, response)
  }
  const server = createServer(
    (request, response) => void serve(request, response).catch(() => response.destroy()),
  )
  server.on('connection', () => {
    connections += 1
  })
  await listen(server)
  const { port } = server.address() as AddressInfo
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

export interface RawSite extends AsyncDisposable {
  readonly port: number
  readonly origin: string
  readonly connections: number
  /** Connections that are still open. */
  readonly open: number
  /** Resolves once every connection so far is closed, to how many there were. */
  drained(): Promise<number>
}

/** Accepts TCP connections and leaves what is said on them to `talk`. */
export const openRawSite = async (talk: (socket: Socket) => void): Promise<RawSite> => {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createTcpServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    talk(socket)
  })
  await listen(server)
  const { port } = server.address() as AddressInfo
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    get connections() {
      return connections
    },
    get open() {
      return sockets.size
    },
    async drained() {
      await Promise.all([...sockets].map((socket) => once(socket, 'close')))
      return connections
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
