import { spawn, type ChildProcess } from 'node:child_process'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { findInRivals, programFile } from './rival.ts'

/** Its npm package brings the program along in a package for each platform, under one of these names. */
const PLATFORMS = ['linux-x64-glibc', 'linux-arm64-glibc', 'darwin-arm64', 'darwin-x64'] as const

/** Path of the program itself, without the launcher of the npm package. */
const findDeno = (): string => {
  const failures: string[] = []
  for (const platform of PLATFORMS) {
    try {
      return join(dirname(findInRivals(`@deno/${platform}/package.json`)), 'deno')
    } catch (error) {
      failures.push(String(error))
    }
  }
  throw new Error(failures[0] ?? 'there is no package of deno for this platform')
}

/** Starts a program in it, with every permission denied, that takes and gives one JSON message a line. */
export const startDeno = (
  program: string,
  memoryMb: number,
  onMessage: (message: unknown) => void,
): { readonly child: ChildProcess; readonly send: (message: unknown) => void } => {
  const flags = ['--no-prompt', '--no-config', '--no-lock', '--no-remote', '--no-npm', '--quiet']
  const child = spawn(
    findDeno(),
    [
      'run',
      ...flags,
      '--unstable-worker-options',
      `--v8-flags=--max-old-space-size=${memoryMb}`,
      programFile(program),
    ],
    { stdio: ['pipe', 'pipe', 'ignore'], env: { NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' } },
  )
  // A program that ended is told by its exit.
  child.stdin.on('error', () => undefined)
  createInterface({ input: child.stdout }).on('line', (line) => onMessage(JSON.parse(line)))
  return { child, send: (message) => void child.stdin.write(`${JSON.stringify(message)}\n`) }
}
