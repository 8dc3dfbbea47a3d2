import { deepFreeze } from '../../canonical/canonical-json.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { GrantEnvironment, Judgement } from '../capability.ts'
import { readFilter, type Filter } from './filter.ts'
import type { DbRequest, QueryArguments } from './ops.ts'
import { compileServer, type ServerGrant } from './postgres/server-grant.ts'
import type { DatabaseDocument } from './schema.ts'
import { checkStatement, subjectOf } from './statement.ts'
import type { WriteVerb } from './write-kind.ts'

/** One table that may be read. `show` undefined: every column. */
export type TableGrant = {
  readonly name: string
  readonly show: readonly string[] | undefined
  readonly mask: readonly string[]
  readonly where: Filter | undefined
  /** What may be done to its rows; empty without `db_write`. */
  readonly write: readonly WriteVerb[]
}

/** One database of the policy, compiled. Frozen. */
export type DatabaseGrant = {
  readonly name: string
  /** `permissions.db.NAME`. */
  readonly rule: string
  /** As the policy names it; relative to `folder`. */
  readonly file: string
  /** Where relative files stand; undefined: the working folder of the host. */
  readonly folder: string | undefined
  /** Where a database is that is no file. */
  readonly server: ServerGrant | undefined
  readonly tables: readonly TableGrant[]
  readonly functions: readonly string[]
  readonly rowsMax: number
  readonly bytesMax: number
  readonly timeoutMs: number
  /** Whether all writes of a run are committed together, or each at once. */
  readonly transaction: 'run' | 'statement'
}

/** Whether anything of a database may be written. */
export const isWritable = ({ tables }: DatabaseGrant): boolean => tables.some(({ write }) => write.length > 0)

/** Compiles one entry of `permissions.db`. */
export function compileDatabase(
  name: string,
  document: DatabaseDocument,
  environment: GrantEnvironment,
): DatabaseGrant {
  const { baseDirectory, dbWrite = false } = environment
  const written = new Map(
    Object.entries(document.write).map(([table, verbs]) => [table.toLowerCase(), verbs]),
  )
  if (!dbWrite && [...written.values()].some((verbs) => verbs.length > 0))
    environment.warn(`permissions.db.${name}.write`, 'grants nothing, for db_write is not true')
  const tables = Object.entries(document.read).map(([table, grant]) => ({
    ...compileTable(table, grant),
    write: dbWrite ? [...new Set(written.get(table.toLowerCase()))] : [],
  }))
  return deepFreeze<DatabaseGrant>({
    name,
    rule: `permissions.db.${name}`,
    file: document.file ?? '',
    folder: baseDirectory,
    server: document.engine === 'postgres' ? compileServer(name, document, tables, environment) : undefined,
    tables,
    functions: [...new Set(document.functions)],
    rowsMax: document.max_rows,
    bytesMax: Math.floor(document.max_result_kb * 1024),
    timeoutMs: Math.ceil(document.timeout_seconds * 1000),
    transaction: document.transaction,
  })
}

function compileTable(name: string, grant: DatabaseDocument['read'][string]): Omit<TableGrant, 'write'> {
  if (grant === '*') return { name, show: undefined, mask: [], where: undefined }
  const where = 'where' in grant && grant.where !== undefined ? readFilter(grant.where) : undefined
  // The schema has read it before.
  if (typeof where === 'string') throw new TollgateError('CONFIG_POLICY_INVALID', where)
  return { name, show: grant.show, mask: grant.mask, where }
}

/** Judges one statement by what can be seen without the engine, which judges it again. Throws DENIED_STATEMENT and GUEST_SQL. */
export function judgeQuery(op: string, database: DatabaseGrant, args: QueryArguments): Judgement {
  checkStatement(args.sql, database.rule)
  return judgement(op, database, subjectOf(args.sql), { kind: 'query', database: database.name, ...args })
}

/** Judges a look at the tables that are granted. */
export const judgeSchema = (op: string, database: DatabaseGrant): Judgement =>
  judgement(op, database, 'schema', { kind: 'schema', database: database.name })

const judgement = (op: string, { name, rule }: DatabaseGrant, what: string, request: DbRequest): Judgement =>
  deepFreeze<Judgement>({
    op,
    rule,
    effect: 'read',
    categories: [],
    subject: `db.${name}: ${what}`,
    request,
    costMicroUsd: 0,
    quotas: [],
    idempotency: 'idempotent',
  })
