import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Ticket, TollgateOptions } from '../../../src/index.ts'
import { callFiles, filePolicy, openFolder, treeOf, type FileCall } from '../../harness/files.ts'
import { openGate } from '../../harness/gate.ts'

const mountOf = (source: string, rest: object = {}): object => ({
  path: '/m',
  source,
  mode: 'overlay',
  allow: ['**'],
  ask: 'never',
  ...rest,
})

const FILES = { 'a.md': 'one\ntwo\n', 'sub/b.md': 'b', 'sub/c.md': 'c', 'd.txt': 'd' }

type Tried = { mount?: object; rest?: object; options?: TollgateOptions }

const stage = async (source: string, calls: readonly FileCall[], { mount, rest, options }: Tried = {}) => {
  await using gate = await openGate(options)
  return await callFiles(gate, filePolicy([mountOf(source, mount)], rest), calls)
}

describe('an overlay mount', () => {
  it("shows the real tree with the run's own changes, and changes it when the run has succeeded", async () => {
    using folder = openFolder(FILES)
    let seenMeanwhile: unknown
    const calls: FileCall[] = [
      ['write', '/m/a.md', 'new'],
      ['append', '/m/sub/b.md', 'bb'],
      ['mkdir', '/m/x/y'],
      ['write', '/m/x/y/z.md', 'z'],
      ['rename', '/m/sub/c.md', '/m/x/c.md'],
      ['remove', '/m/d.txt'],
      ['readText', '/m/a.md'],
      ['readText', '/m/sub/b.md'],
      ['readText', '/m/x/c.md'],
      ['list', '/m'],
      ['list', '/m/sub'],
      ['glob', '/m/**'],
      ['exists', '/m/d.txt'],
      ['stat', '/m/d.txt'],
      ['readText', '/m/sub/c.md'],
      ['stat', '/m/x/y/z.md'],
      ['write', '/m/none/a', 'x'],
      ['mkdir', '/m/d.txt'],
      ['remove', '/m/sub'],
    ]
    const { found } = await stage(folder.path, calls, {
      rest: { human_in_loop: ['fs.commit'] },
      options: {
        approve: () => {
          seenMeanwhile = treeOf(folder.path)
          return true
        },
      },
    })
    expect(found.slice(6)).toEqual([
      'new',
      'bbb',
      'c',
      [
        { name: 'a.md', kind: 'file', sizeBytes: 3 },
        { name: 'sub', kind: 'folder' },
        { name: 'x', kind: 'folder' },
      ],
      [{ name: 'b.md', kind: 'file', sizeBytes: 3 }],
      ['/m/a.md', '/m/sub/b.md', '/m/x/c.md', '/m/x/y/z.md'],
      false,
      'UPSTREAM_FILE_MISSING at perform',
      'UPSTREAM_FILE_MISSING at perform',
      { kind: 'file', sizeBytes: 1, modifiedMs: 0 },
      'UPSTREAM_FILE_MISSING at perform',
      'UPSTREAM_FILE_EXISTS at perform',
      'UPSTREAM_FILE_EXISTS at perform',
    ])
    expect(seenMeanwhile).toEqual({ ...FILES, 'sub/': '' })
    expect(treeOf(folder.path)).toEqual({
      'a.md': 'new',
      'sub/': '',
      'sub/b.md': 'bbb',
      'x/': '',
      'x/c.md': 'c',
      'x/y/': '',
      'x/y/z.md': 'z',
    })
    expect(['a.md', 'x/c.md'].map((name) => statSync(join(folder.path, name)).mode & 0o7777)).toEqual([
      0o600, 0o600,
    ])
  })

  it('removes folders and what is in them, and commits nothing where nothing is left to do', async () => {
    using folder = openFolder(FILES)
    const { result } = await stage(folder.path, [
      ['write', '/m/new', 'x'],
      ['remove', '/m/new'],
      ['mkdir', '/m/e'],
      ['remove', '/m/e'],
    ])
    expect(result.usage.byOp).not.toHaveProperty('fs.commit')
    await stage(folder.path, [
      ['remove', '/m/sub/b.md'],
      ['remove', '/m/sub/c.md'],
      ['remove', '/m/sub'],
      ['remove', '/m/a.md'],
      ['write', '/m/a.md', 'again'],
    ])
    expect(treeOf(folder.path)).toEqual({ 'a.md': 'again', 'd.txt': 'd' })
  })

  it('is discarded when the run fails, and when a human refuses', async () => {
    using folder = openFolder(FILES)
    await using gate = await openGate({ approve: () => false })
    const code = (end: string) => `await fs.write('/m/a.md', 'new'); await fs.remove('/m/d.txt'); ${end}`
    const run = (end: string, mount: object) =>
      gate.run({ code: code(end), policy: filePolicy([mountOf(folder.path, mount)]) })
    expect(await run("throw new Error('no')", {})).toMatchObject({ error: { code: 'GUEST_THREW' } })
    expect(await run('', { ask: 'always' })).toMatchObject({
      status: 'failed',
      error: { code: 'APPROVAL_DENIED', op: 'fs.commit' },
    })
    // A removal asks by default.
    const policy = filePolicy([{ path: '/m', source: folder.path, mode: 'overlay', allow: ['**'] }])
    expect(await gate.run({ code: code(''), policy })).toMatchObject({ error: { code: 'APPROVAL_DENIED' } })
    expect(treeOf(folder.path)).toEqual({ ...FILES, 'sub/': '' })
  })

  it.each(['fs.commit', 'fs.commit /m', 'fs:/m', 'fs.commit /m/sub/**', 'fs.*'])(
    'asks for the commit where human_in_loop says %s',
    async (entry) => {
      using folder = openFolder(FILES)
      const asked: string[] = []
      const approve = ({ op }: Ticket): boolean => asked.push(op) > 0
      await stage(folder.path, [['write', '/m/a.md', 'new']], {
        rest: { human_in_loop: [entry] },
        options: { approve },
      })
      expect(asked).toContain('fs.commit')
    },
  )

  it('shows a human what will be changed', async () => {
    using folder = openFolder({ ...FILES, bytes: new Uint8Array([0xff]) })
    const tickets: Ticket[] = []
    await stage(
      folder.path,
      [
        ['readText', '/m/a.md'],
        ['write', '/m/a.md', 'one\nTWO\n'],
        ['write', '/m/n.md', 'fresh'],
        ['write', '/m/bytes', 'text'],
        ['remove', '/m/d.txt'],
      ],
      { mount: { ask: 'always' }, options: { approve: (ticket) => tickets.push(ticket) > 0 } },
    )
    expect(tickets).toHaveLength(1)
    expect(tickets[0]).toMatchObject({
      op: 'fs.commit',
      categories: ['delete'],
      request: {
        path: '/m',
        manifest: {
          changes: 4,
          removals: 1,
          bytes: 17,
          listed: [
            { path: '/m/a.md', verb: 'replace', bytes: 8, diff: '@@ -1,2 +1,2 @@\n one\n-two\n+TWO' },
            { path: '/m/bytes', verb: 'replace' },
            { path: '/m/n.md', verb: 'create', diff: '@@ -1,0 +1,1 @@\n+fresh' },
            { path: '/m/d.txt', verb: 'remove', diff: '@@ -1,1 +1,0 @@\n-d' },
          ],
        },
      },
    })
  })

  it('is bounded as a mount that is written', async () => {
    using folder = openFolder({ ...FILES, big: 'x'.repeat(1025), 'near.md': 'x'.repeat(1000) })
    const { found } = await stage(
      folder.path,
      [
        ['write', '/m/a.md', 'x'.repeat(1025)],
        ['append', '/m/near.md', 'x'.repeat(25)],
        ['write', '/m/big', 'x'],
        ['write', '/m/one', 'x'.repeat(1024)],
        ['append', '/m/near.md', 'x'],
        ['append', '/m/sub/b.md', 'x'.repeat(900)],
        ['write', '/m/two', 'x'],
        ['write', '/m/three', 'x'],
        ['mkdir', '/m/a/b/c/d'],
      ],
      { mount: { max_file_kb: 1, max_total_kb: 2, max_files: 3, max_depth: 3 } },
    )
    expect(found).toEqual([
      'LIMIT_FILE_SIZE at authorize',
      'LIMIT_FILE_SIZE at perform',
      'LIMIT_FILE_SIZE at perform',
      null,
      null,
      // Held already: 1024 and 1001.
      'LIMIT_FILE_TOTAL at perform',
      null,
      'LIMIT_FILES at perform',
      'LIMIT_FILES at authorize',
    ])
  })

  it("is judged by the same globs, and no name of a commit under way is ever the guest's", async () => {
    using folder = openFolder({ ...FILES, '.tollgate-x/1': 'x' })
    const { found } = await stage(
      folder.path,
      [
        ['write', '/m/d.txt', 'x'],
        ['readText', '/m/d.txt'],
        ['write', '/m/e.md', 'x'],
        ['readText', '/m/.tollgate-x/1'],
        ['list', '/m'],
      ],
      { mount: { allow: ['*.md', '.*/**'] } },
    )
    expect(found).toEqual([
      'DENIED_FILE at authorize',
      'DENIED_FILE at authorize',
      null,
      'DENIED_FILE_PATH at authorize',
      [
        { name: 'a.md', kind: 'file', sizeBytes: 8 },
        { name: 'e.md', kind: 'file', sizeBytes: 1 },
      ],
    ])
  })

  it('keeps receipts of its effects with the commit', async () => {
    using folder = openFolder(FILES)
    await using gate = await openGate()
    const policy = filePolicy([mountOf(folder.path)])
    const run = (end: string) =>
      gate.run({
        code: `await fs.append('/m/a.md', 'x', { idempotencyKey: 'k' }); if (input) throw new Error('no')`,
        policy,
        input: end,
      })
    expect(await run('fail')).toMatchObject({ status: 'failed' })
    expect(await run('')).toMatchObject({ status: 'done' })
    expect(await run('')).toMatchObject({ status: 'done' })
    expect(readFileSync(join(folder.path, 'a.md'), 'utf8')).toBe('one\ntwo\nx')
  })

  it('leaves its keys free when its commit was refused, for nothing happened', async () => {
    using folder = openFolder(FILES)
    let isChanged = false
    const approve = (): boolean => {
      if (!isChanged) writeFileSync(join(folder.path, 'a.md'), 'theirs')
      return (isChanged = true)
    }
    await using gate = await openGate({ approve })
    const code = `await fs.append('/m/a.md', 'x', { idempotencyKey: 'k' })`
    const policy = filePolicy([mountOf(folder.path, { ask: 'always' })])
    const first = await gate.run({ code, policy })
    expect(first).toMatchObject({ error: { code: 'UPSTREAM_FILE_CHANGED' }, commits: [{ state: 'refused' }] })
    expect(await gate.run({ code, policy })).toMatchObject({ commits: [{ op: 'fs.commit', state: 'done' }] })
    expect(readFileSync(join(folder.path, 'a.md'), 'utf8')).toBe('theirsx')
  })

  it('is refused where somebody changed a file between its first reading and the commit', async () => {
    using folder = openFolder(FILES)
    await using gate = await openGate({
      approve: () => {
        writeFileSync(join(folder.path, 'a.md'), 'theirs')
        return true
      },
    })
    const result = await gate.run({
      code: `await fs.write('/m/a.md', 'mine'); await fs.write('/m/new', 'n')`,
      policy: filePolicy([mountOf(folder.path, { ask: 'always' })]),
    })
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'UPSTREAM_FILE_CHANGED', gate: 'perform' },
    })
    expect(treeOf(folder.path)).toEqual({ ...FILES, 'sub/': '', 'a.md': 'theirs' })
  })
})
