import { styleOf, type Style } from './style.ts'

/** The streams of the process, as the commands use them: results to stdout, everything else to stderr. */
export type Terminal = {
  /** stdout carries exactly one JSON document and nothing else. */
  readonly json: boolean
  readonly out: Style
  readonly err: Style
  /** stderr is a terminal: calls are shown as they happen. */
  readonly live: boolean
  /** A human can be asked: stdin and stderr are terminals, and the output is not JSON. */
  readonly canAsk: boolean
  /** Fires when nobody reads stdout any more (EPIPE). */
  readonly outputClosed: AbortSignal
  /** Writes lines to stdout. */
  print(lines: readonly string[]): void
  /** Writes the one JSON document to stdout. */
  printJson(value: unknown): void
  /** Writes text to stdout as it is, for what is streamed. */
  write(text: string): void
  /** Writes lines to stderr, or keeps them while a human is being asked. */
  note(lines: readonly string[]): void
  /** Keeps notes back until the returned function is called, so that no guest text mixes with a question. */
  holdNotes(): () => void
}

const isBrokenPipe = (error: NodeJS.ErrnoException): boolean =>
  error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED' || error.code === 'EIO'

/** Takes the process's streams over. A reader that goes away ends the output quietly instead of the process. */
export const openTerminal = (json: boolean): Terminal => {
  const { stdout, stderr, stdin, env } = process
  const closed = new AbortController()
  const held: string[] = []
  let holds = 0
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isBrokenPipe(error)) throw error
    closed.abort()
  })
  stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (!isBrokenPipe(error)) throw error
  })
  const write = (text: string): void => {
    if (!closed.signal.aborted) stdout.write(text)
  }
  return {
    json,
    out: styleOf(stdout, env),
    err: styleOf(stderr, env),
    live: stderr.isTTY === true && !json,
    canAsk: stdin.isTTY === true && stderr.isTTY === true && !json,
    outputClosed: closed.signal,
    print: (lines) => write(lines.map((line) => `${line}\n`).join('')),
    printJson: (value) => write(`${JSON.stringify(value, null, 2)}\n`),
    write,
    note(lines) {
      if (holds > 0) held.push(...lines)
      else for (const line of lines) stderr.write(`${line}\n`)
    },
    holdNotes() {
      holds += 1
      return () => {
        holds -= 1
        if (holds === 0) for (const line of held.splice(0)) stderr.write(`${line}\n`)
      }
    },
  }
}
