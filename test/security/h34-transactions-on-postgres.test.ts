import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LoadedParts } from '../../src/capabilities/db/postgres/line.ts'
import { serveShop } from '../capabilities/db/postgres/served-shops.ts'
import { noGate, withParts } from '../capabilities/db/postgres/weak-parts.ts'
import { NOTES } from '../capabilities/db/postgres/write-statements.ts'
import { WRITE } from '../capabilities/db/shops.ts'
import { withoutJudging } from '../capabilities/db/weak-power.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../harness/postgres.ts'
import { openGateOf, withGrant } from '../run/gates.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** Each would end, part or change the transaction of the run, its role or its settings. */
const STATEMENTS = [
  'commit',
  'end',
  'rollback',
  'abort',
  'begin',
  'savepoint a',
  'release savepoint statement',
  'rollback to savepoint statement',
  "prepare transaction 'x'",
  'commit and chain',
  'set transaction read write',
  'set session characteristics as transaction read write',
  'set local statement_timeout = 0',
  "set tollgate.principal = 'beta'",
  'set role admin',
  'set session authorization admin',
  'set constraints all deferred',
  'reset all',
  'discard all',
  'prepare x as delete from orders',
  'execute x',
  'deallocate all',
  'do $$ begin commit; end $$',
  'call x()',
  'listen x',
  'notify x',
  'lock table orders',
  "with x as (select set_config('role', 'admin', false)) update orders set total = 1 from x",
  'with x as (select pg_advisory_lock(1)) delete from orders using x',
  'update orders set total = 1; commit',
]

const attack = async (weak: Partial<LoadedParts>, statements: readonly string[], isJudged: boolean) => {
  const shop = await serveShop(server, { entry: WRITE, extra: NOTES, isWritable: true })
  await using gate = await openGateOf(
    { approve: () => true, ...shop.weakened(withParts(weak)) },
    isJudged ? undefined : withGrant('db', (grant) => withoutJudging(grant, 'update x set a = 1')),
  )
  const code = `const seen = []; await db.shop.execute('update orders set total = 0')
    for (const sql of input) try { await db.shop.execute(sql); seen.push(sql) } catch ({ code }) { seen.push(code) }
    console.log(JSON.stringify(seen)); throw new Error('no')`
  const result = await gate.run({ code, input: statements, policy: shop.policy })
  expect(result.status).toBe('failed')
  const records = result.logs.map(({ text }) => text).join('')
  return {
    seen: JSON.parse(records) as string[],
    totals: await shop.exec('select total from orders where id = 1'),
  }
}

it('H34: no statement of the guest ends the transaction of its run on a server, or changes a setting', async ({
  skip,
}) => {
  needPostgres(skip)
  const { seen, totals } = await attack({}, STATEMENTS, true)
  for (const code of seen) expect(code).toMatch(/^DENIED_(?:STATEMENT|NAME)$/u)
  expect(totals).toEqual([[9.5]])
})

it('H34: the gate refuses them by itself, where nobody looks at their words', async ({ skip }) => {
  needPostgres(skip)
  const { seen, totals } = await attack({}, STATEMENTS, false)
  for (const code of seen) expect(code).toMatch(/^(?:DENIED_(?:STATEMENT|NAME)|GUEST_SQL)$/u)
  expect(totals).toEqual([[9.5]])
})

it('H34: the first of them keeps what a failing run wrote, where the gate is gone as well', async ({
  skip,
}) => {
  needPostgres(skip)
  const { totals } = await attack(noGate, STATEMENTS.slice(0, 1), false)
  expect(totals).toEqual([[0]])
})
