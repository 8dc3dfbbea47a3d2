import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'

test('one committer at a time holds the lock of a state, whichever store it asks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-commits-'))
  const stores = [openSqliteStore(folder), openSqliteStore(folder)] as const
  try {
    const release = stores[0].fileCommits.lock()
    expect(release).toBeTypeOf('function')
    expect([stores[0].fileCommits.lock(), stores[1].fileCommits.lock()]).toEqual([undefined, undefined])
    release?.()
    const next = stores[1].fileCommits.lock()
    expect(next).toBeTypeOf('function')
    next?.()
    expect(readdirSync(folder)).toContain('file-commits.lock')
    expect(statSync(join(folder, 'file-commits.lock')).mode & 0o777).toBe(0o600)
  } finally {
    for (const store of stores) store.close()
    rmSync(folder, { recursive: true })
  }
})

test('a commit is unfinished until it is settled, and its fate is told by its id', () => {
  const store = openSqliteStore(':memory:')
  const { fileCommits } = store
  const release = fileCommits.lock()
  expect(fileCommits.lock()).toBeUndefined()
  release?.()
  fileCommits.prepare('run-1 /m', '{"a":1}')
  fileCommits.prepare('run-2 /m', '{}')
  expect(() => fileCommits.prepare('run-1 /m', '{}')).toThrow('The state could not be written')
  fileCommits.decide('run-1 /m')
  expect(fileCommits.unfinished()).toEqual([
    { id: 'run-1 /m', state: 'decided', manifest: '{"a":1}' },
    { id: 'run-2 /m', state: 'prepared', manifest: '{}' },
  ])
  fileCommits.settle('run-1 /m', 'done')
  fileCommits.settle('run-2 /m', 'undone')
  expect(fileCommits.unfinished()).toEqual([])
  expect(fileCommits.fates('run-1')).toEqual([{ id: 'run-1 /m', state: 'done' }])
  store.close()
})
