import { isWritable, type DatabaseGrant, type TableGrant } from './database-grant.ts'

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
  const written = tables.flatMap((table) => writeSentence(table, where) ?? [])
  return [...read, ...written, ...endSentence(database), useSentence(database)]
}

/** When what is written is committed; empty where nothing may be. */
export function endSentence(database: DatabaseGrant): readonly string[] {
  if (!isWritable(database)) return []
  return database.transaction === 'run'
    ? [
        'What a run writes is committed when it has succeeded, and else rolled back; a human who is asked sees each statement before it runs.',
      ]
    : ['Each statement that writes is committed at once.']
}

/** What statements may use, and how far they go. */
export function useSentence(database: DatabaseGrant): string {
  const { name, functions, rowsMax, bytesMax, timeoutMs } = database
  const used = functions.length === 0 ? 'no SQL function' : `the SQL functions ${functions.join(', ')}`
  const nothing = isWritable(database) ? '' : '; they write nothing'
  return `Statements on ${name} may use ${used}${nothing}. Each gives at most ${rowsMax} rows and ${kb(bytesMax)}, and is stopped after ${timeoutMs / 1000} s.`
}

function tableSentence({ name, show, mask, where }: TableGrant, database: string): string {
  const shown =
    show === undefined ? 'every column' : show.length === 0 ? 'no column' : `the columns ${show.join(', ')}`
  const parts = [`May read ${shown} of the table ${name} in ${database}`]
  if (mask.length > 0) parts.push(`finds ${mask.join(', ')} always NULL`)
  if (where !== undefined) parts.push(`sees only rows where ${where.text}`)
  return `${parts.join('; ')}.`
}

const WRITES = { insert: 'insert into', update: 'update', delete: 'delete from' } as const

function writeSentence({ name, where, write }: TableGrant, database: string): string | undefined {
  if (write.length === 0) return undefined
  const verbs = write.map((verb) => WRITES[verb]).join(', ')
  const parts = [`May ${verbs} the table ${name} in ${database}, in columns that it is shown`]
  if (where !== undefined) parts.push(`writes only rows where ${where.text}`)
  if (write.includes('delete')) parts.push('a human approves what deletes')
  return `${parts.join('; ')}.`
}
