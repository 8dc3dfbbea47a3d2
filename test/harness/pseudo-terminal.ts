/** A program on a pseudo terminal, as a person at a keyboard has it. */
import { spawnSync } from 'node:child_process'
import { startProgram, type StartOptions, type Started } from './command-line.ts'

/** Keys that the line discipline of a terminal understands. */
export const KEYS = { enter: '\r', interrupt: '\u0003', endOfInput: '\u0004' } as const

/** Throws where the tool that makes pseudo terminals is missing: a test that cannot run must say so, and fail. */
export const requireTerminals = (): void => {
  if (spawnSync('script', ['--version']).status === 0) return
  throw new Error(
    'These tests need the command `script` (util-linux): it makes the pseudo terminal. Install it.',
  )
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/**
 * Starts a program with a terminal of 100 columns for stdin, stdout and stderr. All output is in `stdout`, with what was typed
 * echoed among it; lines end in CR LF.
 */
export const startOnTerminal = (
  program: string,
  args: readonly string[],
  options: Omit<StartOptions, 'stdin'> = {},
): Started => {
  const line = `stty cols 100 && exec ${[program, ...args].map(quoted).join(' ')}`
  return startProgram('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    ...options,
    env: { TERM: 'xterm', ...options.env },
    stdin: { open: true },
  })
}
