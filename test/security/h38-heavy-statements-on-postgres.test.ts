import { afterAll, beforeAll, expect, it } from 'vitest'
import { PostgresConnection, type Dial } from '../../src/capabilities/db/postgres/connection.ts'
import type { LoadedParts } from '../../src/capabilities/db/postgres/line.ts'
import { serveShop } from '../capabilities/db/postgres/served-shops.ts'
import { noGate, withParts } from '../capabilities/db/postgres/weak-parts.ts'
import { askShop } from '../capabilities/db/shops.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../harness/postgres.ts'
import { openGateOf } from '../run/gates.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const SERIES = 'generate_series(1, 1000000) as'
const COUNTING = 'with recursive r (n) as (values (1) union all select n + 1 from r)'
const ENDLESS = [
  `select count(*) from ${Array.from({ length: 30 }, (_, at) => `orders o${at}`).join(', ')}`,
  `select count(*) from ${SERIES} a (n), ${SERIES} b (n) where a.n <> b.n`,
  `${COUNTING} select count(*) from r`,
  `${COUNTING} select n from r where n < 0`,
]
const HUGE = [
  ['select n from generate_series(1, 10000000) as s (n)', 'LIMIT_ROWS at perform'],
  [`${COUNTING} select n from r`, 'LIMIT_ROWS at perform'],
  ["select repeat('x', 200000000)", 'LIMIT_RESPONSE_SIZE at perform'],
  ["select repeat('x', 1000000) from generate_series(1, 1000)", 'LIMIT_RESPONSE_SIZE at perform'],
  ["select length(repeat(repeat('x', 100000000), 100))", 'LIMIT_STATEMENT at perform'],
] as const
const NAMED = [
  'select pg_sleep(600)',
  "select pg_catalog.pg_sleep_for('1 hour')",
  'select pg_advisory_lock(1)',
]
const BUSY = "select 1 from pg_stat_activity where application_name = 'tollgate' and state = 'active'"

const attack = async (
  statements: readonly string[],
  weak: Partial<LoadedParts> = {},
  { timeout_seconds = 1 } = {},
) => {
  const functions = ['count', 'generate_series', 'repeat', 'length']
  const shop = await serveShop(server, { entry: { functions, timeout_seconds } })
  const made: PostgresConnection[] = []
  const watched: Partial<LoadedParts> = {
    ...weak,
    connect: (...of) => {
      const connection = weak.connect?.(...of) ?? new PostgresConnection(...of)
      made.push(connection)
      return connection
    },
  }
  await using gate = await openGateOf(shop.weakened(withParts(watched)))
  let isOver = false
  const asked = askShop(gate, shop.policy, statements).finally(() => (isOver = true))
  let bystanders = 0
  while (!isOver) {
    const { value } = await gate.run({ code: 'return db.shop.get("select 1 as one")', policy: shop.policy })
    expect(value).toEqual({ one: 1 })
    bystanders += 1
  }
  const { verdicts } = await asked
  return { verdicts, bystanders, receivedMax: Math.max(...made.map(({ received }) => received)) }
}

it('H38: a statement without end is ended at its deadline, on the server too; meanwhile others are answered', async ({
  skip,
}) => {
  needPostgres(skip)
  const { verdicts, bystanders } = await attack([...ENDLESS, 'select count(*) from orders'])
  expect(verdicts).toEqual([...ENDLESS.map(() => 'UPSTREAM_TIMEOUT at perform'), [[3]]])
  expect(bystanders).toBeGreaterThan(ENDLESS.length)
  await expect.poll(() => server.exec(BUSY), { timeout: 10_000 }).toEqual([])
})

it('H38: a result without bound is cut off at the first row or byte too many', async ({ skip }) => {
  needPostgres(skip)
  const { verdicts, receivedMax } = await attack(
    HUGE.map(([sql]) => sql),
    {},
    { timeout_seconds: 30 },
  )
  expect(verdicts).toEqual(HUGE.map(([, verdict]) => verdict))
  expect(receivedMax).toBeLessThan(20_000_000)
})

it('H38, negative control: without a count of bytes all of a giant reaches the host', async ({ skip }) => {
  needPostgres(skip)
  const connect: LoadedParts['connect'] = (...of) => new Uncounted(...of)
  const { receivedMax } = await attack(["select repeat('x', 30000000)"], { connect }, { timeout_seconds: 30 })
  expect(receivedMax).toBeGreaterThan(30_000_000)
})

it('H38: what waits cannot be named; where it can, its deadline ends it', async ({ skip }) => {
  needPostgres(skip)
  expect((await attack(NAMED)).verdicts).toEqual(NAMED.map(() => 'DENIED_NAME at perform'))
  expect((await attack(NAMED.slice(0, 1), noGate)).verdicts).toEqual(['UPSTREAM_TIMEOUT at perform'])
})

/** What a connection dials after its own, to cancel, leads nowhere. */
const once = (dial: Dial): Dial => {
  let count = 0
  return (host, port) => dial(host, (count += 1) > 1 ? 1 : port)
}
const uncancelled: LoadedParts['connect'] = (address, dial, settings) =>
  new PostgresConnection(address, once(dial), settings)
const timeless: LoadedParts['connect'] = (...of) => new Timeless(...of)
const both: LoadedParts['connect'] = (address, dial, settings) => new Timeless(address, once(dial), settings)

it.for([
  ['a lost request to cancel', uncancelled],
  ['a server that knows no deadline', timeless],
] as const)('H38: a statement ends on the server in spite of %s', async ([, connect], { skip }) => {
  needPostgres(skip)
  const { verdicts } = await attack(ENDLESS.slice(0, 1), { connect })
  expect(verdicts).toEqual(['UPSTREAM_TIMEOUT at perform'])
  await expect.poll(() => server.exec(BUSY), { timeout: 20_000 }).toEqual([])
})

it('H38, negative control: with both gone it goes on there for nobody', async ({ skip }) => {
  needPostgres(skip)
  await attack(ENDLESS.slice(0, 1), { connect: both })
  expect(await server.exec(BUSY)).toEqual([[1]])
  await server.exec(BUSY.replace('select 1', 'select pg_terminate_backend(pid)'))
})

/** Takes whatever comes. */
class Uncounted extends PostgresConnection {
  override allow(): void {
    super.allow(Number.MAX_SAFE_INTEGER)
  }
}

/** Sets no time for a statement. */
class Timeless extends PostgresConnection {
  override all(text: string, values: readonly unknown[] = []): ReturnType<PostgresConnection['all']> {
    return super.all(text, text.includes("'statement_timeout'") ? ['0', ...values.slice(1)] : values)
  }
}
