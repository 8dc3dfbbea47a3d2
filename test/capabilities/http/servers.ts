import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

/** A server on the loopback interface that ends with its test. */
export type Started = {
  readonly port: number
  /** Connections that were accepted so far. */
  readonly accepted: readonly Socket[]
  /** Resolves when every connection so far is closed. */
  closed(): Promise<void>
}

async function start(server: Server): Promise<Started> {
  const accepted: Socket[] = []
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined)
    accepted.push(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const socket of accepted) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return {
    port: (server.address() as AddressInfo).port,
    accepted,
    async closed() {
      await Promise.all(accepted.map(closeOf))
    },
  }
}

/** A socket that was reset is closed too. */
function closeOf(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (socket.closed) resolve()
  else socket.once('close', () => resolve())
  return promise
}

/** An HTTP server. */
export const startHttp = (listener: RequestListener): Promise<Started> => start(createHttpServer(listener))

/** A TCP server that writes what it likes. `talk` is called with the first bytes of each connection. */
export const startRaw = (talk: (socket: Socket, head: string) => void): Promise<Started> =>
  start(createTcpServer((socket) => socket.once('data', (chunk) => talk(socket, chunk.toString('latin1')))))

/** A TCP server that answers every request with these bytes, and closes when told to. */
export const startCanned = (bytes: string | Buffer, close = true): Promise<Started> =>
  startRaw((socket) => {
    socket.write(bytes)
    if (close) socket.end()
  })

/** A self-signed certificate for some names. */
export type Certificate = { readonly key: string; readonly cert: string }

/** Makes a certificate with the openssl of the machine; `names` as openssl writes them: `DNS:a.test`, `IP:127.0.0.1`. */
export async function makeCertificate(names: string): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'tollgate-cert-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  try {
    const options = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=tollgate test',
    ]
    await promisify(execFile)('openssl', [
      'req',
      '-x509',
      ...options,
      '-addext',
      `subjectAltName=${names}`,
      '-keyout',
      key,
      '-out',
      cert,
    ])
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** An HTTPS server. */
export const startHttps = (certificate: Certificate, listener: RequestListener): Promise<Started> =>
  start(createHttpsServer({ ...certificate, ALPNProtocols: ['h2', 'http/1.1'] }, listener))
