import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LoadedParts } from '../../src/capabilities/db/postgres/line.ts'
import { serveShop } from '../capabilities/db/postgres/served-shops.ts'
import { noGate, withParts } from '../capabilities/db/postgres/weak-parts.ts'
import { NOTES } from '../capabilities/db/postgres/write-statements.ts'
import { WRITE, writeShop } from '../capabilities/db/shops.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../harness/postgres.ts'
import { openGateOf } from '../run/gates.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const ATTACKS = [
  "insert into customers (name, tenant) values ('x', 'beta')",
  "insert into customers (name, tenant) select name, 'beta' from customers",
  "update customers set tenant = 'beta'",
  "update customers set tenant = 'beta' where id = 1 returning *",
]
const ON_HIDDEN = [
  "insert into customers (id, name, tenant) values (2, 'x', 'alpha') on conflict (id) do update set tenant = 'alpha', name = 'mine'",
]

const attack = async (
  statements: readonly string[],
  { weak = {}, before = '' }: { weak?: Partial<LoadedParts>; before?: string } = {},
) => {
  const shop = await serveShop(server, { entry: WRITE, extra: NOTES, isWritable: true })
  const [[schema] = []] = await shop.exec("select nspname from pg_namespace where nspname like 'tollgate%'")
  if (before !== '') await shop.exec(before.replace('SCHEMA', String(schema)))
  await using gate = await openGateOf({ approve: () => true, ...shop.weakened(withParts(weak)) })
  const { verdicts } = await writeShop(gate, shop.policy, statements)
  return {
    verdicts,
    left: await shop.exec("select id, name, tenant from customers where tenant = 'beta' or id = 2"),
  }
}

it('H35: no write makes, takes or meets a row of another principal on a server', async ({ skip }) => {
  needPostgres(skip)
  const { verdicts, left } = await attack([...ATTACKS, ...ON_HIDDEN])
  expect(new Set(verdicts)).toEqual(new Set(['DENIED_STATEMENT at perform']))
  expect(left).toEqual([[2, 'bob', 'beta']])
})

it('H35: a view that checks nothing lets rows of others be made, and is not opened', async ({ skip }) => {
  needPostgres(skip)
  const before = 'ALTER VIEW SCHEMA.customers RESET (check_option)'
  expect((await attack(ATTACKS, { before })).verdicts[0]).toBe('CONFIG_DB_UNFIT at perform')
  const open: LoadedParts['open'] = () =>
    Promise.resolve({
      tables: [],
      named: {
        tables: new Set(['customers']),
        functions: new Set(),
        columns: new Set(),
        rowFunctions: new Set(),
        valueFunctions: new Set(),
        writable: new Map([
          [
            'customers',
            {
              verbs: new Set(['insert', 'update'] as const),
              columns: new Set(['name', 'tenant']),
              isFiltered: true,
            },
          ],
        ]),
      },
    })
  const { left } = await attack(ATTACKS.slice(0, 1), { weak: { open }, before })
  expect(left).toContainEqual([4, 'x', 'beta'])
})

it('H35: without the gate, a conflict with a hidden row would take it', async ({ skip }) => {
  needPostgres(skip)
  const { left } = await attack(ON_HIDDEN, { weak: noGate })
  expect(left).toEqual([[2, 'mine', 'alpha']])
})
