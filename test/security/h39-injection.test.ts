import { expect, it } from 'vitest'
import { askShop, openShop, shopPolicy } from '../capabilities/db/shops.ts'
import { openGate } from '../harness/gate.ts'

const TEXTS = [
  "' or '1'='1",
  "'; delete from orders; --",
  'a" or 1=1',
  '\0',
  'a\0b',
  '%',
  '_',
  '$.a[0]',
  '\u202e',
  '\ufffd',
  'x'.repeat(10_000),
]

it('H39: a parameter is a value, whatever is in it', async () => {
  using shop = openShop()
  await using gate = await openGate()
  const before = shop.snapshot()
  const asked = TEXTS.flatMap((text) => [
    { sql: 'select ? as given', params: [text] },
    { sql: 'select id from customers where name = :name', params: { name: text } },
  ])
  const { verdicts } = await askShop(gate, shopPolicy(shop), asked)
  expect(verdicts).toEqual(TEXTS.flatMap((text) => [[[text]], []]))
  expect(shop.snapshot()).toEqual(before)
})

it('H39: the same texts pasted into a statement do change its meaning, and still reach nothing that is not granted', async () => {
  using shop = openShop()
  await using gate = await openGate()
  const pasted = (text: string): string => `select name from customers where name = '${text}'`
  const { verdicts } = await askShop(gate, shopPolicy(shop), [
    pasted("' or '1'='1"),
    pasted("' union select value from secrets --"),
    pasted("'; delete from orders; --"),
  ])
  expect(verdicts).toEqual([[['ada'], ['eve']], 'DENIED_NAME at perform', 'DENIED_STATEMENT at perform'])
})

it('H39: the names of parameters and of databases are plain names', async () => {
  using shop = openShop()
  await using gate = await openGate()
  const { verdicts } = await askShop(gate, shopPolicy(shop), [
    { sql: 'select :a', params: { 'a; drop': 1 } },
    { sql: 'select :a', params: JSON.parse('{"__proto__": 1}') as unknown },
  ])
  // What is no name of a parameter is dropped by the schema; the parameter is then NULL, as one that was not given.
  expect(verdicts).toEqual(['GUEST_ARGUMENTS at decode', [[null]]])
  for (const name of ['__proto__', 'a b', 'write', '', 'a.b', '1a']) {
    const db = JSON.parse(`{${JSON.stringify(name)}: {"engine": "sqlite", "file": "x.db"}}`) as object
    await expect(gate.run({ code: '', policy: { permissions: { db } } })).rejects.toMatchObject({
      code: 'CONFIG_POLICY_INVALID',
    })
  }
})
