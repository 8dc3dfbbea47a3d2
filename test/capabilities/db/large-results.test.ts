import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { openGate } from '../../harness/gate.ts'
import { openShop, shopPolicy } from './shops.ts'

const ROWS = 10_000
const FILL = `CREATE TABLE events (id INTEGER PRIMARY KEY, note TEXT);
  WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < ${ROWS})
  INSERT INTO events SELECT n, printf('%0100d', n) FROM r`

const SUM = `let sum = 0
  for (const time of [1, 2, 3, 4, 5])
    for await (const { id, note } of db.shop.query('select id, note from events')) sum += id + Number(note)
  return sum`

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that this process still holds once its garbage is gone. */
const held = (): number => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

it('10,000 rows are gone over, again and again, and the memory of the host stays flat', async () => {
  using shop = openShop(FILL)
  // On disk: what is journalled in memory would count.
  await using gate = await openGate({ state: shop.folder('state') })
  const policy = shopPolicy(shop, { read: { events: '*' }, max_rows: ROWS, max_result_kb: 4096 })
  const once = async (): Promise<void> => {
    const { value } = await gate.run({ code: SUM, policy })
    expect(value).toBe(5 * ROWS * (ROWS + 1))
  }
  for (let round = 0; round < 3; round += 1) await once()
  const before = held()
  for (let round = 0; round < 6; round += 1) await once()
  // One result is 1.2 MB; thirty more of them went through.
  expect(held() - before).toBeLessThan(20 * 1024 * 1024)
})
