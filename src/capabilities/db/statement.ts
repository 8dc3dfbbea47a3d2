import { hash } from 'node:crypto'
import { TollgateError } from '../../errors/tollgate-error.ts'

/** White space and comments, of which nothing need end but the text itself. */
const BLANK = /^(?:[\t\n\f\r ]+|--[^\n]*(?:\n|$)|\/\*[^]*?(?:\*\/|$))+/u

/** Words that a statement which only reads can begin with. `WITH` may turn out to write: the engine says so before it runs. */
const READS = ['SELECT', 'WITH', 'VALUES']

/** A statement without what comes before its first word. */
const withoutBlank = (sql: string): string => sql.replace(BLANK, '')

/** Whether nothing but blanks is in it. */
export const isBlank = (sql: string): boolean => withoutBlank(sql) === ''

/** Whether the first word is one that a read can begin with. */
export const beginsAsRead = (sql: string): boolean => {
  const [word = ''] = /^[A-Za-z]*/u.exec(withoutBlank(sql)) ?? []
  return READS.includes(word.toUpperCase())
}

/** Refuses what is no text that an engine can take. Throws GUEST_SQL. */
export function checkText(sql: string): void {
  if (!sql.isWellFormed() || sql.includes('\0'))
    throw new TollgateError('GUEST_SQL', 'The statement has a NUL, or half of a character, in it.')
}

/** Refuses by the first word what no grant on reading allows. Throws DENIED_STATEMENT and GUEST_SQL. */
export function checkStatement(sql: string, rule: string): void {
  checkText(sql)
  if (beginsAsRead(sql)) return
  throw new TollgateError('DENIED_STATEMENT', 'The statement is not one that only reads.', {
    rule,
    hint: 'Use one SELECT, VALUES, or WITH … SELECT.',
  })
}

const SUBJECT_SIZE_MAX = 400

/** A statement on one line; what is cut of it is named by its digest. */
export function subjectOf(sql: string): string {
  const line = sql.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029\s]+/gu, ' ').trim()
  const shown = line.slice(0, SUBJECT_SIZE_MAX)
  return shown === sql ? shown : `${shown}… [${sql.length} characters, sha256 ${hash('sha256', sql)}]`
}
