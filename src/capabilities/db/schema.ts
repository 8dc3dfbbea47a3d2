import * as z from 'zod'
import { readFilter } from './filter.ts'
import { FUNCTIONS } from './functions.ts'
import { functionProblems, postgresProblems, type EntryProblem } from './postgres/entry-rules.ts'
import { POSTGRES_FUNCTIONS } from './postgres/functions.ts'
import { off } from './unbuilt.ts'
import { WRITE_VERBS } from './write-kind.ts'

/** Names that a column or a table of a database may have, as far as Tollgate grants it. */
const name = z
  .string()
  .min(1)
  .max(128)
  .refine((text) => !/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(text), 'must have no control characters')

const table = name.refine(
  (text) => !/^(?:sqlite_|pragma_|_tollgate_)/iu.test(text),
  'must not be a table of the engine itself, or of Tollgate',
)

const columns = z.array(name).max(2000)

const filter = z
  .string()
  .min(1)
  .max(4096)
  .superRefine((text, refinement) => {
    const read = readFilter(text)
    if (typeof read === 'string') refinement.addIssue({ code: 'custom', message: read })
  })

const tableGrant = z.strictObject({
  show: columns.default([]).describe('columns that may be read'),
  mask: columns.default([]).describe('columns that are there, and always NULL'),
  seal: off(['null', '[]'], 'Columns whose values stay sealed.'),
  where: filter
    .optional()
    .describe('only rows for which this expression holds; `:principal` is bound to whoever the run acts for'),
})

const read = z.union([z.literal('*'), columns.transform((show) => ({ show, mask: [] })), tableGrant])

const entry = z.strictObject({
  engine: z.enum(['sqlite', 'postgres']).describe('the engine'),
  file: z.string().min(1).max(4096).optional().describe('the file of the database; relative to the policy'),
  url: z
    .string()
    .regex(/^secret:[A-Za-z_][A-Za-z0-9_-]{0,63}$/u, 'must be secret:NAME, a name under secrets')
    .nullish()
    .describe('`secret:NAME`, whose value is postgres://user:password@host:port/database?sslmode=…'),
  role: name.nullish().describe('the role as which the url logs in, and that may do nothing else'),
  read: z
    .record(table, read)
    .default({})
    .describe('tables that may be read: `"*"`, a list of columns, or { show, mask, where }'),
  write: z
    .record(table, z.array(z.enum(WRITE_VERBS)))
    .default({})
    .describe(
      'tables of `read` that may be written, each with its verbs; nothing unless `db_write` is true; what their foreign keys lead to stands under `read` too, without `where`',
    ),
  transaction: z
    .enum(['run', 'statement'])
    .default('run')
    .describe('run: all writes of a run are committed when it has succeeded; statement: each at once'),
  functions: z
    .array(z.enum([...new Set([...FUNCTIONS, ...POSTGRES_FUNCTIONS])]))
    .default([])
    .describe('SQL functions that statements may use; LIKE is `like`'),
  max_rows: z.int().min(1).max(100_000).default(1000).describe('rows of one result'),
  max_result_kb: z
    .number()
    .gt(0)
    .max(16 * 1024)
    .default(1024)
    .describe('size of one result'),
  timeout_seconds: z.number().gt(0).max(600).default(5).describe('time of one statement; then it is stopped'),
  label: off(['null', '[]'], 'Labels of what is read.'),
})

/** `permissions.db`: databases by the name under which the tool finds them. */
export const dbSchema = z
  .record(
    z
      .string()
      .regex(/^(?!(?:write|read)$)[A-Za-z][A-Za-z0-9_]{0,62}$/u, 'must be a name of letters, digits and _'),
    entry,
  )
  .superRefine((document, refinement) => {
    for (const [name, one] of Object.entries(document)) {
      const report = (path: (string | number)[], message: string): void =>
        refinement.addIssue({ code: 'custom', path: [name, ...path], message })
      if (one.file === undefined && one.engine === 'sqlite')
        report(['file'], 'is missing; an SQLite database is a file')
      for (const { path, message } of engineProblems(one)) report([...path], message)
      if (one.file !== undefined && /^file:|^:|\p{Cc}/iu.test(one.file)) report(['file'], 'must be a path')
      reportRepeats(Object.keys(one.write), (at) => report(['write', at], 'is the same table as another one'))
      const readable = new Set(Object.keys(one.read).map((key) => key.toLowerCase()))
      for (const key of Object.keys(one.write))
        if (!readable.has(key.toLowerCase()))
          report(['write', key], 'is not under read; only columns that are shown there can be written')
      reportRepeats(Object.keys(one.read), (at) => report(['read', at], 'is the same table as another one'))
      for (const [key, grant] of Object.entries(one.read))
        if (grant !== '*')
          reportRepeats([...grant.show, ...grant.mask], (at) =>
            report(['read', key], `names the column ${at} twice`),
          )
    }
  })
  .describe('Databases that the tool may query, by name.')

/** What an entry says that its engine cannot do. */
function engineProblems(one: z.output<typeof entry>): readonly EntryProblem[] {
  if (one.engine === 'postgres') return postgresProblems(one)
  return [
    ...(['url', 'role'] as const)
      .filter((key) => typeof one[key] === 'string')
      .map((key) => ({ path: [key], message: 'is of a server; an SQLite database is a file' })),
    ...functionProblems(one.functions, FUNCTIONS, 'SQLite'),
  ]
}

function reportRepeats(names: readonly string[], report: (name: string) => void): void {
  const seen = new Set<string>()
  for (const one of names) {
    const folded = one.toLowerCase()
    if (seen.has(folded)) report(one)
    seen.add(folded)
  }
}

export type DbDocument = z.output<typeof dbSchema>
export type DatabaseDocument = DbDocument[string]
