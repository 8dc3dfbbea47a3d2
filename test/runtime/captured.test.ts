import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesBelow, root } from '../conventions/project.ts'
import { lookups } from './lookups.ts'

/** The web classes are made of libraries, which are the guest's as its own packages are; what they send, test/runtime/web poisons. */
const kernel = filesBelow('runtime').filter(
  (path) => path.endsWith('.ts') && !/^runtime\/(abi|web)\//.test(path),
)

/** Each line looks something up that a guest could have changed. */
const CARELESS = `async function* careless(list: unknown[], text: string, error: unknown): AsyncGenerator<unknown> {
  list.push(text.length)
  for (const one of list) yield one
  const copy = [...list]
  const [first] = copy
  const matches = /x/.test(text)
  const isError = error instanceof TypeError
  const waited = await Promise.resolve(1)
  const { slice } = text
  const json = JSON.stringify(first)
  const now = Date.now()
  yield globalThis.parseInt(json)
}`

describe('the kernel, once guest code runs,', () => {
  it('looks nothing up on what the guest can change', () => {
    expect(kernel.length).toBeGreaterThan(15)
    expect(lookups(kernel, root)).toEqual([])
  })

  it('would be told of each way to do so', () => {
    mkdirSync(join(root, 'dist', 'weak'), { recursive: true })
    writeFileSync(join(root, 'dist', 'weak', 'careless.ts'), CARELESS)
    const lines = lookups(['dist/weak/careless.ts'], root).map((problem) =>
      Number(/:(\d+):/.exec(problem)?.[1]),
    )
    expect([...new Set(lines)]).toEqual(
      CARELESS.split('\n')
        .slice(0, -1)
        .map((_, at) => at + 1),
    )
  })
})
