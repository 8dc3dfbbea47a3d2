import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openShop } from '../capabilities/db/shops.ts'
import { openFolder } from '../harness/files.ts'
import { openGateOf } from '../run/gates.ts'
import { blocks } from './readme.ts'

/** What the code that the README shows stands on. */
const policyFor = (database: string, folder: string) => ({
  permissions: {
    http: { allowed_domains: [{ domain: 'api.company.com', paths: ['/v1/**'] }] },
    db: {
      shop: {
        engine: 'sqlite',
        file: database,
        read: { orders: '*', customers: { show: ['id', 'name'], mask: ['email'] } },
        write: { orders: ['insert'] },
      },
    },
    db_write: true,
    filesystem: [
      { path: '/in', mode: 'read', allow: ['**'], source: join(folder, 'in') },
      { path: '/out', mode: 'overlay', allow: ['*.md'], source: join(folder, 'out') },
    ],
    kv: {},
    code_exec: {},
  },
})

/** Names that a reader takes as given, and what is left over for the test to see. */
const program = (code: string): string => `
  const plugin = async (items, orders, files) => { kept = [items, orders, files] }
  let kept = []
  ${code}
  const answer = (call) => call.then((value) => value, ({ code }) => code)
  return [
    typeof sum === 'undefined' ? null : sum,
    kept[0] === undefined ? null : await answer(kept[0].get('https://api.company.com/v1/items/1')),
    kept[1] === undefined ? null : await answer(kept[1].query('select id from customers')),
    kept[2] === undefined ? null : await answer(kept[2].readText('/out/report.md')),
  ]`

test('the code that the README shows of a tool runs as it stands', async () => {
  using shop = openShop()
  using folder = openFolder({ 'in/notes.txt': 'nothing else', 'out/old.md': 'old' })
  await using gate = await openGateOf({})
  const shown = blocks.filter(({ language }) => language === 'js')
  expect(shown).toHaveLength(2)
  const values: unknown[] = []
  for (const { text } of shown) {
    const result = await gate.run({ code: program(text), policy: policyFor(shop.file, folder.path) })
    expect(result.error).toBeUndefined()
    values.push(result.value)
  }
  expect(values).toEqual([
    [29.5, null, null, null],
    [null, 'DENIED_REVOKED', 'DENIED_NAME', 'DENIED_CAVEAT'],
  ])
  expect(readFileSync(join(folder.path, 'out', 'report.md'), 'utf8')).toBe('ada has 2 orders\nnothing else')
  expect(shop.rows('select customer_id, total from orders where id > 3')).toEqual([[1, 12.5]])
})
