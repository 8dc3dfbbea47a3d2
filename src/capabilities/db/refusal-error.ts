import { TollgateError } from '../../errors/tollgate-error.ts'
import type { DatabaseGrant } from './database-grant.ts'
import type { Refusal } from './wire.ts'

type Refused = { readonly refusal: Refusal; readonly detail: string; readonly isOpening?: boolean }

/** The tables of a grant, short enough for a hint. */
const tablesOf = ({ tables }: DatabaseGrant): string =>
  tables
    .map(({ name, show }) => (show === undefined ? name : `${name} (${show.join(', ')})`))
    .join('; ')
    .slice(0, 400)

/** Tables and verbs of a grant, short enough for a hint. */
const writesOf = ({ tables }: DatabaseGrant): string =>
  tables
    .filter(({ write }) => write.length > 0)
    .map(({ name, write }) => `${name} (${write.join(', ')})`)
    .join('; ')
    .slice(0, 400)

/** What the run wrote is gone, so nothing that rests on it goes on. */
export const lostError = ({ name }: DatabaseGrant, why: string): TollgateError =>
  new TollgateError('UPSTREAM_DB_ROLLED_BACK', `The writes of this run to ${name} are lost: ${why}.`, {
    hint: 'Nothing of them is kept; run again.',
    notPerformed: true,
  })

/** The error for what the process of a database did not do. */
export function refusalError({ refusal, detail }: Refused, database: DatabaseGrant): TollgateError {
  const { rule, name, functions, rowsMax, bytesMax } = database
  switch (refusal) {
    case 'unfit':
      return new TollgateError('CONFIG_DB_UNFIT', `The database ${name} does not fit its grant: ${detail}.`, {
        rule,
      })
    case 'changed':
    case 'unavailable':
      return new TollgateError('UPSTREAM_DB_UNAVAILABLE', `The database ${name} cannot be used: ${detail}.`, {
        rule,
      })
    case 'busy':
      return new TollgateError('UPSTREAM_DB_BUSY', `The database ${name} is locked by a writer.`, {
        hint: 'Try again.',
      })
    case 'statement':
      return new TollgateError('DENIED_STATEMENT', `The statement was not run: ${detail}.`, {
        rule,
        hint: 'Use one SELECT, VALUES, or WITH … SELECT.',
      })
    case 'tail':
      return new TollgateError('DENIED_STATEMENT', `The statement was not run: ${detail}.`, {
        rule,
        hint: 'Send one statement at a time.',
      })
    case 'name':
      return new TollgateError('DENIED_NAME', `The statement was not run: ${detail}.`, {
        rule,
        hint: `Granted are ${tablesOf(database) || 'no tables'}; functions: ${functions.join(', ') || 'none'}.`,
        change: `grant the table, the column or the function under ${rule}`,
      })
    case 'sql':
      return new TollgateError('GUEST_SQL', `The statement cannot be run: ${detail}.`)
    case 'params':
      return new TollgateError('GUEST_ARGUMENTS', `The parameters do not fit the statement: ${detail}.`)
    case 'rows':
      return new TollgateError('LIMIT_ROWS', `The statement gives more than ${rowsMax} rows.`, {
        rule: `${rule}.max_rows`,
        hint: 'Ask for fewer rows, with LIMIT or a narrower condition.',
        change: `raise ${rule}.max_rows`,
      })
    case 'bytes':
      return new TollgateError('LIMIT_RESPONSE_SIZE', `The result is larger than ${bytesMax} bytes.`, {
        rule: `${rule}.max_result_kb`,
        hint: 'Ask for fewer or smaller columns, or fewer rows.',
        change: `raise ${rule}.max_result_kb`,
      })
    case 'write':
      return new TollgateError('DENIED_STATEMENT', `Nothing was written: ${detail}.`, {
        rule: `${rule}.write`,
        hint: `May be written: ${writesOf(database) || 'nothing'}.`,
        change: `grant it under ${rule}.write`,
      })
    case 'constraint':
      return new TollgateError(
        'GUEST_SQL',
        `Nothing was written: a constraint of the table says no (${detail}).`,
      )
    case 'lost':
      return lostError(database, detail)
    case 'memory':
      return new TollgateError('LIMIT_STATEMENT', 'The statement needs more memory than a statement may.', {
        rule,
        hint: 'Sort and join fewer rows.',
      })
  }
}
