import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync, chownSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'

const ADMIN = 'admin'
const PASSWORD = 'p-admin-0f3c9a'
/** initdb and postgres refuse root. */
const NOBODY = 65_534
const DEBIAN = '/usr/lib/postgresql'
const isRoot = process.getuid?.() === 0

const folders = (): readonly string[] => [
  ...(process.env['PATH'] ?? '').split(delimiter),
  ...(existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin')) : []),
]

/** Where the programs of PostgreSQL are; undefined where there are none. */
const programs = folders().find(
  (folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')),
)

/** Says why nothing can be tried here; in CI that is a failure. To be called before a server is started. */
export const needPostgres = (skip: (note: string) => unknown): void => {
  if (programs !== undefined) return
  const why = `PostgreSQL is missing: neither PATH nor ${DEBIAN}/*/bin has initdb (Debian: apt-get install postgresql)`
  if (process.env['CI'] !== undefined) throw new Error(why)
  skip(why)
}

/** Whether a server can be started. */
export const hasPostgres = programs !== undefined

const asNobody = (program: string, args: readonly string[]): readonly [string, readonly string[]] => {
  const path = join(programs ?? '', program)
  const drop = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups']
  return ['setpriv', [...(isRoot ? drop : []), '--pdeathsig', 'INT', path, ...args]]
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A PostgreSQL on loopback, its data in a folder of its own. */
export type PostgresServer = AsyncDisposable & {
  readonly port: number
  url(database: string, user?: string, password?: string): string
  /** Runs SQL as the superuser; the rows of the last statement. */
  exec(sql: string, database?: string): Promise<readonly (readonly unknown[])[]>
  /** Ends the server at once. */
  stop(): Promise<void>
}

/**
 * Makes a cluster and starts it. Logging in takes a password; there is no other way in than TCP on 127.0.0.1. `files` are put beside
 * its data, for settings that name them.
 */
export const startPostgres = async (
  settings: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-postgres-'))
  const data = join(folder, 'data')
  writeFileSync(join(folder, 'password'), PASSWORD)
  if (isRoot) for (const path of [folder, join(folder, 'password')]) chownSync(path, NOBODY, NOBODY)
  const init = ['--pgdata', data, '--username', ADMIN, '--pwfile', join(folder, 'password')]
  const [initdb, args] = asNobody('initdb', [
    ...init,
    '--auth',
    'scram-sha-256',
    '--encoding',
    'UTF8',
    '--locale',
    'C',
    '--no-sync',
  ])
  const made = spawnSync(initdb, args, { cwd: '/', encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(data, name), text, { mode: 0o600 })
    if (isRoot) chownSync(join(data, name), NOBODY, NOBODY)
  }
  const port = await freePort()
  const given = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    shared_buffers: '16MB',
    max_connections: '40',
    ...settings,
  }
  const [postgres, start] = asNobody('postgres', [
    '-D',
    data,
    ...Object.entries(given).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ])
  const child = spawn(postgres, start, { cwd: '/', stdio: 'ignore' })
  const url = (database: string, user = ADMIN, password = PASSWORD): string =>
    `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
  const server: PostgresServer = {
    port,
    url,
    exec: (sql, database = 'postgres') => run(url(database), sql),
    stop: () => ended(child, 'SIGINT'),
    async [Symbol.asyncDispose]() {
      await ended(child, 'SIGINT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await reachable(port, child, () => server.exec('select 1'))
  return server
}

const ended = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

/** Waits until the server takes logins. */
const reachable = async (port: number, child: ChildProcess, login: () => Promise<unknown>): Promise<void> => {
  for (;;) {
    if (child.exitCode !== null) throw new Error('postgres ended at once')
    const socket = connect(port, '127.0.0.1')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (
      isOpen &&
      (await login().then(
        () => true,
        () => false,
      ))
    )
      return
    await setTimeout(50)
  }
}

const run = async (connectionString: string, sql: string): Promise<readonly (readonly unknown[])[]> => {
  const client = new pg.Client({ connectionString })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const results = (await client.query({ text: sql, rowMode: 'array' })) as unknown as
      pg.QueryArrayResult | pg.QueryArrayResult[]
    return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? []
  } finally {
    await client.end()
  }
}
