/** The other side of HTTP calls, in a process of its own: says its port on standard output and ends with its standard input. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const PIECE = JSON.stringify({ text: 'A toll gate is a barrier where each traveller is stopped.', at: 1286 })

const server = createServer((request, response) => {
  const size = Number(/^\/items\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0)
  response.writeHead(200, { 'content-type': 'application/json' })
  const items = Array.from({ length: Math.min(size, 1_000) }, () => PIECE)
  setTimeout(() => response.end(`[${items.join(',')}]`), size % 4)
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.stdin.on('end', () => process.exit(0)).resume()
