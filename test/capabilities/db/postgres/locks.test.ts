import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LoadedParts } from '../../../../src/capabilities/db/postgres/line.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { openGateOf, withGrant } from '../../../run/gates.ts'
import { askShop } from '../shops.ts'
import { withoutJudging } from '../weak-power.ts'
import { serveShop } from './served-shops.ts'
import { REFUSED } from './statements.ts'
import { mayWrite, noFitness, noGate, simpleProtocol, withParts } from './weak-parts.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** Sends statements past the locks that are left; tells what came of them, and whether anything changed. */
const attack = async (
  weak: Partial<LoadedParts>,
  statements: readonly string[],
  { isStrong = false }: { isStrong?: boolean } = {},
) => {
  const shop = await serveShop(server, { entry: { timeout_seconds: 2, max_rows: 50, functions: ['count'] } })
  if (isStrong) await shop.exec(`ALTER ROLE ${shop.role} SUPERUSER`)
  await using gate = await openGateOf(shop.weakened(withParts(weak)), withGrant('db', withoutJudging))
  const before = await shop.snapshot()
  const { verdicts, result } = await askShop(gate, shop.policy, statements)
  expect(result.error).toBeUndefined()
  await expect
    .poll(() => shop.exec("select 1 from pg_stat_activity where application_name = 'tollgate'"))
    .toEqual([])
  return { verdicts, isUnchanged: (await shop.snapshot()) === before }
}

const refused = REFUSED.map(([sql]) => sql)
const isRefused = (verdict: unknown): boolean => typeof verdict === 'string'

describe('with one lock gone, the others hold', () => {
  it('no first word: the gate refuses every statement by itself', async ({ skip }) => {
    needPostgres(skip)
    const { verdicts, isUnchanged } = await attack({}, refused)
    // A name for a look at a table, and a SELECT in brackets, are reads like any other.
    const passed = refused.filter((_, at) => !isRefused(verdicts[at]))
    expect(passed).toEqual([';select 1', '(select 1)', 'table orders'])
    expect(isUnchanged).toBe(true)
  })

  it('no gate: role and transaction let nothing be changed, nor a hidden table be read', async ({ skip }) => {
    needPostgres(skip)
    const { verdicts, isUnchanged } = await attack(noGate, refused)
    expect(isUnchanged).toBe(true)
    const reading = refused.filter(
      (sql) =>
        /secrets|ssn|tenant|pg_authid/u.test(sql) &&
        !/^select (?:has_|to_reg|'secrets'|cast|regclass|\('public)/u.test(sql),
    )
    expect(reading.filter((sql) => !isRefused(verdicts[refused.indexOf(sql)]))).toEqual([])
    expect(JSON.stringify(verdicts)).not.toMatch(/hunter2|ssn-|root:/u)
  })

  it('no gate and many statements in one text: the role lets nothing be changed', async ({ skip }) => {
    needPostgres(skip)
    const { isUnchanged } = await attack({ ...noGate, ...simpleProtocol, ...mayWrite }, [
      'commit; delete from orders',
      'commit; begin read write; insert into orders values (9, 9, 9); commit',
      'commit; create table x (a int)',
      "commit; select lo_from_bytea(4711, 'x')",
      "commit; select nextval('numbers')",
    ])
    expect(isUnchanged).toBe(true)
  })

  it('a role that may do everything: the gate refuses', async ({ skip }) => {
    needPostgres(skip)
    const { verdicts, isUnchanged } = await attack({}, ['select 1'], { isStrong: true })
    expect(verdicts).toEqual(['CONFIG_DB_UNFIT at perform'])
    const writing = refused.filter((sql) => /delete|insert|update|lo_|pg_read|nextval|set_config/u.test(sql))
    const second = await attack(noFitness, writing, { isStrong: true })
    expect(second.verdicts.filter((one) => !isRefused(one))).toEqual([])
    expect([isUnchanged, second.isUnchanged]).toEqual([true, true])
  })

  it('a transaction that may write: the gate refuses', async ({ skip }) => {
    needPostgres(skip)
    const { isUnchanged } = await attack(mayWrite, refused)
    expect(isUnchanged).toBe(true)
  })
})

describe('with the lock gone that enforces', () => {
  it('no gate: the principal is whoever the statement says', async ({ skip }) => {
    needPostgres(skip)
    const { verdicts } = await attack(noGate, [
      "with s as materialized (select set_config('tollgate.principal', 'beta', true)) select name from s, customers",
    ])
    expect(verdicts).toEqual([[['bob']]])
  })

  it('no gate, and a role that may: a transaction that reads only stops a delete, and no large object', async ({
    skip,
  }) => {
    needPostgres(skip)
    const weak = { ...noGate, ...noFitness }
    const { verdicts, isUnchanged } = await attack(
      weak,
      ['delete from public.orders', 'select value from public.secrets', 'select lo_create(4711)'],
      { isStrong: true },
    )
    expect(verdicts).toEqual(['DENIED_STATEMENT at perform', [['hunter2-hunter2']], [[4711]]])
    expect(isUnchanged).toBe(true)
  })

  it('no gate, no role, and many statements in one text: rows are gone', async ({ skip }) => {
    needPostgres(skip)
    const weak = { ...noGate, ...noFitness, ...simpleProtocol }
    const { isUnchanged } = await attack(weak, ['commit; delete from public.orders'], { isStrong: true })
    expect(isUnchanged).toBe(false)
  })

  it('no gate, no role, a transaction that may write, and it is not rolled back: rows are gone', async ({
    skip,
  }) => {
    needPostgres(skip)
    const weak = { ...noGate, ...noFitness, begin: 'SELECT 1' }
    const { isUnchanged } = await attack(
      weak,
      ['set default_transaction_read_only = off', 'delete from public.orders'],
      {
        isStrong: true,
      },
    )
    expect(isUnchanged).toBe(false)
  })
})
