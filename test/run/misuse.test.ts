import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTollgate, type Tollgate, type TollgateOptions } from '../../src/index.ts'
import { openGateOf } from './gates.ts'

let gate: Tollgate
let folder: string
beforeAll(async () => {
  gate = await openGateOf({ powers: { env: { SET: 'sk-live-4f9a1c7be2d84c50', SHORT: 'abc', EMPTY: '' } } })
  folder = mkdtempSync(join(tmpdir(), 'tollgate-misuse-'))
})
afterAll(async () => {
  await gate.close()
  rmSync(folder, { recursive: true })
})

const refusal = async (options: object): Promise<unknown> => {
  const before = (await gate.runs.list()).length
  const error: unknown = await gate
    .run({ code: 'return 1', policy: {}, ...options })
    .catch((caught: unknown) => caught)
  // Nothing half-written: what was refused left no run.
  expect(await gate.runs.list()).toHaveLength(before)
  return error
}

describe('options that the embedder can mend', () => {
  it.each<[string, object]>([
    ['no tool', { code: undefined }],
    ['two tools', { file: 'tool.ts' }],
    ['an unknown key', { polcy: {} }],
    ['no policy', { policy: undefined }],
    ['a policy that is a number', { policy: 7 }],
    ['a signal that is none', { signal: {} }],
    ['a callback that is none', { onEvent: 'log' }],
    ['a tool that is no text', { code: 7 }],
    ['a tool of five megabytes', { code: `// ${'x'.repeat(5 * 2 ** 20)}` }],
  ])('are CONFIG_USAGE: %s', async (_, options) => {
    expect(await refusal(options)).toMatchObject({ name: 'TollgateError', code: 'CONFIG_USAGE' })
  })

  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a BigInt', 1n],
    ['NaN', { a: NaN }],
    ['a class', { a: new Date(0) }],
    [
      'a cycle',
      (() => {
        const a: unknown[] = []
        a.push(a)
        return a
      })(),
    ],
    ['what is nested too deep', JSON.parse('['.repeat(100) + ']'.repeat(100))],
    ['nine megabytes', 'x'.repeat(9 * 2 ** 20)],
  ])('are CONFIG_INPUT_INVALID as an input: %s', async (_, input) => {
    expect(await refusal({ input })).toMatchObject({ code: 'CONFIG_INPUT_INVALID' })
  })

  it('are CONFIG_USAGE for a tool without an end', async () => {
    symlinkSync('/dev/zero', join(folder, 'endless.js'))
    expect(await refusal({ code: undefined, file: join(folder, 'endless.js') })).toMatchObject({
      code: 'CONFIG_USAGE',
      message: expect.stringContaining('larger than') as string,
    })
  })

  it('are no misuse: a tool that comes through a pipe, as from `<(…)` of a shell', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe.js')])
    const writer = spawn('sh', ['-c', 'echo "export default () => 5" > pipe.js'], { cwd: folder })
    expect(await gate.run({ file: join(folder, 'pipe.js'), policy: {} })).toMatchObject({ value: 5 })
    writer.kill()
  })

  it('are CONFIG_FILE_UNREADABLE for a tool or a policy that is not there', async () => {
    expect(await refusal({ code: undefined, file: join(folder, 'none.ts') })).toMatchObject({
      code: 'CONFIG_FILE_UNREADABLE',
    })
    expect(await refusal({ code: undefined, file: folder })).toMatchObject({ code: 'CONFIG_FILE_UNREADABLE' })
    expect(await refusal({ policy: join(folder, 'none.yaml') })).toMatchObject({
      code: 'CONFIG_FILE_UNREADABLE',
    })
  })

  it('of a question about runs or records are CONFIG_USAGE', async () => {
    const usage = { code: 'CONFIG_USAGE' }
    for (const filter of [{ limit: 0 }, { limit: -1 }, { limit: 1.5 }, { limit: '5' }, { run: 'x' }]) {
      await expect(gate.runs.list(filter as object)).rejects.toMatchObject(usage)
      await expect(gate.audit.read(filter as object)).rejects.toMatchObject(usage)
    }
  })

  it('of the gate itself are CONFIG_USAGE', async () => {
    const wrong: object[] = [
      { tool: [] },
      { tools: [1] },
      { state: '' },
      { spareCages: -1 },
      { concurrentRunsMax: 0 },
      { approve: true },
      { auditLog: 7 },
    ]
    for (const options of wrong)
      await expect(createTollgate(options as TollgateOptions)).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
  })
})

describe('a secret', () => {
  const policyOf = (secret: object): object => ({
    secrets: { key: { bearer: {}, hosts: ['api.company.com'], ...secret } },
  })

  it.each([
    ['an environment variable that is not set', () => ({ from: 'env:MISSING' })],
    ['an empty environment variable', () => ({ from: 'env:EMPTY' })],
    ['a variable of the real environment', () => ({ from: 'env:PATH' })],
    ['a file that is not there', () => ({ from: `file:${join(folder, 'none')}` })],
    ['a value that is too short to be redacted', () => ({ from: 'env:SHORT' })],
  ])('without a value is CONFIG_SECRET_MISSING, and nothing runs: %s', async (_, secret) => {
    const error = await refusal({ policy: policyOf(secret()) })
    expect(error).toMatchObject({ code: 'CONFIG_SECRET_MISSING', facts: { rule: 'secrets.key' } })
    expect(JSON.stringify(error)).not.toContain('abc')
  })

  it('is read from the environment that was handed over, or from a file without its last line end', async () => {
    writeFileSync(join(folder, 'key'), 'sk-file-4f9a1c7be2d84c50\n')
    const code = 'return input'
    for (const [from, value] of [
      ['env:SET', 'sk-live-4f9a1c7be2d84c50'],
      [`file:${join(folder, 'key')}`, 'sk-file-4f9a1c7be2d84c50'],
    ]) {
      const result = await gate.run({ code, input: value, policy: policyOf({ from }) })
      // That it is redacted shows that it is known.
      expect(result.value).toBe('[redacted:key]')
    }
  })
})
