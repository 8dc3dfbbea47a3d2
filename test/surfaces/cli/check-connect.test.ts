import { DatabaseSync } from 'node:sqlite'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openFolder, tollgate } from '../../harness/command-line.ts'

const POLICY = `permissions:
  db: { shop: { engine: sqlite, file: ./shop.db, read: { orders: [id] } } }
  filesystem: [{ path: /in, source: ./in, mode: read, allow: ["**"] }]
`

it('check --connect looks whether files and folders are there and fit; check alone opens nothing', async () => {
  using folder = openFolder({ 'policy.yaml': POLICY })
  const check = async (...args: string[]) => {
    const { exit, stdout } = await tollgate(['check', 'policy.yaml', '--json', ...args], { cwd: folder.path })
    const { problems } = JSON.parse(stdout) as { problems: { code: string; path: string }[] }
    return [exit, ...problems.map(({ code, path }) => `${code} ${path}`)]
  }
  expect(await check()).toEqual([0])
  expect(await check('--connect')).toEqual([
    2,
    'UPSTREAM_DB_UNAVAILABLE permissions.db.shop',
    'UPSTREAM_FILE_MISSING permissions.filesystem[0].source',
  ])
  mkdirSync(join(folder.path, 'in'))
  const shop = new DatabaseSync(join(folder.path, 'shop.db'))
  shop.exec('CREATE TABLE orders (number INTEGER)')
  expect(await check('--connect')).toEqual([2, 'CONFIG_DB_UNFIT permissions.db.shop'])
  shop.exec('ALTER TABLE orders RENAME COLUMN number TO id')
  shop.close()
  expect(await check('--connect')).toEqual([0])
})

it('says of a capability that is undefined that it may not be granted', async () => {
  const code = 'return await http.get("https://a.test/")'
  const { exit, stderr, stdout } = await tollgate(['run', '--code', code])
  expect(exit).toBe(1)
  expect(stderr + stdout).toContain('what the policy does not grant is undefined')
})
