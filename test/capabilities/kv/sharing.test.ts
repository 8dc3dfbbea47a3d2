import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createTollgate } from '../../../src/index.ts'
import type { KvPort } from '../../../src/stores/ports.ts'
import { openSqliteStore } from '../../../src/stores/sqlite/sqlite-store.ts'
import { openFolder, startProgram } from '../../harness/command-line.ts'

/** A key of 4 bytes and a value of 96: twenty of them fit into 2 KB. */
const FIT = 20

/** Two hosts at once on one state folder, thirty puts each; how many were kept in all. */
async function race(mode: 'real' | 'weak'): Promise<number> {
  using folder = openFolder()
  // Whoever comes first would lay out the state; here it is there already.
  await (await createTollgate({ state: folder.path, spareCages: 0 })).close()
  const putting = join(import.meta.dirname, 'fixtures', 'putting.ts')
  const ended = ['a', 'b'].map(
    (name) => startProgram(process.execPath, [putting, folder.path, name, mode]).ended,
  )
  const outputs = (await Promise.all(ended)).map(({ stdout }) => Number(stdout))
  expect(outputs.every((kept) => kept >= 0)).toBe(true)
  return outputs.reduce((sum, kept) => sum + kept, 0)
}

it('the quota holds for two hosts that put at once', async () => {
  expect(await race('real')).toBe(FIT)
})

it('negative control: is passed by hosts that each count for themselves', async () => {
  expect(await race('weak')).toBe(2 * FIT)
})

const LOOK = `return [await kv.get('mine') ?? 'nothing', await kv.list('')]`

/** Ann keeps a value; what does Bob see of it? */
async function stranger(kv?: KvPort): Promise<unknown> {
  await using gate = await createTollgate({ state: ':memory:', spareCages: 0, ...(kv && { powers: { kv } }) })
  const policy = { permissions: { kv: {} } }
  await gate.run({ code: `await kv.put('mine', 'of ann')`, policy, principal: 'ann' })
  return (await gate.run({ code: LOOK, policy, principal: 'bob' })).value
}

it('a principal sees nothing of what another keeps', async () => {
  expect(await stranger()).toEqual(['nothing', []])
})

it('negative control: sees all of it in a store that knows no principals', async () => {
  const store = openSqliteStore(':memory:')
  const { kv } = store
  const one = 'everybody'
  const weak: KvPort = {
    get: (_, key) => kv.get(one, key),
    put: (_, ...given) => kv.put(one, ...given),
    delete: (_, key) => kv.delete(one, key),
    list: (_, ...given) => kv.list(one, ...given),
  }
  expect(await stranger(weak)).toEqual(['of ann', ['mine']])
  store.close()
})
