import type { DatabaseGrant, TableGrant } from './database-grant.ts'

const kb = (bytes: number): string => `${Number((bytes / 1024).toFixed(2))} KB`

/** One database in plain words: a sentence for each table, then what statements may use and how far they go. */
export function explainDatabase(database: DatabaseGrant): readonly string[] {
  const { name, file, server, tables } = database
  const where =
    server === undefined
      ? `the SQLite database ${name} (${file})`
      : `the PostgreSQL database ${name} (as ${server.role}, at secret:${server.secret})`
  const read =
    tables.length === 0
      ? [`May open ${where}, and read nothing of it: no table is granted.`]
      : tables.map((table) => tableSentence(table, where))
  return [...read, useSentence(database)]
}

/** What statements may use, and how far they go. */
export function useSentence({ name, functions, rowsMax, bytesMax, timeoutMs }: DatabaseGrant): string {
  const used = functions.length === 0 ? 'no SQL function' : `the SQL functions ${functions.join(', ')}`
  return `Statements on ${name} may use ${used}; they write nothing. Each gives at most ${rowsMax} rows and ${kb(bytesMax)}, and is stopped after ${timeoutMs / 1000} s.`
}

function tableSentence({ name, show, mask, where }: TableGrant, database: string): string {
  const shown =
    show === undefined ? 'every column' : show.length === 0 ? 'no column' : `the columns ${show.join(', ')}`
  const parts = [`May read ${shown} of the table ${name} in ${database}`]
  if (mask.length > 0) parts.push(`finds ${mask.join(', ')} always NULL`)
  if (where !== undefined) parts.push(`sees only rows where ${where.text}`)
  return `${parts.join('; ')}.`
}
