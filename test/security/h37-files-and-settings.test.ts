import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { TollgateOptions } from '../../src/index.ts'
import { askShop, openShop, shopPolicy, writePolicy, writeShop, type Shop } from '../capabilities/db/shops.ts'
import { weakPower, withoutJudging } from '../capabilities/db/weak-power.ts'
import { openGateOf, withGrant, type Replace } from '../run/gates.ts'

const attacks = (folder: string, shop: Shop): readonly string[] => [
  `vacuum into '${folder}/vacuumed.db'`,
  `vacuum main into '${folder}/vacuumed.db'`,
  `attach '${folder}/attached.db' as x`,
  `attach '${shop.file}' as x`,
  `attach 'file:${folder}/uri.db?mode=rwc' as x`,
  `create temp table x as select 1`,
  'create temp trigger x after delete on orders begin select 1; end',
  'pragma writable_schema = on',
  'pragma user_version = 9',
  'pragma journal_mode = delete',
  `pragma temp_store_directory = '${folder}'`,
  'pragma query_only = off',
  'pragma trusted_schema = on',
  'pragma hard_heap_limit = 0',
  "select load_extension('x')",
  "select fts3_tokenizer('simple', x'00')",
  `select writefile('${folder}/written', 'x')`,
  `select * from pragma_user_version`,
  `select * from pragma_database_list`,
  'select sql from sqlite_schema',
  'reindex',
  'analyze',
]

const attack = async (options: TollgateOptions, replace?: Replace) => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-files-'))
  using shop = openShop()
  await using gate = await openGateOf(options, replace)
  const before = shop.snapshot()
  const { verdicts, texts } = await askShop(gate, shopPolicy(shop), attacks(folder, shop))
  const files = readdirSync(folder)
  rmSync(folder, { recursive: true })
  return { verdicts, texts, files, isUnchanged: JSON.stringify(shop.snapshot()) === JSON.stringify(before) }
}

it('H37: no file appears, no setting changes, no code is loaded', async () => {
  const { verdicts, files, isUnchanged, texts } = await attack({})
  expect(new Set(verdicts)).toEqual(new Set(['DENIED_STATEMENT at authorize', 'DENIED_NAME at perform']))
  expect(files).toEqual([])
  expect(isUnchanged).toBe(true)
  expect(texts.join()).not.toMatch(/tg_|\/tmp|shop\.db/u)
})

it('H37: the engine refuses them by itself, where the first word is not looked at', async () => {
  const { verdicts, files, isUnchanged } = await attack({}, withGrant('db', withoutJudging))
  expect(new Set(verdicts)).toEqual(new Set(['DENIED_STATEMENT at perform', 'DENIED_NAME at perform']))
  expect(files).toEqual([])
  expect(isUnchanged).toBe(true)
})

it('H37: files appear where a database is only opened read-only', async () => {
  const { files } = await attack({ powers: { db: weakPower() } }, withGrant('db', withoutJudging))
  expect(files).toContain('vacuumed.db')
})

it('H37: nor where the database may be written, by query or by execute', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-files-'))
  using shop = openShop()
  await using gate = await openGateOf({ approve: () => true }, withGrant('db', withoutJudging))
  const before = shop.snapshot()
  const statements = attacks(folder, shop)
  const asked = await askShop(gate, writePolicy(shop), statements)
  const written = await writeShop(gate, writePolicy(shop), statements)
  expect(new Set([...asked.verdicts, ...written.verdicts])).toEqual(
    new Set(['DENIED_STATEMENT at perform', 'DENIED_NAME at perform']),
  )
  expect(readdirSync(folder)).toEqual([])
  expect(shop.snapshot()).toEqual(before)
  expect([...asked.texts, ...written.texts].join()).not.toMatch(/tg_|\/tmp|shop\.db/u)
  rmSync(folder, { recursive: true })
})
