/** The command line as a user starts it: the real binary, in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Root of the checkout. */
export const checkout = join(import.meta.dirname, '..', '..')
/** What `tollgate` is linked to. */
export const binary = join(checkout, 'bin', 'tollgate.js')

export type Ended = {
  /** Null when a signal ended the process. */
  readonly exit: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export type StartOptions = {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What stdin holds; without it stdin is empty. `open` leaves it to {@link Started.type}. */
  readonly stdin?: string | { readonly open: true }
}

export interface Started {
  readonly pid: number
  /** Resolves when the process has ended and everything it wrote has arrived. */
  readonly ended: Promise<Ended>
  /** Resolves to all output so far once `pattern` occurs in it; rejects when the process ends without it. */
  until(pattern: RegExp): Promise<string>
  /** Writes to stdin. */
  type(text: string): void
  /** Stops reading stdout, as `head` does when it has enough. */
  closeStdout(): void
  kill(signal: NodeJS.Signals): void
}

/** The environment of a user who set nothing. */
const cleanEnv = (more: StartOptions['env'] = {}): NodeJS.ProcessEnv => {
  const { NO_COLOR: _, FORCE_COLOR: __, TOLLGATE_STATE: ___, NODE_OPTIONS: ____, ...env } = process.env
  return { ...env, ...more }
}

/** Starts a program; see {@link startTollgate}. */
export const startProgram = (
  program: string,
  args: readonly string[],
  { cwd = checkout, env, stdin }: StartOptions = {},
): Started => {
  const child = spawn(program, args, { cwd, env: cleanEnv(env), stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => undefined)
  if (typeof stdin !== 'object') child.stdin.end(stdin ?? '')
  const heard = listen(child)
  return {
    pid: child.pid ?? -1,
    ended: heard.ended,
    until: heard.until,
    type: (text) => void child.stdin.write(text),
    closeStdout: () => child.stdout.destroy(),
    kill: (signal) => void child.kill(signal),
  }
}

const listen = (child: ChildProcess): Pick<Started, 'ended' | 'until'> => {
  const told = { stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      told[name] += text
      for (const watch of watchers) watch()
    })
  }
  const { promise: ended, resolve, reject } = Promise.withResolvers<Ended>()
  child.on('error', reject)
  child.on('close', (exit, signal) => resolve({ exit, signal, ...told }))
  const until = async (pattern: RegExp): Promise<string> => {
    const found = new Promise<void>((done) => {
      const watch = (): void => {
        if (!pattern.test(told.stdout + told.stderr)) return
        watchers.delete(watch)
        done()
      }
      watchers.add(watch)
      watch()
    })
    await Promise.race([found, ended])
    if (pattern.test(told.stdout + told.stderr)) return told.stdout + told.stderr
    throw new Error(`the process ended without ${String(pattern)}; it wrote:\n${told.stdout}${told.stderr}`)
  }
  return { ended, until }
}

/** Starts `tollgate` with these arguments, by the Node that runs the test. */
export const startTollgate = (args: readonly string[], options: StartOptions = {}): Started =>
  startProgram(process.execPath, [binary, ...args], options)

/** Runs `tollgate` to its end. */
export const tollgate = (args: readonly string[], options: StartOptions = {}): Promise<Ended> =>
  startTollgate(args, options).ended

/** A folder that is gone when it is disposed of. */
export interface Folder extends Disposable {
  readonly path: string
  /** Writes files into it, by their names; folders are made. */
  write(files: Readonly<Record<string, string>>): void
}

/** Makes a folder that holds these files, and nothing else. */
export const openFolder = (files: Readonly<Record<string, string>> = {}, parent = tmpdir()): Folder => {
  const path = mkdtempSync(join(parent, 'tollgate-test-'))
  const write = (more: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(more)) {
      mkdirSync(dirname(join(path, name)), { recursive: true })
      writeFileSync(join(path, name), text)
    }
  }
  write(files)
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
