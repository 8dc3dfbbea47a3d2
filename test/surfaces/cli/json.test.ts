import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditRecord, RunResult } from '../../../src/index.ts'
import { binary, openFolder, startProgram, tollgate, type Folder } from '../../harness/command-line.ts'
import { toolsModule } from './host-tools-module.ts'

const DIGEST = /^sha256:[0-9a-f]{64}$/

let folder: Folder
let runId: string

beforeAll(async () => {
  folder = openFolder({
    'policy.yaml': 'permissions: { tools: { look_up: {} } }\n',
    'bad.yaml': 'permissions: { htp: {} }\n',
    'tool.ts': `export default async ({ a, b }: { a: number; b: number }, { tools }) => {
  console.log('a log of the tool', '\\u001b[2J')
  await tools.look_up({ word: 'toll' })
  return { sum: a + b }
}
`,
  })
  const ended = await tollgate(['run', '--code', 'return 1', '--json'], { cwd: folder.path })
  runId = (JSON.parse(ended.stdout) as RunResult).runId
})
afterAll(() => folder[Symbol.dispose]())

describe('--json', () => {
  test('run prints one document with status, value, usage and digests, and nothing else on stdout', async () => {
    const ended = await tollgate(
      // prettier-ignore
      ['run', 'tool.ts', '--policy', 'policy.yaml', '--tools', toolsModule, '--input', '{"a":2,"b":3}', '--json'],
      { cwd: folder.path },
    )
    expect(ended.exit).toBe(0)
    const result = JSON.parse(ended.stdout) as RunResult
    expect(result).toMatchObject({
      status: 'done',
      value: { sum: 5 },
      usage: { calls: 1, limits: { calls: 20 } },
    })
    expect(result.policyDigest).toMatch(DIGEST)
    expect(result.toolDigest).toMatch(DIGEST)
    // What tool and host tool log goes to stderr, made printable.
    expect(ended.stderr).toContain('a log of the tool \\u{1b}[2J')
    expect(ended.stderr).toContain('looking up toll')
  })

  test('a state that can take no more is told in that one document, and on stderr', async () => {
    using full = openFolder({
      'policy.yaml': 'permissions: { filesystem: [{ path: /tmp, mode: scratch }] }\n',
      'tool.js': `export default async (_, { fs }) => { for (let n = 0; n < 15; n++) await fs.exists('/tmp/' + n) }`,
    })
    await tollgate(['run', '--code', 'return 1'], { cwd: full.path })
    // No file may grow beyond 50 KB: enough to open the state, and too little for the log of a run.
    const node = `'${process.execPath}' '${binary}' run tool.js --policy policy.yaml --json`
    const { stdout, stderr, exit } = await startProgram('sh', ['-c', `ulimit -f 100; exec ${node}`], {
      cwd: full.path,
    }).ended
    expect((JSON.parse(stdout) as RunResult).error).toMatchObject({ code: 'INTERNAL_STORE' })
    expect(stderr).toContain('INTERNAL_STORE')
    expect(exit).toBe(70)
  })

  test('a state that cannot be made says what the disk said', async () => {
    using full = openFolder()
    const node = `'${process.execPath}' '${binary}' run --code 'return 1' --json`
    const { stdout, exit } = await startProgram('sh', ['-c', `ulimit -f 50; exec ${node}`], {
      cwd: full.path,
    }).ended
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } }
    expect(error.code).toBe('CONFIG_STATE_UNUSABLE')
    expect(error.message).not.toContain('rollback')
    expect(exit).toBe(2)
  })

  test('the same tool, policy and input have the same digests again, and one byte more has not', async () => {
    const digests = async (code: string): Promise<string[]> => {
      const { stdout } = await tollgate(['run', '--code', code, '--json'], { cwd: folder.path })
      const { toolDigest, policyDigest } = JSON.parse(stdout) as RunResult
      return [toolDigest, policyDigest]
    }
    const [first, again, other] = [
      await digests('return 2'),
      await digests('return 2'),
      await digests('return 2 '),
    ]
    expect(again).toEqual(first)
    expect(other[0]).not.toBe(first[0])
    expect(other[1]).toBe(first[1])
  })

  test.each([
    ['check', ['check', 'policy.yaml'], 0],
    ['check of a bad policy', ['check', 'bad.yaml'], 2],
    ['explain', ['explain', 'policy.yaml'], 0],
    ['runs', ['runs'], 0],
    ['audit', ['audit'], 0],
    ['audit verify', ['audit', 'verify'], 0],
    ['--help', ['--help'], 0],
    ['run --help', ['run', '--help'], 0],
    ['--version', ['--version'], 0],
    ['no command', [], 2],
    ['an unknown command', ['frobnicate'], 2],
    ['an unknown option', ['run', '--frobnicate'], 2],
    ['a run without a tool', ['run'], 2],
    ['a state that is not there', ['runs', '--state', 'nowhere'], 2],
  ] as const)('%s prints one document', async (_, args, exit) => {
    const ended = await tollgate([...args, '--json'], { cwd: folder.path })
    expect(ended.exit).toBe(exit)
    expect(() => JSON.parse(ended.stdout) as unknown).not.toThrow()
    expect(ended.stdout.includes('"code": "CONFIG_')).toBe(exit !== 0)
  })

  test('runs show prints the same document as the run did', async () => {
    const { stdout } = await tollgate(['runs', 'show', runId, '--json'], { cwd: folder.path })
    expect(JSON.parse(stdout)).toMatchObject({ runId, status: 'done', value: 1 })
  })

  test('audit prints the records of a run as they are chained', async () => {
    const { stdout } = await tollgate(['audit', '--run', runId, '--json'], { cwd: folder.path })
    const records = JSON.parse(stdout) as AuditRecord[]
    expect(records.map(({ event }) => event)).toEqual(['run.started', 'run.ended'])
    expect(records[1]?.prev).toBe(records[0]?.hash)
  })
})
