import { TollgateError } from '../../../errors/tollgate-error.ts'
import { TooMuch } from './counted-stream.ts'
import { Refused } from './refused.ts'

/** Errors that the server finds in the text of a statement, which the gate has read before: their words tell of it alone. */
const TEXTUAL: ReadonlySet<string> = new Set(
  '42601 42702 42803 42804 42846 42883 42P08 42P09 42P10 42P13 42P18 42P19 42P20 42P21 42P22 42611 42622 42701 42712 42725'.split(
    ' ',
  ),
)
/** A column, or a table of FROM, that is not there. */
const NAMES: ReadonlySet<string> = new Set(['42703', '42P01'])

/** The code of an error of the server; undefined for any other error. */
const stateOf = (error: unknown): string | undefined => {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined
}

/** Kinds of constraints, as they may be told. */
const CONSTRAINTS: Readonly<Record<string, string>> = {
  '23502': 'NOT NULL',
  '23503': 'FOREIGN KEY',
  '23505': 'UNIQUE',
  '23514': 'CHECK',
  '23P01': 'EXCLUDE',
}

const unavailable = (detail: string): Refused => new Refused('unavailable', detail)

/**
 * What the guest is told of an error. The words of the server reach it only for errors in the text of the statement: others may tell
 * of rows and objects that are not granted.
 */
export function refusedFor(error: unknown): Refused {
  if (error instanceof Refused) return error
  if (error instanceof TooMuch) return new Refused('bytes', '')
  const state = stateOf(error)
  if (state === undefined) return unavailable('the connection to its server broke')
  const said = (error as Error).message
  if (NAMES.has(state)) return new Refused('name', said)
  if (TEXTUAL.has(state)) return new Refused('sql', said)
  if (state === '42501') return new Refused('name', 'the statement cannot be run on this grant')
  if (state === '25006') return new Refused('statement', 'it would write')
  if (state === '44000') return new Refused('write', 'the filter of the table would not show the row')
  if (state === '428C9') return new Refused('name', 'a column that the table makes itself cannot be written')
  if (state.startsWith('23')) return new Refused('constraint', CONSTRAINTS[state] ?? 'a rule of the table')
  if (state === '55P03' || state.startsWith('40')) return new Refused('busy', '')
  if (state.startsWith('53') || state.startsWith('54')) return new Refused('memory', '')
  if (/^(?:08|57P|58|XX)/u.test(state)) return unavailable('its server ended the connection')
  return new Refused('sql', 'the statement failed while it ran')
}

/** What is told of a connection that could not be opened. */
export function refusedAtOpening(error: unknown): Refused {
  if (error instanceof Refused) return error
  const state = stateOf(error)
  if (state?.startsWith('28') === true) return unavailable('its server refused the login')
  if (state === '3D000') return unavailable('its server has no such database')
  if (state === '53300' || state === '57P03') return unavailable('its server takes no connection now')
  return unavailable('its server cannot be reached')
}

/** Whether the server stopped a statement because its time was over. */
export const isTimeout = (error: unknown): boolean => stateOf(error) === '57014'

/** Whether the server has ended a transaction so that another one could go on. */
export const isOvertaken = (error: unknown): boolean => stateOf(error)?.startsWith('40') === true

/**
 * Whether the server said no to a COMMIT: a constraint, another transaction, or its time was over. Whatever else it says may have ended
 * the connection; how bad it is, is told in the language of the server.
 */
export const isRefusal = (error: unknown): boolean => /^(?:23|40(?!003)|57014)/u.test(stateOf(error) ?? '')

/** Whether a row with this key is there already. */
export const isRepeated = (error: unknown): boolean => stateOf(error) === '23505'

/** A statement that was stopped at its deadline, or with its run. */
export const tooLate = (): TollgateError =>
  new TollgateError('UPSTREAM_TIMEOUT', 'The statement took longer than it may, and was stopped.', {
    hint: 'Ask for less: fewer joined tables, a narrower condition.',
  })
