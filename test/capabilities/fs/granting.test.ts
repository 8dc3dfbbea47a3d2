import { describe, expect, expectTypeOf, it } from 'vitest'
import type { FilePowers as DriverPowers } from '../../../src/capabilities/fs/powers.ts'
import { compileFsPattern } from '../../../src/capabilities/fs/action-pattern.ts'
import { compileFsGrant, type FsGrant } from '../../../src/capabilities/fs/grant.ts'
import { readGlob } from '../../../src/capabilities/fs/glob.ts'
import { fsSchema } from '../../../src/capabilities/fs/schema.ts'
import { explainPolicy } from '../../../src/policy/explain.ts'
import { isTollgateError } from '../../../src/errors/tollgate-error.ts'
import { definePolicy, policyProblems } from '../../../src/policy.ts'
import type { FilePowers as HostPowers } from '../../../src/run/file-powers.ts'

const IN = { path: '/in', source: './data', mode: 'read', allow: ['**/*.csv'] }
const OUT = { path: '/out', source: '/srv/out', mode: 'write', allow: ['*.md'] }
const TMP = { path: '/tmp', mode: 'scratch' }

const grantOf = (...mounts: readonly object[]): FsGrant =>
  compileFsGrant(fsSchema.parse(mounts) ?? [], {
    secretHosts: new Map(),
    prices: { cpuSecondMicroUsd: 0, httpCallMicroUsd: 0, egressMbMicroUsd: 0 },
    warn: () => undefined,
    baseDirectory: '/policies',
  })

const problemsOf = (filesystem: unknown): readonly string[] => {
  try {
    definePolicy({ permissions: { filesystem } })
    return []
  } catch (error) {
    if (!isTollgateError(error)) throw error
    return policyProblems(error).map(({ code, path, suggestion }) =>
      [code, path, suggestion].filter((one) => one !== undefined).join(' '),
    )
  }
}

