import { createSocket, type Socket as Datagrams } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { close as closeInspector, open as openInspector, url as inspectorUrl } from 'node:inspector'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Attempt } from './self-attack-files.ts'

/** Waits until a socket got what it wants, and closes it: a later attempt must not find it. */
const waitFor = async (socket: Server | Socket | Datagrams, event: string): Promise<string> => {
  socket.unref()
  await once(socket, event)
  if ('destroy' in socket) socket.destroy()
  else socket.close()
  return event
}

/** The addresses in column 8 of /proc/net/unix; those without a file begin with an `@`. */
const unixSockets = (): string[] =>
  readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .slice(1)
    .flatMap((line) => line.trim().split(/\s+/).slice(7))
    .map((name) => name.replace(/^@/, '\0'))

/** Where programs of a machine usually listen, whatever the list of this network shows. */
const USUAL_SOCKETS = [
  '/run/docker.sock',
  '/run/containerd/containerd.sock',
  '/run/dbus/system_bus_socket',
  '/run/systemd/notify',
  '/run/systemd/journal/stdout',
]

const unixConnected = async (): Promise<string> => {
  let last: unknown
  for (const path of new Set([...USUAL_SOCKETS, ...unixSockets()])) {
    try {
      await waitFor(createConnection({ path }), 'connect')
      return JSON.stringify(path)
    } catch (error) {
      last = error
    }
  }
  throw last
}

const interfaces = (): string => {
  const names = Object.entries(networkInterfaces()).filter(([, addresses]) =>
    addresses?.some(({ internal }) => !internal),
  )
  if (names.length === 0) throw new Error('no interface beside loopback')
  return names.map(([name]) => name).join(' ')
}

const debugged = (): string => {
  openInspector(0, '127.0.0.1')
  const url = inspectorUrl()
  closeInspector()
  if (url === undefined) throw new Error('no port was opened')
  return 'a port of the debugger'
}

/** Attempts on the network; something of the host listens on `hostPort` of loopback. */
export const networkAttempts = (hostPort: number): Readonly<Record<string, Attempt>> => ({
  'connect to a port of the host': () =>
    waitFor(createConnection({ host: '127.0.0.1', port: hostPort }), 'connect'),
  'listen on a port': () => waitFor(createServer().listen(0, '127.0.0.1'), 'listening'),
  'open a UDP socket': () => waitFor(createSocket('udp4').bind(0, '127.0.0.1'), 'listening'),
  'listen on a unix socket': () => waitFor(createServer().listen('\0tollgate-self-attack'), 'listening'),
  'connect to a unix socket of the host': unixConnected,
  'resolve a name': async () => (await lookup('localhost', { all: true })).length,
  'see the network of the host': interfaces,
  'open a port for a debugger': debugged,
})
