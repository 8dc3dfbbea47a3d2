import type { DatabaseGrant, TableGrant } from '../database-grant.ts'
import { quoted, quotedText } from './quoted.ts'
import { MARKERS, PRINCIPAL_SETTING } from './schema-name.ts'
import type { ServerGrant } from './server-grant.ts'

/** Functions of PUBLIC that write large objects even in a transaction that reads only. */
const WRITES_LARGE_OBJECTS =
  `lo_creat(integer) lo_create(oid) lo_from_bytea(oid,bytea) lo_put(oid,bigint,bytea) lo_unlink(oid)
  lowrite(integer,bytea) lo_truncate(integer,integer) lo_truncate64(integer,bigint) lo_import(text) lo_import(text,oid)
  lo_export(oid,text)`.split(/\s+/u)

/** Where the tables of a policy are looked for. */
const BASE_SCHEMA = 'public'

/**
 * The statements that make a server fit the grant of one database: the role, a view for each table, and the right to read these and
 * nothing else. They can be run again, by an owner of the database and of the tables; all of them, or none.
 */
export function roleStatements({ tables }: DatabaseGrant, { role, schema }: ServerGrant): readonly string[] {
  const to = quoted(role)
  const within = quoted(schema)
  return [
    // A function or an operator that somebody has put into `public` could fit these statements, or a filter, better.
    'SET LOCAL search_path = pg_catalog, pg_temp',
    doBlock(
      `IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${quotedText(role)}) THEN
    CREATE ROLE ${to} LOGIN;
  END IF;`,
    ),
    `ALTER ROLE ${to} LOGIN NOINHERIT NOCREATEDB NOCREATEROLE`,
    // Whoever owns the schema can put other views into it.
    doBlock(`IF EXISTS (SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
    WHERE n.nspname = ${quotedText(schema)} AND o.rolname <> current_user AND NOT o.rolsuper
      AND o.oid <> (SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())) THEN
    RAISE EXCEPTION 'the schema of the grant belongs to somebody else';
  END IF;`),
    // Those that its tables need it is given again.
    doBlock(`DECLARE counter pg_catalog.regclass; BEGIN
    FOR counter IN SELECT c.oid FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_class c ON c.oid = s.objid AND c.relkind = 'S'
      JOIN pg_catalog.pg_roles o ON o.oid = s.refobjid AND o.rolname = ${quotedText(role)}
      WHERE s.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND s.deptype = 'a'
        AND s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) LOOP
      EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %I', counter, ${quotedText(role)});
    END LOOP;
  END;`),
    `CREATE SCHEMA IF NOT EXISTS ${within}`,
    `REVOKE ALL ON SCHEMA ${within} FROM PUBLIC`,
    ...tables.flatMap((table) => [
      `DROP VIEW IF EXISTS ${within}.${quoted(table.name)}`,
      viewStatement(table, within),
      `REVOKE ALL ON ${within}.${quoted(table.name)} FROM PUBLIC, ${to}`,
      `REVOKE ALL ON ${quoted(BASE_SCHEMA)}.${quoted(table.name)} FROM ${to}`,
      `GRANT SELECT ON ${within}.${quoted(table.name)} TO ${to}`,
      ...writeGrants(table, within, role),
    ]),
    ...(tables.some(({ write }) => write.length > 0) ? markerStatements(`${within}.${MARKERS}`, to) : []),
    doBlock(`DECLARE old text; BEGIN
    FOR old IN SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE 'tollgate\\_%' AND nspname <> ${quotedText(schema)} LOOP
      EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', old, ${quotedText(role)});
    END LOOP;
  END;`),
    `GRANT USAGE ON SCHEMA ${within} TO ${to}`,
    `REVOKE CREATE ON SCHEMA ${quoted(BASE_SCHEMA)} FROM PUBLIC, ${to}`,
    doBlock(`EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), ${quotedText(role)});`),
    ...WRITES_LARGE_OBJECTS.map((one) => `REVOKE EXECUTE ON FUNCTION pg_catalog.${one} FROM PUBLIC`),
  ]
}

/** Verbs on the view alone: it is its owner who writes the table. A column that counts takes the next number itself. */
function writeGrants({ name, show, write }: TableGrant, within: string, role: string): readonly string[] {
  const to = quoted(role)
  const view = `${within}.${quoted(name)}`
  const columns = show === undefined ? '' : ` (${show.map(quoted).join(', ')})`
  const base = quotedText(`${quoted(BASE_SCHEMA)}.${quoted(name)}`)
  return [
    // Without a column there is nothing to set.
    ...write
      .filter((verb) => verb === 'delete' || show?.length !== 0)
      .map((verb) =>
        verb === 'delete'
          ? `GRANT DELETE ON ${view} TO ${to}`
          : `GRANT ${verb.toUpperCase()}${columns} ON ${view} TO ${to}`,
      ),
    ...(write.includes('insert')
      ? [
          doBlock(`DECLARE counter pg_catalog.regclass; BEGIN
    FOR counter IN SELECT d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
      WHERE d.refobjid = ${base}::pg_catalog.regclass AND d.deptype IN ('a', 'i') LOOP
      EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', counter, ${quotedText(role)});
    END LOOP;
  END;`),
        ]
      : []),
  ]
}

/** Who commits leaves a mark that it cannot read, change or take away; a second one of the same name says that the first is there. */
const markerStatements = (table: string, to: string): readonly string[] => [
  `CREATE TABLE IF NOT EXISTS ${table} (run_id text, entry text, part integer, digest text NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.now(), PRIMARY KEY (run_id, entry, part))`,
  `REVOKE ALL ON ${table} FROM PUBLIC, ${to}`,
  `GRANT INSERT (run_id, entry, part, digest) ON ${table} TO ${to}`,
]

/** A name in it may hold anything: the quote around it is one that is not in it. */
function doBlock(body: string): string {
  let quote = '$tollgate$'
  while (body.includes(quote)) quote = quote.replace(/\$$/u, () => '_$')
  return `DO ${quote} BEGIN\n  ${body}\nEND ${quote}`
}

function viewStatement({ name, show, mask, where, write }: TableGrant, within: string): string {
  const shown = show?.map(quoted) ?? ['*']
  // Never taken, so always NULL; and of the type of the column.
  const masked = mask.map((column) => `CASE WHEN false THEN ${quoted(column)} END AS ${quoted(column)}`)
  const list = [...shown, ...masked].join(', ')
  const base = `${quoted(BASE_SCHEMA)}.${quoted(name)}`
  const filter = where === undefined ? '' : ` WHERE (${filterText(where)})`
  // What is written must be what the filter shows.
  const check = where !== undefined && write.length > 0 ? ' WITH CASCADED CHECK OPTION' : ''
  return `CREATE VIEW ${within}.${quoted(name)} WITH (security_barrier = true) AS SELECT ${list} FROM ${base}${filter}${check}`
}

/** A filter as a view has it. */
export const filterText = ({ pieces }: NonNullable<TableGrant['where']>): string =>
  pieces.join(` pg_catalog.current_setting(${quotedText(PRINCIPAL_SETTING)}) `)
