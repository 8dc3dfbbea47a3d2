import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LoadedParts } from '../../src/capabilities/db/postgres/line.ts'
import { serveShop } from '../capabilities/db/postgres/served-shops.ts'
import { noFitness, noGate, simpleProtocol, withParts } from '../capabilities/db/postgres/weak-parts.ts'
import { NOTES } from '../capabilities/db/postgres/write-statements.ts'
import { askShop, WRITE, writeShop } from '../capabilities/db/shops.ts'
import { withoutJudging } from '../capabilities/db/weak-power.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../harness/postgres.ts'
import { openGateOf, withGrant } from '../run/gates.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const READS = [
  'select 1; delete from public.secrets',
  "select ';'; delete from public.secrets",
  "select e'\\';'; delete from public.secrets",
  'select $a$;$a$; delete from public.secrets',
  'select 1 /* ; /* */ */; delete from public.secrets',
  'select 1; -- hidden\ndelete from public.secrets',
  'select 1;\u00a0delete from public.secrets',
]
const WRITES = READS.map((sql) => sql.replace(/^select/u, 'update orders set total ='))

const attack = async (weak: Partial<LoadedParts> = {}, isStrong = false) => {
  const entry = { ...WRITE, timeout_seconds: 3 }
  const shop = await serveShop(server, { entry, extra: NOTES, isWritable: true })
  if (isStrong) await shop.exec(`ALTER ROLE ${shop.role} SUPERUSER`)
  await using gate = await openGateOf(
    { approve: () => true, ...shop.weakened(withParts(weak)) },
    isStrong ? withGrant('db', withoutJudging) : undefined,
  )
  const asked = await askShop(gate, shop.policy, READS)
  const written = isStrong ? { verdicts: [] } : await writeShop(gate, shop.policy, WRITES)
  return {
    verdicts: [...asked.verdicts, ...written.verdicts],
    left: await shop.exec('select value from secrets'),
  }
}

it('H33: what follows the first statement is an error on a server too, and nothing of it happens', async ({
  skip,
}) => {
  needPostgres(skip)
  const { verdicts, left } = await attack()
  expect(verdicts).toHaveLength(READS.length * 2)
  for (const verdict of verdicts) expect(verdict).toMatch(/^(?:DENIED_STATEMENT|GUEST_SQL) at perform$/u)
  expect(left).toEqual([['hunter2-hunter2']])
})

it('H33: it happens to a role that may do everything, where texts are sent as they are', async ({ skip }) => {
  needPostgres(skip)
  const { left } = await attack({ ...noGate, ...noFitness, ...simpleProtocol, begin: 'SELECT 1' }, true)
  expect(left).toEqual([])
})
