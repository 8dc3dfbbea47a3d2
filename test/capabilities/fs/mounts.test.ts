import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callFiles, filePolicy, openFolder, type FileCall } from '../../harness/files.ts'
import { openGate } from '../../harness/gate.ts'

const READ = { path: '/in', mode: 'read', allow: ['**/*.csv', 'docs/**'] }

const look = async (mounts: readonly object[], calls: readonly FileCall[]) => {
  await using gate = await openGate()
  return await callFiles(gate, filePolicy(mounts), calls)
}

describe('a read mount', () => {
  it('gives the files that its globs name, and shows no other', async () => {
    using folder = openFolder({
      'a.csv': 'x,y\n1,2\n',
      'b.txt': 'no',
      'deep/c.csv': 'c',
      'docs/d.md': 'd',
      'docs/.hidden': 'h',
      '.git/e.csv': 'e',
      'bytes.csv': new Uint8Array([0xff, 0, 1]),
    })
    const { found } = await look(
      [{ ...READ, source: folder.path }],
      [
        ['readText', '/in/a.csv'],
        ['readText', '/in/b.txt'],
        ['readText', '/in/deep/c.csv'],
        ['readText', '/in/docs/.hidden'],
        ['readText', '/in/.git/e.csv'],
        ['read', '/in/bytes.csv'],
        ['readText', '/in/bytes.csv'],
        ['readText', '/in/none.csv'],
        ['list', '/in'],
        ['list', '/in/docs'],
        ['list', '/'],
        ['glob', '/in/**/*.csv'],
        ['glob', '/in/*'],
        ['stat', '/in/a.csv'],
        ['exists', '/in/a.csv'],
        ['exists', '/in/none.csv'],
        ['exists', '/in/deep'],
        ['readText', '/in/deep'],
        ['write', '/in/a.csv', 'x'],
      ],
    )
    expect(found).toEqual([
      'x,y\n1,2\n',
      'DENIED_FILE at authorize',
      'c',
      'DENIED_FILE at authorize',
      'DENIED_FILE at authorize',
      [0xff, 0, 1],
      'UPSTREAM_PROTOCOL at perform',
      'UPSTREAM_FILE_MISSING at perform',
      [
        { name: 'a.csv', kind: 'file', sizeBytes: 8 },
        { name: 'bytes.csv', kind: 'file', sizeBytes: 3 },
        { name: 'deep', kind: 'folder' },
        { name: 'docs', kind: 'folder' },
      ],
      [{ name: 'd.md', kind: 'file', sizeBytes: 1 }],
      [{ name: '/in', kind: 'folder' }],
      ['/in/a.csv', '/in/bytes.csv', '/in/deep/c.csv'],
      ['/in/a.csv', '/in/bytes.csv'],
      { kind: 'file', sizeBytes: 8, modifiedMs: expect.any(Number) as number },
      true,
      false,
      true,
      'DENIED_FILE at authorize',
      'no such member at undefined',
    ])
  })

  it('with an empty allow gives nothing', async () => {
    using folder = openFolder({ 'a.csv': 'x' })
    const calls: FileCall[] = [
      ['readText', '/in/a.csv'],
      ['glob', '/in/**'],
      ['list', '/in'],
    ]
    const { found } = await look([{ ...READ, source: folder.path, allow: [] }], calls)
    expect(found).toEqual(['DENIED_FILE at authorize', [], []])
  })

  it('whose source is gone fails with a code, and names no place of the host', async () => {
    const { seen } = await look([{ ...READ, source: '/nowhere/at/all' }], [['readText', '/in/a.csv']])
    const message = 'The source of the mount /in is not there.'
    expect(seen[0]).toMatchObject({ code: 'UPSTREAM_FILE_MISSING', gate: 'perform', message })
    expect(JSON.stringify(seen)).not.toContain('nowhere')
  })

  it('whose source is a file says that it is no folder', async () => {
    using folder = openFolder({ 'a.csv': '' })
    const { seen } = await look([{ ...READ, source: join(folder.path, 'a.csv') }], [['list', '/in']])
    const message = 'The source of the mount /in is no folder.'
    expect(seen[0]).toMatchObject({ code: 'DENIED_FILE_KIND', message })
  })

  it('bounds one file, all bytes of a task, the entries of a call and the depth', async () => {
    const files = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`${n}.csv`, 'x'.repeat(1024)]))
    using folder = openFolder({ ...files, 'big.csv': 'x'.repeat(1025), 'many/a/b/c.csv': '' })
    const small = {
      ...READ,
      source: folder.path,
      max_file_kb: 1,
      max_total_kb: 3,
      max_files: 11,
      max_depth: 3,
    }
    const { found } = await look(
      [small],
      [
        ['readText', '/in/big.csv'],
        ['list', '/in'],
        ['glob', '/in/**/*.csv'],
        ['readText', '/in/many/a/b/c.csv'],
        ...[0, 1, 2, 3].map((n): FileCall => ['readText', `/in/${n}.csv`]),
      ],
    )
    const whole = 'x'.repeat(1024)
    expect(found).toEqual([
      'LIMIT_FILE_SIZE at perform',
      'LIMIT_FILES at perform',
      'LIMIT_FILES at perform',
      'LIMIT_FILES at authorize',
      whole,
      whole,
      whole,
      'LIMIT_FILE_TOTAL at perform',
    ])
  })
})

