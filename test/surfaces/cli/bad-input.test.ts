import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFolder, tollgate, type Ended, type Folder } from '../../harness/command-line.ts'

let folder: Folder

beforeAll(() => {
  folder = openFolder({
    'tool.ts': 'export default (input: unknown) => input\n',
    'half.ts': 'export default (input: unknown) => {\n',
    'no-function.ts': 'export default { run: () => 1 }\n',
    'nothing.ts': 'export const run = () => 1\n',
    'policy.yaml': 'limits: { max_tool_calls: 1 }\n',
    'malformed.yaml': 'permissions:\n  http: [unclosed\n',
    'unknown-key.yaml': 'permissions:\n  http:\n    alowed_domains: ["api.company.com"]\n',
    'two-problems.yaml': 'limits:\n  max_tool_call: 3\n  max_cost_usd: many\n',
    'wants-secret.yaml':
      'secrets: { key: { from: "env:NOT_SET_ANYWHERE", bearer: {}, hosts: [api.company.com] } }\n',
    'empty.mjs': 'export const nothing = 1\n',
    'throws.mjs': 'throw new Error("cannot be loaded")\n',
    'not-json.txt': '{ a: 1 }',
    'json.txt': '\ufeff{"a":1}\n',
    'a-folder/file.txt': '',
  })
})
afterAll(() => folder[Symbol.dispose]())

const start = (...args: string[]): Promise<Ended> => tollgate(args, { cwd: folder.path })
const files = (): string[] => readdirSync(folder.path)

describe('bad input ends with a coded error, exit code 2, and nothing written', () => {
  test.each([
    ['malformed YAML', ['run', 'tool.ts', '-p', 'malformed.yaml'], 'CONFIG_POLICY_SYNTAX', /\d:\d/],
    [
      'an unknown key',
      ['run', 'tool.ts', '-p', 'unknown-key.yaml'],
      'CONFIG_POLICY_INVALID',
      /allowed_domains/,
    ],
    [
      'every problem at once',
      ['run', 'tool.ts', '-p', 'two-problems.yaml'],
      'CONFIG_POLICY_INVALID',
      /max_tool_calls[^]*max_cost_usd/,
    ],
    ['a missing policy', ['run', 'tool.ts', '-p', 'gone.yaml'], 'CONFIG_FILE_UNREADABLE', /gone\.yaml/],
    [
      'a missing tool',
      ['run', 'gone.ts', '-p', 'policy.yaml'],
      'CONFIG_FILE_UNREADABLE',
      /gone\.ts does not exist/,
    ],
    ['a folder for a tool', ['run', 'a-folder'], 'CONFIG_FILE_UNREADABLE', /a-folder is a folder/],
    ['a device for a tool', ['run', '/dev/zero'], 'CONFIG_FILE_UNREADABLE', /is a device/],
    ['neither file nor source', ['run'], 'CONFIG_USAGE', /--code/],
    ['both file and source', ['run', 'tool.ts', '--code', 'return 1'], 'CONFIG_USAGE', /--code/],
    ['two files', ['run', 'tool.ts', 'half.ts'], 'CONFIG_USAGE', /too many arguments/],
    [
      'an input that is not JSON',
      ['run', 'tool.ts', '-i', '{a:1}'],
      'CONFIG_INPUT_INVALID',
      /--input is not JSON/,
    ],
    ['an empty input', ['run', 'tool.ts', '-i', ''], 'CONFIG_INPUT_INVALID', /not JSON/],
    [
      'an input file that is not JSON',
      ['run', 'tool.ts', '-i', '@not-json.txt'],
      'CONFIG_INPUT_INVALID',
      /not-json\.txt/,
    ],
    [
      'an input file that is missing',
      ['run', 'tool.ts', '-i', '@gone.json'],
      'CONFIG_FILE_UNREADABLE',
      /gone\.json does not exist/,
    ],
    ['an empty stdin', ['run', 'tool.ts', '-i', '-'], 'CONFIG_INPUT_INVALID', /stdin is not JSON/],
    [
      'a missing module of tools',
      ['run', 'tool.ts', '--tools', 'gone.mjs'],
      'CONFIG_FILE_UNREADABLE',
      /gone\.mjs/,
    ],
    [
      'a module without tools',
      ['run', 'tool.ts', '--tools', 'empty.mjs'],
      'CONFIG_USAGE',
      /exports no host tool/,
    ],
    [
      'a module that throws',
      ['run', 'tool.ts', '--tools', 'throws.mjs'],
      'CONFIG_USAGE',
      /cannot be loaded: cannot be loaded/,
    ],
    ['an unknown option', ['run', 'tool.ts', '--polciy', 'x'], 'CONFIG_USAGE', /--polciy[^]*--policy/],
    ['an option without its value', ['run', 'tool.ts', '--policy'], 'CONFIG_USAGE', /argument missing/],
    ['an unknown command', ['rum'], 'CONFIG_USAGE', /Did you mean run/],
    ['no command', [], 'CONFIG_USAGE', /No command/],
    ['a limit that is no number', ['runs', '--limit', '-1'], 'CONFIG_USAGE', /positive whole number/],
    ['runs of a state that is not there', ['runs'], 'CONFIG_STATE_UNUSABLE', /no state in \.tollgate/],
    ['audit of a state that is not there', ['audit', 'verify'], 'CONFIG_STATE_UNUSABLE', /no state/],
    ['check without a file', ['check'], 'CONFIG_USAGE', /file of a policy/],
    ['explain of a missing file', ['explain', 'gone.yaml'], 'CONFIG_FILE_UNREADABLE', /gone\.yaml/],
  ] as const)('%s', async (_, args, code, message) => {
    const before = files()
    const { exit, stdout, stderr } = await start(...args)
    expect(exit).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(`✖ ${code} `)
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/^ +at .*\(?(file|node):/m)
    expect(files()).toEqual(before)
  })

  test('a state folder that is a file', async () => {
    const { exit, stderr } = await start('run', 'tool.ts', '--state', 'policy.yaml')
    expect([exit, stderr]).toEqual([2, expect.stringContaining('CONFIG_STATE_UNUSABLE')])
  })

  test('a database that is none', async () => {
    folder.write({
      'rotten/tollgate.db': 'this is not a database, only as long as one might be. '.repeat(100),
    })
    const { exit, stderr } = await start('audit', 'verify', '--state', 'rotten')
    expect([exit, stderr]).toEqual([2, expect.stringContaining('CONFIG_STATE_UNUSABLE')])
  })

  test('a secret without a value is named, never guessed', async () => {
    const { exit, stderr } = await start('run', 'tool.ts', '-p', 'wants-secret.yaml', '--state', 'unused')
    expect([exit, stderr]).toEqual([2, expect.stringContaining('CONFIG_SECRET_MISSING')])
  })
})

