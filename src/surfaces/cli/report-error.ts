import { isTollgateError, TollgateError } from '../../index.ts'
import type { Code } from '../../index.ts'
import { exitOfCode } from './exit-code.ts'
import { reasonLines } from './print-refusals.ts'
import { cut, printableLines } from './printable.ts'
import type { Terminal } from './terminal.ts'

const MESSAGE_SIZE_MAX = 64 * 1024
const HELP_COMMAND = 'tollgate --help'

/** What commander throws; by shape, because its class is not needed for anything else. */
const isUsageError = (error: unknown): error is Error & { code: string; exitCode: number } =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')

const asKnownError = (error: unknown): TollgateError => {
  if (isTollgateError(error)) return error
  if (isUsageError(error)) {
    const message =
      error.code === 'commander.help' ? 'No command was named.' : error.message.replace(/^error: /, '')
    return new TollgateError('CONFIG_USAGE', message, { hint: HELP_COMMAND })
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new TollgateError('INTERNAL_ERROR', `A defect in Tollgate: ${message}`, { cause: error })
}

/** An error for people: code, message, and what to do about it. All text in it is printable. */
const errorLines = (error: TollgateError, terminal: Terminal): string[] => {
  const [first = '', ...rest] = printableLines(cut(error.message, MESSAGE_SIZE_MAX))
  const { rule, hint, change } = error.facts
  return [
    `${terminal.err.paint(['bold', 'red'], `✖ ${error.code}`)} ${first}`,
    ...rest,
    ...reasonLines({ rule, hint, change }, terminal.err, '  ', 'try'),
  ]
}

/** The whole stack of a defect, for whoever reports it. */
const defectLines = (code: Code, cause: unknown): string[] =>
  code === 'INTERNAL_ERROR' && cause instanceof Error
    ? printableLines(cut(cause.stack ?? '', MESSAGE_SIZE_MAX))
    : []

/** Tells people of an error on stderr, and returns its exit code. */
export const noteError = (caught: unknown, terminal: Terminal): number => {
  const error = asKnownError(caught)
  terminal.note(errorLines(error, terminal))
  terminal.note(defectLines(error.code, error.facts.cause))
  return exitOfCode(error.code)
}

/** Tells an error that ended a command, as one JSON document or to people, and returns the exit code. */
export const reportError = (caught: unknown, terminal: Terminal): number => {
  if (!terminal.json) return noteError(caught, terminal)
  const error = asKnownError(caught)
  terminal.printJson({ error: error.toRecord() })
  terminal.note(defectLines(error.code, error.facts.cause))
  return exitOfCode(error.code)
}
