import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LoadedParts } from '../../src/capabilities/db/postgres/line.ts'
import { serveShop } from '../capabilities/db/postgres/served-shops.ts'
import { noFitness, withParts } from '../capabilities/db/postgres/weak-parts.ts'
import { askShop, type Statement } from '../capabilities/db/shops.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../harness/postgres.ts'
import { openGateOf } from '../run/gates.ts'

let server: PostgresServer
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const UNION = "' union select value from public.secrets --"
const TEXTS = [
  "' or '1'='1",
  "'; delete from orders; --",
  UNION,
  "\\' or 1=1 --",
  'a" or 1=1',
  '$$; delete from orders; $$',
  '$1',
  ':name',
  '?',
  '%',
  '_',
  '$.a[0]',
  '\u202e',
  '\ufffd',
  'x'.repeat(10_000),
]

const attack = async (
  statements: readonly Statement[],
  weak: Partial<LoadedParts> = {},
  isStrong = false,
) => {
  const shop = await serveShop(server, { entry: { read: { orders: '*', customers: READ, cells: '*' } } })
  if (isStrong) await shop.exec(`ALTER ROLE ${shop.role} SUPERUSER`)
  await using gate = await openGateOf(shop.weakened(withParts(weak)))
  const before = await shop.snapshot()
  const { verdicts, texts } = await askShop(gate, shop.policy, statements)
  expect(await shop.snapshot()).toEqual(before)
  return { verdicts, texts }
}
const READ = { show: ['id', 'name'], mask: ['email'], where: 'tenant = :principal' }
const named = (name: unknown): Statement => ({
  sql: 'select name from customers where name = :name',
  params: { name },
})

it('H39: a parameter is a value on a server too, whatever is in it', async ({ skip }) => {
  needPostgres(skip)
  const asked = TEXTS.flatMap((text) => [{ sql: "select ? || ''", params: [text] }, named(text)])
  const { verdicts } = await attack(asked)
  expect(verdicts).toEqual(TEXTS.flatMap((text) => [[[text]], []]))
})

it('H39: a NUL is refused, and what is none of the type asked for tells nothing', async ({ skip }) => {
  needPostgres(skip)
  const typed = (sql: string, value: unknown): Statement => ({ sql, params: [value] })
  const { verdicts, texts } = await attack([
    named('\0'),
    named('a\0b'),
    typed('select id from orders where id = ?', "1' or '1'='1"),
    typed('select id from orders where id = ?', '1 or 1=1'),
    typed('select id from orders where id = ?', 1e300),
    typed('select id from orders where id = ?', 1.5),
    typed('select id from orders limit ?', '1; delete from orders'),
    typed('select id from cells where day = ?', "2026-01-02' or '1'='1"),
    typed('select id from cells where doc = ?', '{"a": 1'),
  ])
  const [nul, inside, ...others] = verdicts
  expect([nul, inside]).toEqual(['GUEST_ARGUMENTS at perform', 'GUEST_ARGUMENTS at perform'])
  expect(others).toEqual(others.map(() => 'GUEST_SQL at perform'))
  expect(texts.join()).not.toMatch(/1 or 1=1/u)
})

it('H39: patterns and paths of a parameter stay within the rows that are granted', async ({ skip }) => {
  needPostgres(skip)
  const { verdicts } = await attack([
    { sql: 'select name from customers where name like ?', params: ['%'] },
    { sql: 'select name from customers where name ~ ?', params: ['.*|bob'] },
    { sql: 'select doc -> ? from cells where id = 1', params: ['a'] },
    { sql: 'select doc #>> ? from cells where id = 1', params: ['{a}'] },
    { sql: 'select doc #>> ? from cells where id = 1', params: ["{a}' or '1'='1"] },
    { sql: 'select doc @@ ? from cells where id = 1', params: ['$.a == 1'] },
  ])
  expect(verdicts).toEqual([
    [['ada'], ['eve']],
    [['ada'], ['eve']],
    [['1']],
    [['1']],
    'GUEST_SQL at perform',
    // What evaluates a path of its own is no operator that is granted.
    'DENIED_NAME at perform',
  ])
})

/** Pastes its only parameter into the statement. */
const pasting: Partial<LoadedParts> = {
  gate: ({ sql, params }) => ({
    text: sql.replace(':name', `'${(params as { name: string }).name}'`),
    values: [],
  }),
}

it('H39, negative control: where parameters are pasted, they are words of the statement', async ({
  skip,
}) => {
  needPostgres(skip)
  const { verdicts } = await attack([named("' or '1'='1"), named(UNION)], pasting)
  expect(verdicts).toEqual([[['ada'], ['eve']], 'DENIED_NAME at perform'])
  const strong = await attack([named(UNION)], { ...pasting, ...noFitness }, true)
  expect(strong.verdicts).toEqual([[['hunter2-hunter2']]])
})
