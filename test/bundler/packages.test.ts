import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import Ajv from 'ajv'
import standaloneCode from 'ajv/dist/standalone/index.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunResult, Tollgate } from '../../src/index.ts'
import { checkout, openFolder, type Folder } from '../harness/command-line.ts'
import { openGate } from '../harness/gate.ts'
import { PINNED, RUNNING } from './package-tools.ts'

let gate: Tollgate
let folder: Folder
beforeAll(async () => {
  gate = await openGate()
  const ajv = new Ajv.Ajv({ code: { source: true, esm: true } })
  const order = ajv.compile({ type: 'object', properties: { name: { type: 'string', minLength: 1 } } })
  folder = openFolder({ 'order.js': standaloneCode.default(ajv, order) })
  symlinkSync(join(checkout, 'node_modules'), join(folder.path, 'node_modules'))
})
afterAll(async () => {
  await gate.close()
  folder[Symbol.dispose]()
})

const run = (tool: string): Promise<RunResult> => {
  folder.write({ 'tool.ts': tool })
  return gate.run({ file: join(folder.path, 'tool.ts'), input: { who: '<Ann>' }, policy: {} })
}

describe('a package that is pure runs unchanged', () => {
  it.each(RUNNING)('$packages', async ({ tool, value }) => {
    const { error, value: got } = await run(tool)
    expect(error).toBeUndefined()
    expect(got).toEqual(value)
  })

  it('and the packages that are here for this are all among them, twenty at least', () => {
    const { workspaces } = JSON.parse(readFileSync(join(checkout, 'knip.json'), 'utf8')) as {
      workspaces: { '.': { ignoreDependencies: string[] } }
    }
    const tried = [...RUNNING, ...PINNED].map(({ tool }) => /from '([^'/]+)/.exec(tool)?.[1])
    expect(workspaces['.'].ignoreDependencies.filter((name) => !tried.includes(name))).toEqual([])
    expect(RUNNING.length).toBeGreaterThanOrEqual(20)
  })
})

describe('a package that is not pure says why', () => {
  it.each(PINNED)('$why', async ({ tool, error }) => {
    expect((await run(tool)).error).toMatchObject(error)
  })
})
