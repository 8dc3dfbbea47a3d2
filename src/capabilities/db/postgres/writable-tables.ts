import type { DatabaseGrant } from '../database-grant.ts'
import type { WriteVerb } from '../write-kind.ts'
import { textOf } from './cells.ts'
import type { PostgresConnection } from './connection.ts'

/** What may be done to a table. */
export type WritableTable = {
  readonly verbs: ReadonlySet<WriteVerb>
  /** Those that are shown: no others can be assigned to. */
  readonly columns: ReadonlySet<string>
  readonly isFiltered: boolean
}

/** What a write can set off, in JSON: `[table, what, …]`. `$1` names of tables. */
const LINKS = `WITH RECURSIVE b AS (SELECT c.oid, c.relname, c.relkind, c.relhassubclass FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relname = ANY ($1)),
  k AS (SELECT f.*, a.relname AS own, o.relname AS other, n.nspname AS within,
      (SELECT pg_catalog.array_agg(attname::text) FROM pg_catalog.pg_attribute WHERE attrelid = f.conrelid AND attnum = ANY (f.conkey)) AS keys,
      (SELECT pg_catalog.array_agg(attname::text) FROM pg_catalog.pg_attribute WHERE attrelid = f.confrelid AND attnum = ANY (f.confkey)) AS refs
    FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class a ON a.oid = f.conrelid JOIN pg_catalog.pg_class o ON o.oid = f.confrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace WHERE f.contype = 'f'),
  y (rel, type) AS (SELECT a.attrelid, a.atttypid FROM b JOIN pg_catalog.pg_attribute a ON a.attrelid = b.oid AND a.attnum > 0
    UNION SELECT y.rel, CASE WHEN t.typbasetype <> 0 THEN t.typbasetype ELSE t.typelem END
      FROM y JOIN pg_catalog.pg_type t ON t.oid = y.type),
  e AS (SELECT adrelid AS rel, tableoid AS class, oid FROM pg_catalog.pg_attrdef
    UNION ALL SELECT conrelid, tableoid, oid FROM pg_catalog.pg_constraint
    UNION ALL SELECT y.rel, c.tableoid, c.oid FROM y JOIN pg_catalog.pg_constraint c ON c.contypid = y.type
    UNION ALL SELECT rel, 'pg_catalog.pg_type'::pg_catalog.regclass, type FROM y
    UNION ALL SELECT indrelid, 'pg_catalog.pg_class'::pg_catalog.regclass, indexrelid FROM pg_catalog.pg_index)
SELECT pg_catalog.json_build_array(relname, 'other') FROM b WHERE relkind <> 'r' OR relhassubclass
UNION ALL SELECT pg_catalog.json_build_array(b.relname, 'trigger', t.tgname) FROM b JOIN pg_catalog.pg_trigger t ON t.tgrelid = b.oid
  WHERE NOT t.tgisinternal
UNION ALL SELECT pg_catalog.json_build_array(b.relname, 'rule', r.rulename) FROM b JOIN pg_catalog.pg_rewrite r ON r.ev_class = b.oid
UNION ALL SELECT pg_catalog.json_build_array(b.relname, 'function', p.proname) FROM b JOIN e ON e.rel = b.oid
  JOIN pg_catalog.pg_depend d ON d.classid = e.class AND d.objid = e.oid
  JOIN pg_catalog.pg_proc p ON p.oid = CASE d.refclassid WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN d.refobjid
    WHEN 'pg_catalog.pg_operator'::pg_catalog.regclass THEN (SELECT oprcode::oid FROM pg_catalog.pg_operator WHERE oid = d.refobjid) END
  WHERE p.prosecdef
UNION ALL SELECT pg_catalog.json_build_array(b.relname, 'reads', k.conname, k.within, k.other, k.keys, k.refs) FROM b
  JOIN k ON k.conrelid = b.oid
UNION ALL SELECT pg_catalog.json_build_array(b.relname, 'writes', k.conname, k.own, k.confdeltype IN ('c', 'n', 'd'),
    k.confupdtype IN ('c', 'n', 'd'), k.refs) FROM b JOIN k ON k.confrelid = b.oid`

type Table = DatabaseGrant['tables'][number]

/** What writes to the tables of a grant would set off that the grant does not say, in words for the operator. */
export async function linksBeyond(
  connection: PostgresConnection,
  { tables }: DatabaseGrant,
): Promise<readonly string[]> {
  const written = tables.filter(({ write }) => write.length > 0)
  if (written.length === 0) return []
  const rows = await connection.all(LINKS, [written.map(({ name }) => name)])
  return rows.flatMap(([text]) => {
    const [name, ...link] = JSON.parse(textOf(text)) as [string, string, ...unknown[]]
    const table = written.find((one) => one.name === name)
    const what = table && beyond(table, link, tables)
    return what === undefined ? [] : `the table ${name} ${what}`
  })
}

function beyond(
  table: Table,
  [kind, ...facts]: readonly unknown[],
  tables: readonly Table[],
): string | undefined {
  const [name] = facts as [string]
  if (kind === 'reads') return readBeyond(table, facts as Parameters<typeof readBeyond>[1], tables)
  if (kind === 'writes') return writtenBeyond(table, facts as Parameters<typeof writtenBeyond>[1])
  if (kind === 'other') return 'is no plain table, or others inherit from it'
  return `has the ${String(kind)} ${name}, which does what no policy says`
}

/** A foreign key tells whether a row is there: one of a table that is shown, without a filter. */
function readBeyond(
  { show, write }: Table,
  [name, within, other, keys, refs]: [string, string, string, string[], string[]],
  tables: readonly Table[],
): string | undefined {
  const canSet = write.some((verb) => verb !== 'delete') && keys.some((key) => show?.includes(key) !== false)
  const target = tables.find((one) => within === 'public' && one.name === other)
  const isShown =
    target?.where === undefined &&
    target !== undefined &&
    refs.every((ref) => target.show?.includes(ref) !== false)
  return canSet && !isShown
    ? `has the foreign key ${name}, which would tell what is in ${other}, that is not shown or is filtered`
    : undefined
}

/** What refers to a row may go or change with it. */
function writtenBeyond(
  { show, write }: Table,
  [name, own, onDelete, onUpdate, refs]: [string, string, boolean, boolean, string[]],
): string | undefined {
  const isSetOff =
    (onDelete && write.includes('delete')) ||
    (onUpdate && write.includes('update') && refs.some((ref) => show?.includes(ref) !== false))
  return isSetOff ? `has the foreign key ${name} to it, by which ${own} would be written` : undefined
}
