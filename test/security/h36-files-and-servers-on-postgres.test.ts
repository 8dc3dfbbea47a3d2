import { chmodSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LoadedParts } from '../../src/capabilities/db/postgres/line.ts'
import { serveShop } from '../capabilities/db/postgres/served-shops.ts'
import { mayWrite, noFitness, noGate, withParts } from '../capabilities/db/postgres/weak-parts.ts'
import { askShop } from '../capabilities/db/shops.ts'
import { withoutJudging } from '../capabilities/db/weak-power.ts'
import { openFolder } from '../harness/command-line.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../harness/postgres.ts'
import { openGateOf, withGrant } from '../run/gates.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** Each reads or writes a file of the server, runs a program there, or reaches another server. */
const statementsFor = (folder: string): readonly string[] => [
  'set default_transaction_read_only = off',
  `copy (select 'x') to '${folder}/copied'`,
  `copy (select 'x') to program 'cat > ${folder}/piped'`,
  "copy orders from '/etc/passwd'",
  "copy orders from program 'id'",
  "select pg_read_file('/etc/passwd')",
  "select pg_catalog.pg_read_file('/etc/passwd', 0, 100)",
  "select encode(pg_read_binary_file('/etc/passwd'), 'escape')",
  "select * from pg_ls_dir('/')",
  "select name from pg_ls_dir('/') as s (name)",
  'select * from pg_ls_logdir()',
  "select pg_stat_file('/etc/passwd')",
  'select pg_current_logfile()',
  "select lo_import('/etc/passwd', 4711)",
  `select lo_export(42, '${folder}/exported')`,
  "select lo_from_bytea(4711, 'x')",
  'select lo_create(4711)',
  "select lo_put(42, 0, 'x')",
  'select lo_unlink(42)',
  "select encode(lo_get(42), 'escape')",
  "select encode(data, 'escape') from pg_largeobject",
  'create extension dblink',
  "select dblink('host=127.0.0.1', 'select 1')",
  "select dblink_connect('host=127.0.0.1')",
  'create extension postgres_fdw',
  "create server s foreign data wrapper postgres_fdw options (host '127.0.0.1')",
  "create subscription s connection 'host=127.0.0.1' publication p",
  "load 'plpgsql'",
  "create function f() returns int language c as 'libc', 'system'",
  "select pg_file_write('x', 'y', false)",
  'select pg_reload_conf()',
  "select query_to_xml('select pg_read_file(''/etc/passwd'')', true, true, '')",
]

const attack = async (
  weak: Partial<LoadedParts> = {},
  { isJudged = true, isStrong = false }: { isJudged?: boolean; isStrong?: boolean } = {},
) => {
  const shop = await serveShop(server, { entry: { timeout_seconds: 3 } })
  await shop.exec("select lo_from_bytea(42, 'large-object')")
  if (isStrong) await shop.exec(`ALTER ROLE ${shop.role} SUPERUSER`)
  using folder = openFolder()
  chmodSync(folder.path, 0o777)
  await using gate = await openGateOf(
    shop.weakened(withParts(weak)),
    isJudged ? undefined : withGrant('db', withoutJudging),
  )
  const statements = statementsFor(folder.path)
  const { verdicts, result } = await askShop(gate, shop.policy, statements)
  expect(result.error).toBeUndefined()
  expect(verdicts).toHaveLength(statements.length)
  return {
    verdicts,
    files: readdirSync(folder.path).toSorted(),
    objects: await shop.exec('select oid::int from pg_largeobject_metadata order by 1'),
  }
}
const nothing = { files: [], objects: [[42]] }

it('H36: no statement reaches files, programs or other servers', async ({ skip }) => {
  needPostgres(skip)
  const { verdicts, ...left } = await attack()
  for (const verdict of verdicts)
    expect(verdict).toMatch(/^DENIED_(?:STATEMENT at authorize|NAME at perform)$/u)
  expect(verdicts.length).toBeGreaterThan(30)
  expect(left).toEqual(nothing)
})

it('H36: the gate refuses them by itself, to a role that may do everything', async ({ skip }) => {
  needPostgres(skip)
  const { verdicts, ...left } = await attack(
    { ...noFitness, ...mayWrite },
    { isJudged: false, isStrong: true },
  )
  for (const verdict of verdicts)
    expect(verdict).toMatch(/^(?:DENIED_(?:STATEMENT|NAME)|GUEST_SQL) at perform$/u)
  expect(left).toEqual(nothing)
})

it('H36: the role may do none of them, where nothing is judged', async ({ skip }) => {
  needPostgres(skip)
  const { verdicts, ...left } = await attack({ ...noGate, ...mayWrite }, { isJudged: false })
  expect(JSON.stringify(verdicts)).not.toMatch(/root:|large-object|"etc"/u)
  expect(left).toEqual(nothing)
})

it('H36, negative control: such a role reads and writes files where nothing is judged', async ({ skip }) => {
  needPostgres(skip)
  const weak = { ...noGate, ...noFitness, begin: 'SELECT 1' }
  const { verdicts, files, objects } = await attack(weak, { isJudged: false, isStrong: true })
  expect(JSON.stringify(verdicts)).toMatch(/root:/u)
  expect(files).toEqual(['copied', 'exported', 'piped'])
  expect(objects).toEqual([[4711]])
})
