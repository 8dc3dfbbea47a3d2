import type { Declaration } from '../capability.ts'
import { isWritable, type DatabaseGrant, type TableGrant } from './database-grant.ts'
import { endSentence, useSentence } from './explain.ts'

const TYPES = [
  '/** Whole numbers beyond 2^53 are their digits. */\nexport type DbValue = null | boolean | string | number | Uint8Array',
  'export type DbRow = { [column: string]: DbValue }',
  '/** For `?` in their order, or for `:name` by name. */\nexport type DbParameters = readonly DbValue[] | Readonly<Record<string, DbValue>>',
  `export interface DbTable {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly masked: boolean }[]
}`,
  `export interface DbReads {
  /** All rows when it is awaited; one after the other in \`for await\`. */
  query<Row = DbRow>(sql: string, params?: DbParameters): Promise<Row[]> & AsyncIterable<Row>
  /** The first row. */
  get<Row = DbRow>(sql: string, params?: DbParameters): Promise<Row | null>
  /** What is granted, as the database has it. */
  schema(): Promise<{ tables: DbTable[] }>
  only(caveats?: Caveats & { tables?: string | readonly string[]; rows?: number }): Weaker<this>
}`,
]

const WRITES = `export interface DbWrites {
  /** One INSERT, UPDATE, DELETE or REPLACE. \`rows\`: what RETURNING gave. */
  execute<Row = DbRow>(sql: string, params?: DbParameters, options?: CallOptions): Promise<{
    readonly changes: number
    readonly lastInsertRowid?: number | string
    readonly rows?: Row[]
  }>
}`

/** `db` in TypeScript. What a row filter says is the host's: it may name columns that are hidden. */
export function declareDb(databases: readonly DatabaseGrant[]): Declaration | undefined {
  if (databases.length === 0) return undefined
  return {
    name: 'db',
    says: ['Databases by name. One SQL statement a call.'],
    // Names of databases are identifiers.
    members: databases.map((database) => ({
      says: [
        ...(database.server === undefined ? [] : ['In the SQL of PostgreSQL.']),
        ...tableSentences(database.tables),
        ...endSentence(database),
        useSentence(database),
      ],
      code: `readonly ${database.name}: DbReads${isWritable(database) ? ' & DbWrites' : ''}`,
    })),
    types: databases.some(isWritable) ? [...TYPES, WRITES] : TYPES,
  }
}

const tableSentences = (tables: readonly TableGrant[]): readonly string[] =>
  tables.length === 0 ? ['No table is granted.'] : tables.map(tableSentence)

function tableSentence({ name, show, mask, where, write }: TableGrant): string {
  const masked = mask.map((column) => `${column} (always NULL)`)
  const columns = show === undefined ? 'every column' : [...show, ...masked].join(', ') || 'no column'
  return `Table ${name}: ${columns}${where === undefined ? '' : '; only some of its rows'}${write.length === 0 ? '' : `; ${write.join(', ')}`}.`
}
