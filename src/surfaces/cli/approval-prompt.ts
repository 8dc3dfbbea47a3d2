import { createInterface, type Interface } from 'node:readline'
import { once } from 'node:events'
import { userInfo } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import type { ReadStream } from 'node:tty'
import type { Decision, Ticket } from '../../index.ts'
import { renderTicket } from './print-ticket.ts'
import type { Terminal } from './terminal.ts'

/** How long what was typed before the question is thrown away. */
const DRAIN_MS = 60
const TIMER_MS_MAX = 2 ** 31 - 1
const CTRL_C = 3

/**
 * The human's side at a terminal: shows each ticket and asks, one after the other. The default is no; so are the end of
 * the input, the expiry of the ticket and the end of the run.
 */
export const createApprovalPrompt = (terminal: Terminal, input: ReadStream) => {
  let last: Promise<unknown> = Promise.resolve()
  return (ticket: Ticket, signal: AbortSignal): Promise<Decision> => {
    const answer = last.then(() => askAbout(ticket, signal, terminal, input))
    last = answer.catch(() => undefined)
    return answer
  }
}

const askAbout = async (
  ticket: Ticket,
  signal: AbortSignal,
  terminal: Terminal,
  input: ReadStream,
): Promise<Decision> => {
  const by = `terminal:${userName()}`
  const refusal = (reason: string): Decision => ({ approve: false, by, reason })
  const leftMs = Math.min(ticket.expiresAtMs - Date.now(), TIMER_MS_MAX)
  if (signal.aborted || leftMs <= 0) return refusal('nobody answered in time')
  const over = AbortSignal.any([signal, AbortSignal.timeout(leftMs)])
  const releaseNotes = terminal.holdNotes()
  try {
    await drain(input)
    const answer = await question(ticket, over, terminal, input)
    if (answer === undefined) return refusal(over.aborted ? 'nobody answered in time' : 'the input ended')
    return answer ? { approve: true, by } : { approve: false, by }
  } finally {
    releaseNotes()
  }
}

/** Shows the ticket and reads lines until one is an answer: true, false, or undefined when there is none. */
const question = async (
  ticket: Ticket,
  over: AbortSignal,
  terminal: Terminal,
  input: ReadStream,
): Promise<boolean | undefined> => {
  const show = (full: boolean): boolean => {
    const options = { full, columns: process.stderr.columns }
    const { lines, wasCut } = renderTicket(ticket, terminal.err, Date.now(), options)
    process.stderr.write(`\n${lines.join('\n')}\n`)
    return wasCut
  }
  // `terminal: false` leaves the line discipline of the terminal in place, so that Ctrl-C still reaches the process.
  const lines = createInterface({ input, terminal: false })
  try {
    let more = show(false)
    for (;;) {
      process.stderr.write(`Approve once? [y/N]${more ? ' (s shows it in full)' : ''} `)
      const line = await nextLine(lines, over)
      if (line === undefined) process.stderr.write('\n')
      if (line === undefined || !/^\s*s(how)?\s*$/i.test(line))
        return line === undefined ? undefined : /^\s*y(es)?\s*$/i.test(line)
      show(true)
      more = false
    }
  } finally {
    lines.close()
    input.pause()
  }
}

const nextLine = async (lines: Interface, over: AbortSignal): Promise<string | undefined> => {
  const done = new AbortController()
  const signal = AbortSignal.any([over, done.signal])
  try {
    const ended = once(lines, 'close', { signal }).then(() => undefined)
    const line = once(lines, 'line', { signal }).then(([text]) => String(text))
    ended.catch(() => undefined)
    line.catch(() => undefined)
    return await Promise.race([line, ended])
  } catch {
    return undefined
  } finally {
    done.abort()
  }
}

/**
 * Throws away what was typed before the question was shown: an answer must be one to this ticket. Raw mode makes the
 * terminal hand over a half-typed line too; Ctrl-C, only a character there, is turned back into the signal that it means.
 */
const drain = async (input: ReadStream): Promise<void> => {
  const drop = (chunk: Buffer | string): void => {
    if (Buffer.from(chunk).includes(CTRL_C)) process.kill(process.pid, 'SIGINT')
  }
  input.setRawMode(true)
  input.on('data', drop)
  input.resume()
  await wait(DRAIN_MS)
  input.off('data', drop)
  input.pause()
  input.setRawMode(false)
}

const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
