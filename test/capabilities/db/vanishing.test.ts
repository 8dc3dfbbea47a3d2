import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineTool, type TollgateOptions } from '../../../src/index.ts'
import { openGate } from '../../harness/gate.ts'
import { openShop, writePolicy, type Shop } from './shops.ts'

const ADD = `await db.shop.execute('insert into orders (customer_id, total) values (1, 2)')`

/** Runs a tool whose call of `meanwhile` does something to the shop. */
async function runOver(
  shop: Shop,
  code: string,
  meanwhile: () => void,
  {
    entry = {},
    mounts = [],
    ...options
  }: Partial<TollgateOptions> & { entry?: object; mounts?: object[] } = {},
) {
  const tool = defineTool({
    name: 'meanwhile',
    description: 'Lets something happen.',
    effect: 'read',
    input: z.strictObject({}),
    output: z.null(),
    perform: () => {
      meanwhile()
      return null
    },
  })
  await using gate = await openGate({ tools: [tool], approve: () => true, ...options })
  const policy = writePolicy(shop, entry) as { permissions: object }
  const permissions = { ...policy.permissions, tools: { meanwhile: {} }, filesystem: mounts }
  return await gate.run({ code, policy: { ...policy, permissions } })
}

describe('a database whose file is taken away between a write and its commit', () => {
  const replace = (shop: Shop): void => {
    const other = shop.folder('other.db')
    copyFileSync(shop.file, other)
    rmSync(shop.file)
    renameSync(other, shop.file)
  }

  it.each([
    ['removed', 'delete', (shop: Shop) => rmSync(shop.file)],
    ['removed while it is written ahead', 'wal', (shop: Shop) => rmSync(shop.file)],
    ['moved away', 'delete', (shop: Shop) => renameSync(shop.file, shop.folder('elsewhere.db'))],
    ['replaced', 'delete', replace],
  ])('%s: the run fails, for nobody would ever see what it wrote', async (_, mode, take) => {
    using shop = openShop()
    shop.exec(`pragma journal_mode = ${mode}`)
    const result = await runOver(shop, `${ADD}; await tools.meanwhile({}); return 1`, () => take(shop))
    expect(result).toMatchObject({
      status: 'failed',
      error: {
        code: 'UPSTREAM_DB_ROLLED_BACK',
        message: expect.stringContaining('its file was removed or replaced meanwhile') as string,
      },
    })
  })

  it('is told of by the next statement as well, where each is committed at once', async () => {
    using shop = openShop()
    const code = `${ADD}; await tools.meanwhile({}); ${ADD}`
    const { error } = await runOver(shop, code, () => rmSync(shop.file), {
      entry: { transaction: 'statement' },
    })
    expect(error).toMatchObject({ code: 'UPSTREAM_DB_UNAVAILABLE' })
    expect(error?.message).toContain('removed or replaced')
  })

  it.each(['delete', 'wal'])('control: left alone it takes the commit, in mode %s', async (mode) => {
    using shop = openShop()
    shop.exec(`pragma journal_mode = ${mode}`)
    const result = await runOver(shop, `${ADD}; await tools.meanwhile({}); return 1`, () => undefined)
    expect(result.status).toBe('done')
    expect(shop.rows('select count(*) from orders')).toEqual([[4]])
  })
})

describe('a run that stages files and rows', () => {
  const BOTH = `await fs.write('/out/a.txt', 'new'); ${ADD}; await tools.meanwhile({}); return 1`
  const overlayOf = (shop: Shop): { file: string; mounts: object[] } => {
    const source = shop.folder('out')
    mkdirSync(source)
    writeFileSync(join(source, 'a.txt'), 'old')
    const mounts = [{ path: '/out', source, mode: 'overlay', allow: ['**'], ask: 'always' }]
    return { file: join(source, 'a.txt'), mounts }
  }
  const found = (shop: Shop, file: string): unknown[] => [
    shop.rows('select count(*) from orders')[0]?.[0],
    readFileSync(file, 'utf8'),
  ]

  it('commits both when the human agrees', async () => {
    using shop = openShop()
    const { file, mounts } = overlayOf(shop)
    const result = await runOver(shop, BOTH, () => undefined, { mounts })
    expect(result.commits?.map(({ op, state }) => [op, state])).toEqual([
      ['fs.commit', 'done'],
      ['db.shop.commit', 'done'],
    ])
    expect(found(shop, file)).toEqual([4, 'new'])
  })

  it('commits neither when a human refuses the files', async () => {
    using shop = openShop()
    const { file, mounts } = overlayOf(shop)
    const result = await runOver(shop, BOTH, () => undefined, { mounts, approve: () => false })
    expect(result.error).toMatchObject({ code: 'APPROVAL_DENIED', op: 'fs.commit' })
    expect(found(shop, file)).toEqual([3, 'old'])
  })

  it('nor when somebody else has changed a file meanwhile', async () => {
    using shop = openShop()
    const { file, mounts } = overlayOf(shop)
    const result = await runOver(shop, BOTH, () => writeFileSync(file, 'other'), { mounts })
    expect(result.error).toMatchObject({ code: 'UPSTREAM_FILE_CHANGED' })
    expect(found(shop, file)).toEqual([3, 'other'])
  })
})
