/** A web server on the loopback interface, for the examples: real HTTP, no network. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Page = { status?: number; type?: string; body: string }

export interface Site extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  /** Every request that arrived: `GET /path`. */
  readonly requests: readonly string[]
  /** TCP connections that were opened, with or without a request. */
  readonly connections: number
}

/** Serves what `answer` returns, on a free port of 127.0.0.1, until it is disposed of. */
export const openSite = async (answer: (path: string, request: IncomingMessage) => Page): Promise<Site> => {
  const requests: string[] = []
  let connections = 0
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    requests.push(`${request.method ?? '?'} ${path}`)
    const { status = 200, type = 'text/html; charset=utf-8', body } = answer(path, request)
    response.writeHead(status, { 'content-type': type }).end(body)
  })
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
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
