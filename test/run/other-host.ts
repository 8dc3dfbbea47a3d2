import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** How another process ended. */
export type Ended = {
  readonly code: number | null
  readonly signal: string | null
  readonly output: string
  readonly errors: string
}

/** Another process that hosts a Tollgate. */
export type OtherHost = {
  readonly process: ChildProcess
  /** Resolves with the next line that it prints; undefined when it ended. */
  line(): Promise<string | undefined>
  readonly ended: Promise<Ended>
}

/** Starts a program of this folder in a process of its own. `shell`: a line of shell that becomes it with `exec "$@"`. */
export function startHost(program: string, given: readonly string[], shell?: string): OtherHost {
  const command = [process.execPath, join(import.meta.dirname, program), ...given]
  const [file = '', ...rest] =
    shell === undefined ? command : ['bash', '-c', `${shell}; exec "$@"`, 'host', ...command]
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  const waiting: ((line: string | undefined) => void)[] = []
  let output = ''
  let isOver = false
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    output += piece
    for (let end = output.indexOf('\n'); end !== -1; end = output.indexOf('\n')) {
      const line = output.slice(0, end)
      output = output.slice(end + 1)
      const next = waiting.shift()
      if (next === undefined) lines.push(line)
      else next(line)
    }
  })
  const errors = text(child.stderr)
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      isOver = true
      for (const next of waiting.splice(0)) next(undefined)
      void errors.then((said) => resolve({ code, signal, output: lines.join('\n'), errors: said }))
    })
  })
  return {
    process: child,
    ended,
    line: () => {
      const line = lines.shift()
      if (line !== undefined || isOver) return Promise.resolve(line)
      return new Promise((resolve) => {
        waiting.push(resolve)
      })
    },
  }
}