describe('a tool that is at fault ends with exit code 1, and its run is on record', () => {
  test.each([
    ['a tool that does not parse', ['half.ts'], 'GUEST_SYNTAX'],
    ['a default export that is no function', ['no-function.ts'], 'GUEST_NO_DEFAULT_EXPORT'],
    ['no default export', ['nothing.ts'], 'GUEST_NO_DEFAULT_EXPORT'],
    ['a value that cannot pass', ['--code', 'return { f: () => 1 }'], 'GUEST_UNPASSABLE'],
    ['a value that holds itself', ['--code', 'const a = []; a.push(a); return a'], 'GUEST_UNPASSABLE'],
    ['a number that JSON does not have', ['--code', 'return 1 / 0'], 'GUEST_UNPASSABLE'],
  ] as const)('%s', async (_, tool, code) => {
    const state = `state-${code}`
    const { exit, stdout, stderr } = await start('run', ...tool, '--state', state)
    expect(exit).toBe(1)
    expect(stdout).toContain(`✖ failed  ${code}`)
    expect(stderr).not.toContain('INTERNAL')
    const record = await start('audit', '--state', state)
    expect(record.stdout).toMatch(new RegExp(`run\\.ended +failed ${code}`))
    expect((await start('audit', 'verify', '--state', state)).exit).toBe(0)
  })
})

describe('input is taken', () => {
  test.each([
    ['from the option', ['-i', '{"a":1}'], undefined],
    ['from a file, with its byte order mark', ['-i', '@json.txt'], undefined],
    ['from stdin', ['-i', '-'], ' {"a":1} '],
  ] as const)('%s', async (_, args, stdin) => {
    const ended = await tollgate(['run', 'tool.ts', '--json', '--state', ':memory:', ...args], {
      cwd: folder.path,
      ...(stdin !== undefined && { stdin }),
    })
    expect(JSON.parse(ended.stdout)).toMatchObject({ value: { a: 1 } })
  })

  test('and what is kept in memory leaves no folder', () => {
    expect(existsSync(join(folder.path, ':memory:'))).toBe(false)
  })
})
