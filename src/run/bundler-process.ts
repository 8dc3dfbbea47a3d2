import { spawn, type ChildProcess } from 'node:child_process'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { Semaphore } from '../broker/semaphore.ts'
import {
  ANSWER_BYTES_MAX,
  decodeAnswer,
  type BundleFault,
  type BundleParts,
  type BundleQuestion,
} from '../bundler/wire.ts'
import { withNothingInherited } from '../cage/descriptors.ts'
import { TollgateError } from '../errors/tollgate-error.ts'

/** Makes one module of a tool and what it imports. */
export interface Bundler {
  /** Throws INTERNAL_CHILD_START, and the reason of the signal when that fires; then nothing of it goes on. */
  bundle(question: BundleQuestion, signal: AbortSignal): Promise<BundleParts | BundleFault>
}

const ENVIRONMENT = { TZ: 'UTC', LANG: 'C' }
/**
 * Memory that each of the two programs may write to: a byte of source may take some hundred of it, a manifest is as long as its file,
 * and a link may lead to one without end.
 */
const DATA_BYTES_MAX = 1536 * 1024 * 1024
/** No new rights, no life after the host's, no core dump, no endless computing, no endless memory. */
const CONFINED = [
  '--no-new-privs',
  '--pdeathsig',
  'KILL',
  'prlimit',
  '--core=0',
  '--cpu=60',
  `--data=${DATA_BYTES_MAX}`,
] as const
const HEAP_MB = 1024
const BUNDLE_MS_MAX = 30_000
/** Bundlers at once; more wait. */
const PROCESSES_MAX = 2

const tooLong = (msMax: number): BundleFault => ({
  fault: 'import',
  message: `Bundling what the tool imports takes longer than ${msMax / 1000} seconds.`,
  hint: 'Import less.',
})

const entryOfPackage = (): string =>
  join(dirname(findPackageJSON(import.meta.url) ?? '.'), 'dist', 'children', 'bundler.mjs')

const startProcess = (entry: string): ChildProcess => {
  const node = [process.execPath, '--no-warnings', `--max-old-space-size=${HEAP_MB}`, entry]
  return withNothingInherited(['pipe', 'pipe', 'ignore'], (stdio) =>
    spawn('setpriv', [...CONFINED, ...node], {
      stdio,
      env: ENVIRONMENT,
      // Where the bundler looks for what a computed name may mean, before it is stopped: a folder with next to nothing.
      cwd: dirname(entry),
      // A group of its own, to be killed with the program that it starts; Ctrl-C is for the host.
      detached: true,
      windowsHide: true,
    }),
  )
}

function kill({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

/** Everything that a process says, until it has ended; a process that says too much is killed. */
async function listen(child: ChildProcess): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  const said = child.stdout as Readable
  said.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (size > ANSWER_BYTES_MAX) kill(child)
  })
  await new Promise<void>((resolve) => {
    child.on('error', () => resolve())
    child.on('close', () => resolve())
  })
  return Buffer.concat(chunks)
}

async function ask(
  question: BundleQuestion,
  signal: AbortSignal,
  { entry, msMax }: Required<BundlerOptions>,
): Promise<BundleParts | BundleFault> {
  // A signal that has fired fires no more, and nothing else would end the process.
  signal.throwIfAborted()
  const late = AbortSignal.timeout(msMax)
  const ends = AbortSignal.any([signal, late])
  const child = startProcess(entry)
  const onEnd = (): void => kill(child)
  ends.addEventListener('abort', onEnd, { once: true })
  const asked = child.stdin as Writable
  // A process that is gone says so by its end.
  asked.on('error', () => undefined)
  asked.end(JSON.stringify(question))
  const bytes = await listen(child)
  ends.removeEventListener('abort', onEnd)
  signal.throwIfAborted()
  if (late.aborted) return tooLong(msMax)
  const answer = child.exitCode === 0 ? decodeAnswer(bytes) : undefined
  if (answer !== undefined) return answer
  const how = child.signalCode ?? child.exitCode ?? 'not started'
  throw new TollgateError('INTERNAL_CHILD_START', `The bundler ended without an answer (${how}).`, {
    gate: 'cage',
  })
}

export type BundlerOptions = {
  /** The program of the process. Default: dist/children/bundler.mjs of this package. */
  readonly entry?: string
  /** A tool that takes longer is at fault. */
  readonly msMax?: number
}

/** Bundles in a process for each tool, since what it reads and computes is the tool's choice. */
export const createBundler = ({
  entry = entryOfPackage(),
  msMax = BUNDLE_MS_MAX,
}: BundlerOptions = {}): Bundler => {
  const places = new Semaphore(PROCESSES_MAX)
  return Object.freeze<Bundler>({
    async bundle(question, signal) {
      await places.acquire(signal)
      try {
        return await ask(question, signal, { entry, msMax })
      } finally {
        places.release()
      }
    },
  })
}
