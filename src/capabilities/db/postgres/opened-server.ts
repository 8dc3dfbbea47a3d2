import type { DatabaseGrant } from '../database-grant.ts'
import type { DbTable } from '../ops.ts'
import { textOf } from './cells.ts'
import type { Batch, PostgresConnection } from './connection.ts'
import type { Named } from './gate/gate.ts'
import { Refused } from './refused.ts'
import { surplusOf } from './surplus.ts'
import type { ServerGrant } from './server-grant.ts'
import { linksBeyond, type WritableTable } from './writable-tables.ts'

/** What a connection that fits its grant lets a statement name. */
export type OpenedServer = { readonly tables: readonly DbTable[]; readonly named: Named }

const VIEWS = `SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
    coalesce('security_barrier=true' = ANY (c.reloptions), false) AND c.relkind = 'v',
    coalesce('check_option=cascaded' = ANY (c.reloptions), false)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE n.nspname = $1 AND c.relkind IN ('v', 'r') AND c.relname = ANY ($2)
  ORDER BY c.relname, a.attnum`

/**
 * What the server may call for `(value).name` as well: functions of one argument, and casts to types; and whether they take a row of
 * any table, which no such cast does. Only what it finds without a schema: a refusal would tell of others, and each table is a type.
 */
const MEMBER_FUNCTIONS = `SELECT p.proname, pg_catalog.bool_or(t.typtype = 'c'
    OR t.typname IN ('any', 'anyelement', 'anynonarray', 'anycompatible', 'anycompatiblenonarray', 'record'))
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0]
  WHERE p.pronargs - p.pronargdefaults <= 1 AND pg_catalog.pg_function_is_visible(p.oid) GROUP BY p.proname
  UNION ALL SELECT y.typname, false FROM pg_catalog.pg_type y WHERE y.typrelid = 0 AND pg_catalog.pg_type_is_visible(y.oid)`

/**
 * Compares what the connected role finds and may do with the grant. Throws Refused `unfit` for a role that is another one, that can
 * do more than the grant says (but for what PUBLIC may on a server as it is installed), or that lacks the views of the grant.
 */
export async function openServer(
  connection: PostgresConnection,
  database: DatabaseGrant,
  server: ServerGrant,
): Promise<OpenedServer> {
  const { tables: granted, functions } = database
  const { role, schema } = server
  const [user] = await connection.all('SELECT session_user, current_user')
  if (user?.some((one) => one !== role) !== false)
    throw new Refused('unfit', `its url logs in as another user than ${role}`)
  const names = granted.map(({ name }) => name)
  const surplus = (await surplusOf(connection, database, server)).filter(({ isDefault }) => !isDefault)
  if (surplus.length > 0)
    throw new Refused('unfit', `the role ${role} can do more than it says; see tollgate check --connect`)
  if ((await linksBeyond(connection, database)).length > 0)
    throw new Refused('unfit', 'writing it would set off more than it says; see tollgate check --connect')
  const found = await connection.all(VIEWS, [schema, names])
  const tables = granted.map((table) => tableOf(table, found))
  const called = await connection.all(MEMBER_FUNCTIONS)
  const ofRows = called.filter(([, takesRow]) => takesRow === true)
  return {
    tables,
    named: {
      tables: new Set(names),
      functions: new Set(functions),
      columns: new Set(tables.flatMap(({ columns }) => columns.map(({ name }) => name))),
      rowFunctions: new Set(ofRows.map(([name]) => textOf(name))),
      valueFunctions: new Set(called.map(([name]) => textOf(name))),
      writable: new Map(
        granted.map((table, at) => [table.name, writableOf(table, tables[at]?.columns ?? [])]),
      ),
    },
  }
}

const writableOf = (
  { where, write }: DatabaseGrant['tables'][number],
  columns: DbTable['columns'],
): WritableTable => ({
  verbs: new Set(write),
  columns: new Set(columns.filter(({ masked }) => !masked).map(({ name }) => name)),
  isFiltered: where !== undefined,
})

function tableOf(
  { name, show, mask, where, write }: DatabaseGrant['tables'][number],
  found: Batch['rows'],
): DbTable {
  const rows = found.filter(([view]) => view === name)
  const shown = rows.filter(([, column]) => column !== null)
  const columns = shown.map(([, column, type]) => ({
    name: textOf(column),
    type: textOf(type),
    masked: mask.includes(textOf(column)),
  }))
  const wanted = show === undefined ? undefined : [...show, ...mask]
  const isWhole = wanted === undefined || wanted.join('\0') === columns.map((one) => one.name).join('\0')
  const isChecking = where !== undefined && write.length > 0
  const isGuarded = rows.every(
    ([, , , isBarrier, isChecked]) => isBarrier === true && isChecked === isChecking,
  )
  if (rows.length === 0 || !isWhole || !isGuarded)
    throw new Refused('unfit', `it has no view of ${name} as granted; run tollgate db setup-role`)
  return { name, columns }
}
