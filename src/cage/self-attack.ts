/**
 * Takes the place of the cage's entry and behaves as a program that has taken the process over: it tries what no cage may do and
 * reports what came of it, one log frame an attempt. `tollgate doctor` and the tests run it in every tier.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync, writeSync } from 'node:fs'
import { createServer, createConnection } from 'node:net'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { FRAME_VERSION } from '../../runtime/abi/frames.ts'
import { encodeFrame } from './port.ts'

const PORT_FD = 3
const SLOT = 1

/** An attempt throws or rejects when it was held back; what it returns says what it got. */
type Attempt = () => unknown

const opened = async (
  socket: { once(event: string, listener: () => void): unknown },
  event: string,
): Promise<string> => {
  await once(socket as never, event)
  return event
}

/** More entries than the launcher sets itself: then something of the host's environment came along. */
const ENVIRONMENT_NAMES = new Set(['TZ', 'LANG', 'PWD', 'SHLVL', '_', 'OLDPWD', 'NODE_CHANNEL_FD'])

const foreignVariables = (): string => {
  const names = Object.keys(process.env).filter((name) => !ENVIRONMENT_NAMES.has(name))
  if (names.length === 0) throw new Error('the environment is empty')
  return names.join(' ')
}

const otherProcesses = (): string => {
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) > 64)
  if (others.length === 0) throw new Error('no process beside those of the box')
  return `${others.length} processes`
}

const killed = (pid: number): string => {
  process.kill(pid, 0)
  return `process ${pid} takes signals`
}

const ran = (command: string): string => {
  const { error, status } = spawnSync(command, ['-c', 'true'])
  if (error !== undefined) throw error
  return `exit ${status}`
}

/** By name; the host passes a port that listens on loopback and the process id of itself. */
const attempts = (hostPort: number, hostPid: number): Readonly<Record<string, Attempt>> => ({
  'read a file of the host': () => readFileSync('/etc/passwd', 'utf8').length,
  'list the files of the host': () => readdirSync('/home').length,
  'see the environment of the host': foreignVariables,
  'write a file': () => writeFileSync('/tmp/tollgate-self-attack', 'x'),
  'write beside its own entry': () => writeFileSync(`${import.meta.dirname}/tollgate-self-attack`, 'x'),
  'make a folder': madeFolder,
  'connect to a port of the host': () =>
    opened(createConnection({ host: '127.0.0.1', port: hostPort }), 'connect'),
  'listen on a port': () => opened(createServer().listen(0, '127.0.0.1'), 'listening'),
  'open a UDP socket': () => opened(createSocket('udp4').bind(0, '127.0.0.1'), 'listening'),
  'listen on a unix socket': () => opened(createServer().listen('\0tollgate-self-attack'), 'listening'),
  'resolve a name': async () => (await lookup('localhost', { all: true })).length,
  'run a shell': () => ran('/bin/sh'),
  'run Node again': () => ran(process.execPath),
  'see other processes': otherProcesses,
  'signal the host': () => killed(hostPid),
})

/** Leaves nothing behind where it gets through. */
const madeFolder = (): string => {
  const folder = '/tmp/tollgate-self-attack'
  mkdirSync(folder)
  rmdirSync(folder)
  return folder
}

const report = (text: string): void => {
  writeSync(PORT_FD, encodeFrame({ t: 'log', slot: SLOT, level: 'info' }, [text]))
}

/** What may take for ever is given up: a held attempt is one that gets nothing. */
const GIVE_UP_MS = 1_000

const outcomeOf = async (attempt: Attempt): Promise<{ held: boolean; detail: string }> => {
  try {
    const late = new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new Error('no answer')), GIVE_UP_MS)
    })
    const got = await Promise.race([Promise.try(attempt), late])
    return { held: false, detail: String(got) }
  } catch (error) {
    return { held: true, detail: error instanceof Error ? error.message : String(error) }
  }
}

const [hostPort, hostPid] = (process.argv[3] ?? '').split(',').map(Number)
process.on('uncaughtException', () => undefined)
writeSync(PORT_FD, encodeFrame({ t: 'ready', v: FRAME_VERSION }, []))
for (const [name, attempt] of Object.entries(attempts(hostPort ?? 0, hostPid ?? 0))) {
  const { held, detail } = await outcomeOf(attempt)
  report(JSON.stringify({ name, held, detail: detail.slice(0, 200) }))
}
writeSync(PORT_FD, encodeFrame({ t: 'done', slot: SLOT, ok: true }, ['null']))
