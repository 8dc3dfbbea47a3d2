import { afterAll, beforeAll, expect, it } from 'vitest'
import { PostgresConnection } from '../../src/capabilities/db/postgres/connection.ts'
import type { LoadedParts } from '../../src/capabilities/db/postgres/line.ts'
import { serveShop } from '../capabilities/db/postgres/served-shops.ts'
import { noFitness, noGate, withParts } from '../capabilities/db/postgres/weak-parts.ts'
import { askShop } from '../capabilities/db/shops.ts'
import { withoutJudging } from '../capabilities/db/weak-power.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../harness/postgres.ts'
import { openGateOf, withGrant } from '../run/gates.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** What a connection keeps from one statement to the next. */
const POISON = [
  'set default_transaction_read_only = off',
  'create temp table orders as select 666 as id',
  'create temp view customers as select 0 as id, value as name from public.secrets',
  'set search_path = pg_temp, public',
  "select set_config('search_path', 'pg_temp', false)",
  "select set_config('tollgate.principal', 'alpha', false)",
  'prepare x as select 666',
  'declare c cursor with hold for select 666',
  'listen x',
  'select pg_advisory_lock(4711)',
  'set role none',
  'begin',
  'lock table public.orders in access exclusive mode',
]
const LOOK = ['select count(*) from orders', 'select name from customers order by id']

const attack = async (weak: Partial<LoadedParts> = {}, { isJudged = true, isStrong = false } = {}) => {
  const shop = await serveShop(server, { entry: { timeout_seconds: 3 } })
  if (isStrong) await shop.exec(`ALTER ROLE ${shop.role} SUPERUSER`)
  await using gate = await openGateOf(
    shop.weakened(withParts(weak)),
    isJudged ? undefined : withGrant('db', withoutJudging),
  )
  const before = await shop.snapshot()
  const first = await askShop(gate, shop.policy, [...POISON, ...LOOK], 'alpha')
  const second = await askShop(gate, shop.policy, [...LOOK, 'execute x', 'fetch c'], 'beta')
  return { first: first.verdicts, second: second.verdicts, before, shop }
}

it('H40: what one principal leaves behind on a server, the next does not find', async ({ skip }) => {
  needPostgres(skip)
  const { first, second, before, shop } = await attack()
  for (const verdict of first.slice(0, POISON.length))
    expect(verdict).toMatch(/^DENIED_(?:STATEMENT|NAME) at/u)
  expect(first.slice(POISON.length)).toEqual([[[3]], [['ada'], ['eve']]])
  expect(second.slice(0, 2)).toEqual([[[3]], [['bob']]])
  // Nothing is locked: the owner gets what shuts out everybody else.
  await shop.exec("set lock_timeout = '10s'; begin; lock table orders in access exclusive mode; rollback")
  expect(await shop.snapshot()).toEqual(before)
})

it('H40: nor where nothing is judged, and the role may do everything: no connection is used twice', async ({
  skip,
}) => {
  needPostgres(skip)
  const { second, shop } = await attack(
    { ...noGate, ...noFitness, begin: 'SELECT 1' },
    { isJudged: false, isStrong: true },
  )
  // Outside of a transaction there is no principal, so the filter shows nobody.
  expect(second).toEqual([[[3]], [], 'GUEST_SQL at perform', 'GUEST_SQL at perform'])
  await expect
    .poll(() => shop.exec("select 1 from pg_stat_activity where application_name = 'tollgate'"))
    .toEqual([])
})

it('H40: two principals at once see each their own rows on a server', async ({ skip }) => {
  needPostgres(skip)
  const shop = await serveShop(server)
  await using gate = await openGateOf(shop.options)
  const look = Array.from({ length: 10 }, () => LOOK[1] ?? '')
  const asked = ['alpha', 'beta', 'gamma'].map((principal) => askShop(gate, shop.policy, look, principal))
  const [alpha, beta, gamma] = await Promise.all(asked)
  expect(alpha?.verdicts).toEqual(look.map(() => [['ada'], ['eve']]))
  expect(beta?.verdicts).toEqual(look.map(() => [['bob']]))
  expect(gamma?.verdicts).toEqual(look.map(() => []))
})

it('H40, negative control: over one connection for all, the next principal finds what was left', async ({
  skip,
}) => {
  needPostgres(skip)
  const shared: Shared[] = []
  const connect: LoadedParts['connect'] = (...of) => (shared[0] ??= new Shared(...of))
  const { second } = await attack(
    { ...noGate, ...noFitness, connect, begin: 'SELECT 1' },
    { isJudged: false, isStrong: true },
  )
  shared[0]?.end()
  expect(second).toEqual([[[1]], [['hunter2-hunter2']], [[666]], [[666]]])
})

/** Serves every run, and ends with none. */
class Shared extends PostgresConnection {
  #opened: Promise<void> | undefined

  override open(): Promise<void> {
    return (this.#opened ??= super.open())
  }

  override destroy(reason?: Error): void {
    if (this.#opened === undefined) super.destroy(reason)
  }

  end(): void {
    this.#opened = undefined
    this.destroy()
  }
}
