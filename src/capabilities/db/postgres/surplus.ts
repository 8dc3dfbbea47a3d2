import type { DatabaseGrant } from '../database-grant.ts'
import { textOf } from './cells.ts'
import type { PostgresConnection } from './connection.ts'
import { MARKERS } from './schema-name.ts'
import type { ServerGrant } from './server-grant.ts'

/** Something that a role can do and the policy does not say. `isDefault`: what PUBLIC may do on a server as it is installed. */
export type Surplus = { readonly what: string; readonly isDefault: boolean }

/** Functions that reach files of the server, other servers, or its processes. */
const REACHING =
  `pg_read_file pg_read_binary_file pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_ls_archive_statusdir
  pg_stat_file pg_file_write pg_file_read pg_file_unlink pg_file_rename pg_reload_conf pg_rotate_logfile lo_import lo_export`.split(
    /\s+/u,
  )
/** Functions of PUBLIC that change something in a transaction that reads only, or that a filter's principal depends on. */
const PUBLIC_FUNCTIONS =
  `lo_creat lo_create lo_from_bytea lo_put lo_unlink lowrite lo_truncate lo_truncate64 set_config pg_notify
  pg_advisory_lock`.split(/\s+/u)

/**
 * `$1` role, `$2` its schema, `$3` what it may do there (`INSERT orders`), `$4` and `$5` the functions above, `$6` tables into which it may
 * insert, and so use the sequences of their columns. What Tollgate may use is left out. Objects below 16384 came with the server.
 */
