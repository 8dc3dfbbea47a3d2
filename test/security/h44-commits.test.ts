import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { FilePowers } from '../../src/run/file-powers.ts'
import { callFiles, filePolicy, openFolder, treeOf } from '../harness/files.ts'
import { filePowers } from '../harness/weak-files.ts'
import { openGate } from '../harness/gate.ts'

const FILES = { a: 'one', b: 'two', c: 'three', 'sub/d': 'four' }
const DONE = {
  a: 'mine',
  b: 'mine',
  fresh: 'mine',
  'sub/': '',
  'sub/d': 'mine',
  'made/': '',
  'made/e': 'mine',
}
const CODE = `
  for (const name of ['a', 'b', 'sub/d', 'fresh']) await fs.write('/m/' + name, 'mine')
  await fs.mkdir('/m/made')
  await fs.write('/m/made/e', 'mine')
  await fs.remove('/m/c')`

const policyOf = (source: string) =>
  filePolicy([{ path: '/m', source, mode: 'overlay', allow: ['**'], ask: 'never' }])

type Fault = { readonly method: keyof FilePowers; readonly nth: number; readonly errno: string }

/** Powers that fail at the n-th call of a method, and at those after it for as long as they are `broken`. */
const failing = ({ method, nth, errno }: Fault) => {
  let calls = 0
  const state = { isBroken: true }
  const powers = filePowers((real) => ({
    [method]: (...args: unknown[]): unknown => {
      calls += 1
      if (state.isBroken && calls >= nth)
        throw Object.assign(new Error(`${errno}: /a/place/of/the/host`), { code: errno })
      return (real[method] as (...given: unknown[]) => unknown)(...args)
    },
  }))
  return { powers, state }
}

it.each([
  { method: 'makeFolder', nth: 1, errno: 'EACCES' },
  { method: 'createFile', nth: 2, errno: 'ENOSPC' },
  { method: 'write', nth: 3, errno: 'ENOSPC' },
  { method: 'write', nth: 1, errno: 'EIO' },
  { method: 'sync', nth: 1, errno: 'EIO' },
  { method: 'sync', nth: 2, errno: 'EDQUOT' },
] as const)(
  'H44: nothing is committed when the disk fails before it is decided: $method $nth $errno',
  async (fault) => {
    using folder = openFolder(FILES)
    const { powers } = failing(fault)
    await using gate = await openGate({ powers: { filesystem: powers } })
    const result = await gate.run({ code: CODE, policy: policyOf(folder.path) })
    expect(result).toMatchObject({ status: 'failed', error: { code: 'UPSTREAM_FILE', gate: 'perform' } })
    expect(JSON.stringify(result)).not.toContain('/a/place')
    // What could be made beside is cleared away as well, but for the folder whose making may not be on the disk.
    expect(Object.keys(treeOf(folder.path)).filter((name) => !name.startsWith('.tollgate-'))).toEqual(
      Object.keys({ ...FILES, 'sub/': '' }).toSorted(),
    )
    expect(treeOf(folder.path)).toMatchObject(FILES)
  },
)

it.each([
  { method: 'makeFolder', nth: 2, errno: 'EACCES' },
  { method: 'move', nth: 1, errno: 'EACCES' },
  { method: 'move', nth: 2, errno: 'EIO' },
  { method: 'link', nth: 1, errno: 'ENOSPC' },
  { method: 'link', nth: 2, errno: 'EROFS' },
  { method: 'unlink', nth: 3, errno: 'EPERM' },
  { method: 'sync', nth: 3, errno: 'EIO' },
  { method: 'removeFolder', nth: 1, errno: 'EIO' },
] as const)(
  'H44: what was decided is finished when the disk works again: $method $nth $errno',
  async (fault) => {
    using folder = openFolder(FILES)
    const { powers, state } = failing(fault)
    await using gate = await openGate({ powers: { filesystem: powers } })
    const policy = policyOf(folder.path)
    const result = await gate.run({ code: CODE, policy })
    expect(result).toMatchObject({ status: 'failed', error: { code: 'UPSTREAM_FILE', gate: 'perform' } })
    // Half of it is there, so nobody may look or write until it is whole.
    const look = () => callFiles(gate, policy, [['readText', '/m/a']])
    expect((await look()).found).toEqual(['UPSTREAM_FILE at perform'])
    state.isBroken = false
    expect((await look()).found).toEqual(['mine'])
    expect(treeOf(folder.path)).toEqual(DONE)
  },
)

it('H44: where the redo log forgets, half of it stays', async () => {
  using folder = openFolder(FILES)
  let moves = 0
  const failsOnce = filePowers((real) => ({
    move(at, from, toAt, to) {
      moves += 1
      real.move(at, from, toAt, to)
      if (moves === 2) throw Object.assign(new Error('EIO'), { code: 'EIO' })
    },
  }))
  const forgetful = {
    ...failsOnce,
    commits: {
      lock: () => () => undefined,
      unfinished: () => [],
      prepare: () => undefined,
      decide: () => undefined,
      settle: () => undefined,
      fates: () => [],
    },
  }
  await using gate = await openGate({ powers: { filesystem: forgetful } })
  const policy = policyOf(folder.path)
  await gate.run({ code: CODE, policy })
  const { found } = await callFiles(gate, policy, [
    ['readText', '/m/a'],
    ['readText', '/m/sub/d'],
  ])
  expect(found).toEqual(['mine', 'four'])
})

it('H44: runs that commit at once change each file one after the other, or not at all', async () => {
  using folder = openFolder({ a: '0', b: '0' })
  await using gate = await openGate({ state: join(folder.path, '.state') })
  const code = `
    const n = await fs.readText('/m/a')
    for (const name of ['a', 'b']) await fs.write('/m/' + name, String(Number(n) + 1))`
  const results = await Promise.all(
    Array.from({ length: 6 }, () => gate.run({ code, policy: policyOf(folder.path) })),
  )
  const done = results.filter(({ status }) => status === 'done').length
  expect(done).toBeGreaterThan(0)
  expect(results.filter(({ error }) => error?.code === 'UPSTREAM_FILE_CHANGED')).toHaveLength(6 - done)
  expect(treeOf(folder.path)).toMatchObject({ a: String(done), b: String(done) })
})
