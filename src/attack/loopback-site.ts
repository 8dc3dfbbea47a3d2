import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTrap, type AddressInfo, type Server } from 'node:net'
import type { Arrived } from './evidence.ts'

/** The page that leads to another one. */
export const LEADING_PAGE = '/page'
export const ERASING_PAGE = '/admin/erase-everything'

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

const listen = async (server: Server): Promise<number> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', resolve)
  await promise
  server.unref()
  return (server.address() as AddressInfo).port
}

const closed = (server: Server): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  return promise
}

/** An upstream on the loopback interface that notes what arrives, and beside it a port that nobody may reach. */
export class LoopbackSite implements AsyncDisposable {
  readonly requests: Arrived[] = []
  /** Connections to the port that nobody may reach. */
  trapped = 0
  /** `http://127.0.0.1:PORT` */
  origin = ''
  trapPort = 0
  readonly #server = createServer((request, response) => {
    const { method = '', url = '', rawHeaders } = request
    const answer = (body: string): void => {
      this.requests.push({ method, url, rawHeaders, body })
      if (url === LEADING_PAGE) response.writeHead(302, { location: ERASING_PAGE })
      response.end('ok')
    }
    readBody(request).then(answer, () => response.destroy())
  })
  readonly #trap = createTrap((socket) => {
    this.trapped += 1
    socket.destroy()
  })

  /** Listens on free ports. */
  static async open(): Promise<LoopbackSite> {
    const site = new LoopbackSite()
    site.origin = `http://127.0.0.1:${await listen(site.#server)}`
    site.trapPort = await listen(site.#trap)
    return site
  }

  /** Forgets what arrived. */
  reset(): void {
    this.requests.length = 0
    this.trapped = 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await Promise.all([this.#server, this.#trap].map(closed))
  }
}
