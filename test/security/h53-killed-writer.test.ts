import { expect, it } from 'vitest'
import { openGate } from '../harness/gate.ts'
import { openShop, writePolicy } from '../capabilities/db/shops.ts'
import { startHost } from '../run/other-host.ts'

const READ = `return Object.values(await db.shop.get('select total, (select count(*) from notes) from orders'))`

it('H53: a host that is killed in the middle of a run leaves the database as it was before', async () => {
  using shop = openShop()
  const host = startHost('writing-host.ts', [shop.file, 'run'])
  expect(await host.line()).toBe('written')
  host.process.kill('SIGKILL')
  expect((await host.ended).signal).toBe('SIGKILL')
  await using gate = await openGate({ approve: () => true })
  // Whoever may write rolls back what is left; then everybody reads as before.
  expect(await gate.run({ code: READ, policy: writePolicy(shop) })).toMatchObject({ value: [9.5, 2] })
  const policy = writePolicy(shop, { write: {} })
  expect(await gate.run({ code: READ, policy })).toMatchObject({ value: [9.5, 2] })
  expect(shop.rows("select name from sqlite_schema where name like '_tollgate%'")).toEqual([])
  expect(shop.rows('pragma integrity_check')).toEqual([['ok']])
})

it('H53: what was committed statement by statement is there, each with its marker', async () => {
  using shop = openShop()
  const host = startHost('writing-host.ts', [shop.file, 'statement'])
  expect(await host.line()).toBe('written')
  host.process.kill('SIGKILL')
  await host.ended
  expect(shop.rows('select count(*) from notes')).toEqual([[22]])
  expect(shop.rows('select count(*) from _tollgate_commits')).toEqual([[21]])
})
