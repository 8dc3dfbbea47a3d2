import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { Socket } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { withNothingInherited } from '../cage/descriptors.ts'
import type { ChildPort, ChildPower } from '../capabilities/capability.ts'
import { TollgateError } from '../errors/tollgate-error.ts'

/** What the process of a capability is told of the machine: nothing but time zone and language. */
const ENVIRONMENT = { TZ: 'UTC', LANG: 'C' }
const HEAP_MB = 256
/**
 * What a process may allocate, whether it uses it or not: Node takes half of it to begin with. The SQLite of Node keeps no count of its
 * memory, so `PRAGMA hard_heap_limit` bounds nothing.
 */
const DATA_BYTES = 1024 * 1024 * 1024
/** No new rights, no life after the host's, no core dump. */
const CONFINED = `--no-new-privs --pdeathsig KILL prlimit --core=0 --nofile=64 --data=${DATA_BYTES}`.split(
  ' ',
)

/** Starts the bundled entries of capabilities; each gets one pipe, and nothing else of the host. */
export const createChildPower = (): ChildPower =>
  Object.freeze<ChildPower>({
    start,
    resolvePath: (folder, file) => resolve(folder ?? '.', file),
  })

function start(capability: string): ChildPort {
  const manifest = findPackageJSON(import.meta.url)
  const entry = join(dirname(manifest ?? '.'), 'dist', 'children', `${capability}.mjs`)
  const failure = (message: string): TollgateError =>
    new TollgateError('INTERNAL_CHILD_START', message, { notPerformed: true })
  if (!existsSync(entry))
    throw failure(`The entry of the process of ${capability} is missing; run \`npm run build\`.`)
  const node = [
    process.execPath,
    '--no-warnings',
    // It computes in bursts beside its host: compilers and collectors on threads of their own would take the processor that the host needs.
    '--single-threaded',
    '--permission',
    `--allow-fs-read=${entry}`,
    `--max-old-space-size=${HEAP_MB}`,
    entry,
  ]
  const child = withNothingInherited(['ignore', 'ignore', 'ignore', 'pipe'], (stdio) =>
    spawn('setpriv', [...CONFINED, ...node], { stdio, env: ENVIRONMENT, cwd: '/', windowsHide: true }),
  )
  const pipe = child.stdio[3]
  child.on('error', () => undefined)
  if (child.pid === undefined || !(pipe instanceof Socket))
    throw failure(`The process of ${capability} could not be made.`)
  const port: ChildPort = {
    write: (bytes) => void pipe.write(bytes),
    kill() {
      pipe.destroy()
      child.kill('SIGKILL')
    },
    onData: () => undefined,
    onEnd: () => undefined,
  }
  pipe.on('data', (bytes: Buffer) => port.onData(bytes))
  // A process that was killed resets its pipe; its end says so.
  pipe.on('error', () => undefined)
  pipe.on('close', () => port.onEnd())
  child.on('close', () => port.onEnd())
  return port
}