describe('a scratch mount', () => {
  it('tells what to do where a folder is missing, a path ends in a slash, or no more can be made', async () => {
    const { seen } = await look(
      [{ path: '/tmp', mode: 'scratch', max_files: 1 }],
      [
        ['write', '/tmp/no/a', 'x'],
        ['append', '/tmp/no/a', 'x'],
        ['list', '/tmp/'],
        ['write', '/tmp/a', 'x'],
        ['write', '/tmp/b', 'x'],
      ],
    )
    const hint = 'fs.mkdir makes a folder, and those above it.'
    expect(seen.filter(({ code }) => code !== undefined)).toMatchObject([
      { code: 'UPSTREAM_FILE_MISSING', hint },
      { code: 'UPSTREAM_FILE_MISSING', hint },
      { message: 'The path has an empty name: a slash at its end, or two in a row.' },
      { code: 'LIMIT_FILES', hint: 'Make no more files and folders there.' },
    ])
  })

  it('holds what the tool writes, in memory, within its bounds', async () => {
    const { found } = await look(
      [{ path: '/tmp', mode: 'scratch', max_total_kb: 1, max_files: 3 }],
      [
        ['write', '/tmp/a', 'one'],
        ['append', '/tmp/a', 'two'],
        ['readText', '/tmp/a'],
        ['write', '/tmp/no/b', 'x'],
        ['mkdir', '/tmp/sub'],
        ['write', '/tmp/sub/b', 'x'],
        ['write', '/tmp/c', 'x'],
        ['rename', '/tmp/a', '/tmp/sub/b'],
        ['rename', '/tmp/a', '/tmp/sub/c'],
        ['list', '/tmp/sub'],
        ['remove', '/tmp/sub'],
        ['remove', '/tmp/sub/b'],
        ['write', '/tmp/big', 'x'.repeat(1019)],
        ['write', '/tmp/big', 'x'.repeat(1018)],
        ['glob', '/tmp/**'],
      ],
    )
    expect(found).toEqual([
      null,
      null,
      'onetwo',
      'UPSTREAM_FILE_MISSING at perform',
      null,
      null,
      'LIMIT_FILES at perform',
      'UPSTREAM_FILE_EXISTS at perform',
      null,
      [
        { name: 'b', kind: 'file', sizeBytes: 1 },
        { name: 'c', kind: 'file', sizeBytes: 6 },
      ],
      'UPSTREAM_FILE_EXISTS at perform',
      null,
      'LIMIT_FILE_TOTAL at perform',
      null,
      ['/tmp/big', '/tmp/sub/c'],
    ])
  })
})

describe('a write mount', () => {
  const mountOf = (source: string, rest: object = {}): object => ({
    path: '/out',
    source,
    mode: 'write',
    allow: ['*.md', 'sub/**'],
    ...rest,
  })

  it('writes whole files of mode 0600, appends, renames to a free name, makes folders', async () => {
    using folder = openFolder({ 'old.md': 'old' })
    const { found } = await look(
      [mountOf(folder.path)],
      [
        ['write', '/out/old.md', 'new'],
        ['append', '/out/old.md', ' and more'],
        ['append', '/out/log.md', 'first'],
        ['write', '/out/x.txt', 'no'],
        ['mkdir', '/out/sub/a/b'],
        ['mkdir', '/out/sub/a/b'],
        ['mkdir', '/out/other'],
        ['write', '/out/sub/a/b/c', 'c'],
        ['rename', '/out/log.md', '/out/old.md'],
        ['rename', '/out/log.md', '/out/sub/log'],
        ['readText', '/out/old.md'],
        ['readText', '/out/sub/log'],
        ['exists', '/out/log.md'],
      ],
    )
    expect(found).toEqual([
      null,
      null,
      null,
      'DENIED_FILE at authorize',
      null,
      null,
      'DENIED_FILE at authorize',
      null,
      'UPSTREAM_FILE_EXISTS at perform',
      null,
      'new and more',
      'first',
      false,
    ])
    expect(readFileSync(join(folder.path, 'sub/a/b/c'), 'utf8')).toBe('c')
    expect(statSync(join(folder.path, 'old.md')).mode & 0o7777).toBe(0o600)
    expect(statSync(join(folder.path, 'sub')).mode & 0o7777).toBe(0o700)
    expect(new Set(readdirSync(folder.path, { recursive: true, encoding: 'utf8' }))).toEqual(
      new Set(['old.md', 'sub', 'sub/a', 'sub/a/b', 'sub/a/b/c', 'sub/log']),
    )
  })

  it('asks a human before it removes a file, unless the policy says otherwise', async () => {
    using folder = openFolder({ 'a.md': 'a', 'b.md': 'b' })
    await using gate = await openGate()
    const asking = await callFiles(gate, filePolicy([mountOf(folder.path)]), [['remove', '/out/a.md']])
    expect(asking.found).toEqual(['APPROVAL_UNAVAILABLE at approve'])
    const free = filePolicy([mountOf(folder.path, { ask: 'never' })])
    const { found } = await callFiles(gate, free, [['remove', '/out/b.md']])
    expect(found).toEqual([null])
    expect(readdirSync(folder.path)).toEqual(['a.md'])
  })

  it('bounds one file, the bytes and the files that are made', async () => {
    using folder = openFolder()
    const { found } = await look(
      [mountOf(folder.path, { max_file_kb: 1, max_total_kb: 2, max_files: 2 })],
      [
        ['write', '/out/a.md', 'x'.repeat(1025)],
        ['write', '/out/a.md', 'x'.repeat(1000)],
        ['append', '/out/a.md', 'x'.repeat(25)],
        ['write', '/out/b.md', ''],
        ['write', '/out/c.md', ''],
        ['write', '/out/a.md', 'x'.repeat(1024)],
      ],
    )
    expect(found).toEqual([
      'LIMIT_FILE_SIZE at authorize',
      null,
      'LIMIT_FILE_SIZE at perform',
      null,
      'LIMIT_FILES at perform',
      null,
    ])
    expect(readdirSync(folder.path).toSorted()).toEqual(['a.md', 'b.md'])
  })
})
