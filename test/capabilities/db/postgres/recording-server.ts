import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Signed } from '../../../harness/authority.ts'

/** The request for TLS, the one message that may go before it. */
export const TLS_REQUEST = Buffer.from('0000000804d2162f', 'hex')
/** Asks for the password as it is. */
export const PASSWORD_REQUEST = Buffer.from('520000000800000003', 'hex')
/** What a password is sent in begins with it. */
const PASSWORD_MESSAGE = 0x70

/** A server that is none: it keeps what it is sent, and asks whoever logs in for the password as it is. */
export type RecordingServer = AsyncDisposable & {
  readonly port: number
  /** Bytes outside of TLS, those of the handshake left out. */
  plain(): Buffer
  /** Bytes that came inside of TLS. */
  secured(): Buffer
}

/** `answer` is what the request for TLS is answered with; after `S` the server does TLS with this certificate. */
export const startRecording = async (
  answer: string | Buffer,
  identity?: Signed,
): Promise<RecordingServer> => {
  const kept = { plain: [] as Buffer[], secured: [] as Buffer[] }
  const sockets: Socket[] = []
  const listen = (socket: Socket, bytes: Buffer[]): void => {
    socket.on('data', (chunk: Buffer) => {
      bytes.push(chunk)
      if (chunk[0] === PASSWORD_MESSAGE) socket.destroy()
      else if (!chunk.equals(TLS_REQUEST)) socket.write(PASSWORD_REQUEST)
    })
  }
  const secure = (socket: Socket): void => {
    socket.removeAllListeners('data')
    const tls = new TLSSocket(socket, { isServer: true, ...identity })
    tls.on('error', () => undefined)
    listen(tls, kept.secured)
  }
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    listen(socket, kept.plain)
    socket.on('data', (chunk: Buffer) => {
      if (!chunk.equals(TLS_REQUEST)) return
      if (identity !== undefined) secure(socket)
      socket.write(answer)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    plain: () => Buffer.concat(kept.plain),
    secured: () => Buffer.concat(kept.secured),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