const SURPLUS = `
WITH r AS (SELECT oid, rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_catalog.pg_roles
    WHERE rolname = $1),
  d AS (SELECT oid, datname FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
  n AS (SELECT ns.oid, nspname, nspname IN ('pg_catalog', 'information_schema') OR nspname LIKE 'pg\\_toast%' AS "system"
    FROM pg_catalog.pg_namespace ns, r WHERE pg_catalog.has_schema_privilege(r.oid, ns.oid, 'USAGE')),
  t AS (SELECT c.oid, n.nspname, c.relname, c.relkind, p.privilege FROM pg_catalog.pg_class c JOIN n ON n.oid = c.relnamespace
    CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('REFERENCES'), ('TRIGGER')) AS p (privilege), r
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND (c.oid >= 16384 OR p.privilege IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
        OR c.relname IN ('pg_authid', 'pg_shadow', 'pg_largeobject', 'pg_user_mapping', 'pg_hba_file_rules', 'pg_statistic')
        OR NOT pg_catalog.has_any_column_privilege('public', c.oid, 'SELECT'))
      AND NOT (n.nspname = $2 AND p.privilege || ' ' || c.relname = ANY ($3))
      AND NOT (n.system AND c.relname IN ('pg_settings') AND p.privilege = 'UPDATE')
      AND CASE WHEN p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
        THEN pg_catalog.has_any_column_privilege(r.oid, c.oid, p.privilege)
        ELSE pg_catalog.has_table_privilege(r.oid, c.oid, p.privilege) END)
SELECT 'is a superuser', false FROM r WHERE rolsuper
UNION ALL SELECT 'bypasses row security', false FROM r WHERE rolbypassrls
UNION ALL SELECT 'creates roles', false FROM r WHERE rolcreaterole
UNION ALL SELECT 'creates databases', false FROM r WHERE rolcreatedb
UNION ALL SELECT 'replicates', false FROM r WHERE rolreplication
UNION ALL SELECT 'is a member of ' || m.rolname, false FROM pg_catalog.pg_auth_members a JOIN r ON a.member = r.oid
  JOIN pg_catalog.pg_roles m ON m.oid = a.roleid
UNION ALL SELECT 'owns ' || s.classid::pg_catalog.regclass || ' ' || s.objid, false FROM pg_catalog.pg_shdepend s JOIN r
  ON s.refobjid = r.oid WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.deptype = 'o'
UNION ALL SELECT 'has a right of its own on ' || s.classid::pg_catalog.regclass || ' ' || s.objid, false FROM d, pg_catalog.pg_shdepend s
  JOIN r ON s.refobjid = r.oid WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.deptype = 'a'
    AND s.dbid IN (0, d.oid) AND (s.classid::pg_catalog.regclass::text NOT IN ('pg_class', 'pg_proc', 'pg_namespace', 'pg_database',
        'pg_foreign_server', 'pg_language', 'pg_type')
      OR s.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND s.objid < 16384)
UNION ALL SELECT 'may create schemas in the database', false FROM d, r WHERE pg_catalog.has_database_privilege(r.oid, d.oid, 'CREATE')
UNION ALL SELECT 'may create temporary tables', true FROM d, r WHERE pg_catalog.has_database_privilege(r.oid, d.oid, 'TEMP')
UNION ALL SELECT 'may create in the schema ' || ns.nspname, false FROM pg_catalog.pg_namespace ns, r
  WHERE pg_catalog.has_schema_privilege(r.oid, ns.oid, 'CREATE')
UNION ALL SELECT 'may ' || privilege || ' ' || nspname || '.' || relname, false FROM t
UNION ALL SELECT 'may use the sequence ' || n.nspname || '.' || c.relname, false FROM pg_catalog.pg_class c
  JOIN n ON n.oid = c.relnamespace, r WHERE c.relkind = 'S' AND NOT n.system
    AND (pg_catalog.has_sequence_privilege(r.oid, c.oid, 'SELECT, UPDATE')
      OR pg_catalog.has_sequence_privilege(r.oid, c.oid, 'USAGE') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend a
        JOIN pg_catalog.pg_class b ON b.oid = a.refobjid JOIN pg_catalog.pg_namespace bn ON bn.oid = b.relnamespace
        WHERE a.objid = c.oid AND a.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND a.deptype IN ('a', 'i')
          AND bn.nspname = 'public' AND b.relname = ANY ($6)))
UNION ALL SELECT 'may call ' || n.nspname || '.' || p.proname, false FROM pg_catalog.pg_proc p JOIN n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang, r
  WHERE ((n.system AND p.proname = ANY ($4))
      OR (p.oid >= 16384 AND (p.prosecdef OR p.proname LIKE 'dblink%' OR NOT (l.lanpltrusted OR l.lanname IN ('internal', 'c'))))
      OR (p.proacl IS NOT NULL AND NOT pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')))
    AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')
UNION ALL SELECT DISTINCT 'may call pg_catalog.' || p.proname, true FROM pg_catalog.pg_proc p JOIN n ON n.oid = p.pronamespace, r
  WHERE n.nspname = 'pg_catalog' AND p.proname = ANY ($5) AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE')
UNION ALL SELECT 'may use the server ' || f.srvname, false FROM pg_catalog.pg_foreign_server f, r
  WHERE pg_catalog.has_server_privilege(r.oid, f.oid, 'USAGE')
UNION ALL SELECT 'may write in the language ' || l.lanname, false FROM pg_catalog.pg_language l, r
  WHERE NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c') AND pg_catalog.has_language_privilege(r.oid, l.oid, 'USAGE')
UNION ALL SELECT 'may use every large object', false FROM r WHERE pg_catalog.current_setting('lo_compat_privileges')::bool
ORDER BY 2, 1`

/** Everything that the role which is connected can do beyond what is granted on the views of a database. */
export async function surplusOf(
  connection: PostgresConnection,
  { tables }: DatabaseGrant,
  { role, schema }: ServerGrant,
): Promise<readonly Surplus[]> {
  const granted = tables.flatMap(({ name, write }) =>
    ['select', ...write].map((verb) => `${verb.toUpperCase()} ${name}`),
  )
  const marking = tables.some(({ write }) => write.length > 0) ? [`INSERT ${MARKERS}`] : []
  const inserted = tables.flatMap(({ name, write }) => (write.includes('insert') ? [name] : []))
  const all = [role, schema, [...granted, ...marking], REACHING, PUBLIC_FUNCTIONS, inserted]
  const rows = await connection.all(SURPLUS, all)
  return rows.map(([what, isDefault]) => ({ what: textOf(what), isDefault: isDefault === true }))
}