describe('a policy of files', () => {
  it.each([null, false, 'none', []])('that says %j grants none', (filesystem) => {
    const policy = definePolicy({ permissions: { filesystem } })
    expect(policy.grants.has('filesystem')).toBe(false)
    expect(policy.digest).toBe(definePolicy({}).digest)
  })

  it.each([
    [true, 'CONFIG_POLICY_INVALID permissions.filesystem'],
    ['read', 'CONFIG_POLICY_INVALID permissions.filesystem'],
    [{}, 'CONFIG_POLICY_INVALID permissions.filesystem'],
    [[{ ...IN, mod: 'x' }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].mod mode'],
    [[{ ...IN, mode: 'raed' }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].mode read'],
    [
      [{ ...IN, mode: 'overlay', source: undefined }],
      'CONFIG_POLICY_INVALID permissions.filesystem[0].source',
    ],
    [[{ ...IN, mode: 'overlay', allow: undefined }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].allow'],
    [
      [{ ...IN, mode: 'overlay', max_total_kb: 70_000 }],
      'CONFIG_POLICY_INVALID permissions.filesystem[0].max_total_kb',
    ],
    [
      [{ ...IN, mode: 'overlay', max_files: 10_001 }],
      'CONFIG_POLICY_INVALID permissions.filesystem[0].max_files',
    ],
    [[{ ...IN, allow: undefined }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].allow'],
    [[{ ...IN, source: undefined }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].source'],
    [[{ ...IN, source: 'a\0b' }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].source'],
    [[{ ...IN, path: 'in' }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].path'],
    [[{ ...IN, path: '/in/../x' }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].path'],
    [[{ ...IN, path: '/' }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].path'],
    [[{ ...IN, allow: ['../*'] }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].allow[0]'],
    [[{ ...IN, allow: ['*.{a,b}'] }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].allow[0]'],
    [[{ ...IN, allow: ['/etc/*'] }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].allow[0]'],
    [[{ ...IN, max_file_kb: 0 }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].max_file_kb'],
    [[{ ...TMP, source: '/x' }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].source'],
    [[{ ...TMP, allow: ['*'] }], 'CONFIG_POLICY_INVALID permissions.filesystem[0].allow'],
    [[IN, { ...OUT, path: '/in/x' }], 'CONFIG_POLICY_INVALID permissions.filesystem[1].path'],
  ])('is refused where it is wrong: %j', (filesystem, problem) => {
    expect(problemsOf(filesystem)).toEqual([problem])
  })

  it('may place mounts beside each other under one name', () => {
    expect(
      problemsOf([
        { ...IN, path: '/data' },
        { ...OUT, path: '/data-out' },
      ]),
    ).toEqual([])
  })

  it('does not load when what a mount cannot do without is deleted', () => {
    const full = { ...OUT, max_file_kb: 1, max_total_kb: 1, max_files: 1, max_depth: 1, ask: 'always' }
    for (const key of ['path', 'source', 'mode', 'allow'])
      expect(
        problemsOf([Object.fromEntries(Object.entries(full).filter(([name]) => name !== key))]),
      ).toHaveLength(1)
  })

  it('is told in plain words', () => {
    const sentences = grantOf(IN, OUT, TMP, { ...OUT, path: '/none', allow: [], ask: 'always' }).explain()
    expect(sentences).toEqual([
      'May read files in /in, which is the folder "/policies/data", only **/*.csv.',
      '/in: a file has at most 1024 KB; the mount gives at most 10240 KB in a task; 16 names deep.',
      'May read, write, rename and remove files in /out, which is the folder "/srv/out", only *.md. A human approves each removal.',
      '/out: a file has at most 1024 KB; the mount gives at most 10240 KB in a task, and takes as many; at most 1000 files and folders are made; 16 names deep.',
      'May read and write files in memory in /tmp, gone when the run ends.',
      '/tmp: a file has at most 1024 KB; the mount holds at most 10240 KB; at most 1000 files and folders are made; 16 names deep.',
      'May reach no file in /none: its allow is empty.',
      '/none: a file has at most 1024 KB; the mount gives at most 10240 KB in a task, and takes as many; at most 1000 files and folders are made; 16 names deep.',
    ])
    const staged = { ...OUT, mode: 'overlay' }
    expect([{}, { ask: 'always' }].map((ask) => grantOf({ ...staged, ...ask }).explain()[0])).toEqual([
      'May read files and stage changes of them in /out, which is the folder "/srv/out", only *.md. They are committed when the run has succeeded; a human approves all of them together where a file is removed.',
      'May read files and stage changes of them in /out, which is the folder "/srv/out", only *.md. They are committed when the run has succeeded, and a human has approved all of them together.',
    ])
    const policy = definePolicy({ permissions: { filesystem: [IN] } })
    expect(explainPolicy(policy).notGranted).not.toContain('filesystem')
  })
})

describe('a judgement', () => {
  it('is frozen, pure and of what was asked', () => {
    const grant = grantOf(IN, OUT, TMP)
    const args = { path: '/out/a.md', body: { text: 'hé' } }
    const judged = grant.judge('fs.write', args)
    expect(judged).toEqual(grant.judge('fs.write', args))
    expect(Object.isFrozen(judged) && Object.isFrozen(judged.request)).toBe(true)
    expect(judged).toMatchObject({
      effect: 'write',
      idempotency: 'idempotent',
      rule: 'permissions.filesystem[1]',
      request: { mount: 1, path: '/out/a.md', body: { text: 'hé' }, sizeBytes: 3 },
      quotas: [{ meter: 'fs.written:/out', amount: 3, max: 10240 * 1024, code: 'LIMIT_FILE_TOTAL' }],
    })
    expect(grant.judge('fs.remove', { path: '/out/a.md' })).toMatchObject({ categories: ['delete'] })
    expect(grant.judge('fs.remove', { path: '/tmp/a.md' })).toMatchObject({ categories: [] })
  })

  it('offers what changes files only where something can be changed', () => {
    expect(grantOf(IN).ops.map(({ name }) => name)).not.toContain('fs.write')
    expect(grantOf(IN, TMP).ops.map(({ name }) => name)).toContain('fs.write')
  })
})

describe('human_in_loop', () => {
  const { mounts } = grantOf(IN, OUT, TMP)
  const grant = grantOf(IN, OUT, TMP)
  const write = grant.judge('fs.write', { path: '/out/a.md', body: { text: '' } })
  const read = grant.judge('fs.read', { path: '/in/a.csv', as: 'text' })
  const asks = (text: string): unknown[] => [write, read].map((one) => compileFsPattern(text, mounts)?.(one))

  it.each([
    ['fs', [true, true]],
    ['fs.*', [true, true]],
    ['filesystem', [true, true]],
    ['fs.write', [true, false]],
    ['filesystem.write', [true, false]],
    ['FS.write', [undefined, undefined]],
    ['fs.WRITE', [true, false]],
    ['fs.read', [false, true]],
    ['fs.write /out', [true, false]],
    ['fs.write /out/*.md', [true, false]],
    ['fs.write /OUT/A.md', [true, false]],
    ['fs.write /tmp', [false, false]],
    ['fs.* /in/**', [false, true]],
    ['fs.remove', [false, false]],
    ['fs.wrote', [undefined, undefined]],
    ['fs.write /other', [undefined, undefined]],
    ['http.GET', [undefined, undefined]],
  ])('%s', (text, expected) => {
    expect(asks(text)).toEqual(expected)
  })
})

describe('a glob', () => {
  it.each([
    ['*.csv', ['a.csv'], ['a.csv.b', 'x/a.csv', '.csv', '.a.csv', '']],
    ['**', ['a', 'a/b'], ['.a', 'a/.b', '.a/b']],
    ['**/*.csv', ['a.csv', 'x/y/a.csv'], ['a', '.x/a.csv']],
    ['a/**', ['a/b', 'a/b/c'], ['a', 'b/a']],
    ['a/**/z', ['a/z', 'a/b/c/z'], ['a', 'z']],
    ['.env', ['.env'], ['env']],
    ['.git/**', ['.git/a'], ['.git/.x', '.git']],
    ['a?c*', ['abc', 'a😀cd'], ['ac', 'a/c']],
    ['*a*b*', ['ab', 'xaybz'], ['ba', 'a']],
  ])('%s', (text, matching, others) => {
    const glob = readGlob(text)
    if (typeof glob === 'string') throw new Error(glob)
    const matches = (path: string): boolean => glob.matches(path.split('/'))
    expect(matching.filter((path) => !matches(path))).toEqual([])
    expect(others.filter(matches)).toEqual([])
  })

  it('takes time that is a product of lengths, whoever wrote it', () => {
    const glob = readGlob(`${'*a'.repeat(200)}b`)
    const many = readGlob(`${'**/'.repeat(60)}x`)
    if (typeof glob === 'string' || typeof many === 'string') throw new Error('not read')
    const began = performance.now()
    expect(glob.matches(['a'.repeat(255)])).toBe(false)
    expect(many.matches(Array.from({ length: 64 }, () => 'y'))).toBe(false)
    expect(performance.now() - began).toBeLessThan(1000)
  })
})

it('the powers that the host makes are those that the driver needs', () => {
  expectTypeOf<HostPowers>().toExtend<DriverPowers>()
  const made = (powers: HostPowers): DriverPowers => powers
  expect(made).toBeTypeOf('function')
})
