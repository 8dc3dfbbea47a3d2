import { spawnSync } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs'
import { firstOf, type Attempt } from './self-attack-files.ts'

/** More entries than the launcher sets itself: then something of the host's environment came along. */
const ENVIRONMENT_NAMES = new Set(['TZ', 'LANG', 'PWD', 'SHLVL', '_', 'OLDPWD', 'NODE_CHANNEL_FD'])
/** What starts a box and stays above it; seen from inside they are all that there is beside Node. */
const LAUNCHERS = new Set(['bwrap', 'unshare', 'setpriv', 'prlimit', 'sh'])

const foreignVariables = (): string => {
  const names = Object.keys(process.env).filter((name) => !ENVIRONMENT_NAMES.has(name))
  if (names.length === 0) throw new Error('the environment is empty')
  return names.join(' ')
}

const statusOf = (pid: number, field: string): string =>
  new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''

const isLauncher = (pid: number): boolean => {
  try {
    return LAUNCHERS.has(statusOf(pid, 'Name'))
  } catch {
    return false
  }
}

/** This process and the launchers above it. A number of theirs may be the host's too, in its own namespace. */
const ownProcesses = (): ReadonlySet<number> => {
  const own = new Set([process.pid])
  for (let pid = process.ppid; isLauncher(pid); pid = Number(statusOf(pid, 'PPid'))) own.add(pid)
  return own
}

const others = (): number[] => {
  const own = ownProcesses()
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => !own.has(pid))
  if (found.length === 0) throw new Error('no process beside those of the box')
  return found
}

/** Signal 0 asks whether a signal would be taken, and sends none. */
const takesSignals = (pid: number): string => {
  process.kill(pid, 0)
  return `${pid} takes signals`
}
const signalled = (pid: number): string => {
  if (ownProcesses().has(pid)) throw new Error('inside, that number is one of the box')
  return takesSignals(pid)
}
/** Field 5 of proc_pid_stat(5); the name before it may hold anything. */
const groupOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
}
const groupSignalled = (pid: number): string => {
  // A group takes signals when anybody in it does, this process included.
  signalled(pid)
  return takesSignals(-groupOf(pid))
}

const readOf = (pid: number, name: string): string => {
  const text = readFileSync(`/proc/${pid}/${name}`, 'utf8')
  if (text === '') throw new Error('it is empty')
  return `${text.length} characters`
}
const openedOf = (pid: number, name: string): string => {
  closeSync(openSync(`/proc/${pid}/${name}`, 'r'))
  return 'opened'
}
const listedOf = (pid: number, name: string): string =>
  `${readdirSync(`/proc/${pid}/${name}`).length} entries`

/** Starts a program; what cannot be started throws. Its streams are what this process has: a box may lack /dev/null. */
const ran = (command: string, args: readonly string[] = ['-c', 'true']): string => {
  const { error, status, signal } = spawnSync(command, args, { stdio: [0, 1, 1] })
  if (error !== undefined) throw error
  return `exit ${String(status ?? signal)}`
}
/** Starts a program that has to do what it is asked. */
const did = (command: string, ...args: string[]): string => {
  const exit = ran(command, args)
  if (exit !== 'exit 0') throw new Error(`${command}: ${exit}`)
  return 'done'
}

const SHELLS = ['/bin/sh', '/bin/busybox', '/usr/bin/env', '/usr/bin/perl', '/usr/bin/python3']
const found = (path: string): string => {
  accessSync(path, constants.X_OK)
  return 'can be executed'
}

/** The door behind the module `child_process`, where Node still has it. */
const ranThroughInternals = (): string => {
  const binding: unknown = Reflect.get(process, 'binding')
  if (typeof binding !== 'function') throw new Error('there is no binding')
  const { spawn } = binding.call(process, 'spawn_sync') as { spawn: (options: object) => { error?: number } }
  const stdio = [0, 1, 1].map((fd) => ({ type: 'fd', fd }))
  const { error } = spawn({ file: '/bin/sh', args: ['sh', '-c', 'true'], envPairs: [], stdio })
  if (error !== undefined) throw new Error(`error ${error}`)
  return 'ran'
}

const inNewNamespaces = [
  '--user',
  '--map-root-user',
  '--mount',
  'mount',
  '-t',
  'tmpfs',
  'none',
  '/mnt',
] as const

/** Attempts on programs, other processes, limits and namespaces. `hostPid` is the host's number outside. */
export const processAttempts = (hostPid: number): Readonly<Record<string, Attempt>> => ({
  'see the environment of the host': foreignVariables,
  'run a shell': () => ran('/bin/sh'),
  'run Node again': () => ran(process.execPath),
  'run a program through the internals of Node': ranThroughInternals,
  'find a program to become': () => firstOf(SHELLS, found),
  'see other processes': () => `${others().length} processes`,
  'signal the host': () => signalled(hostPid),
  'signal the process group of the host': () => groupSignalled(hostPid),
  'signal everybody': () => takesSignals(-1),
  'read the environment of another process': () => firstOf(others(), (pid) => readOf(pid, 'environ')),
  'open the memory of another process': () => firstOf(others(), (pid) => openedOf(pid, 'mem')),
  'list the descriptors of another process': () => firstOf(others(), (pid) => listedOf(pid, 'fd')),
  'reach the files of another process': () => firstOf(others(), (pid) => listedOf(pid, 'root')),
  'raise its own limits': () => did('prlimit', '--pid', String(process.pid), '--nofile=4096:4096'),
  'enter the namespaces of process 1': () => did('nsenter', '--target', '1', '--net', '--mount', 'true'),
  'make namespaces of its own': () => did('unshare', '--user', '--map-root-user', 'true'),
  'mount in namespaces of its own': () => did('unshare', ...inNewNamespaces),
})
