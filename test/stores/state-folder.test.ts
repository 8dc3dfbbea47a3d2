import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { MIGRATIONS } from '../../src/stores/sqlite/migrations.ts'
import { openGate } from '../harness/gate.ts'
import { startHost } from '../run/other-host.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-state-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const state = (): string => join(folder, 'state')
const database = (): DatabaseSync => new DatabaseSync(join(state(), 'tollgate.db'))
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)

describe('a state folder', () => {
  it('is made when it is missing, for its owner alone', () => {
    openSqliteStore(join(state(), 'deep', 'er')).close()
    expect(mode(join(state(), 'deep', 'er'))).toBe('700')
    expect(mode(join(state(), 'deep', 'er', 'tollgate.db'))).toBe('600')
  })

  it('that was opened to others is closed to them again', () => {
    openSqliteStore(state()).close()
    chmodSync(join(state(), 'tollgate.db'), 0o644)
    openSqliteStore(state()).close()
    expect(mode(join(state(), 'tollgate.db'))).toBe('600')
  })

  it('carries its version, and is opened again as it is', () => {
    openSqliteStore(state()).close()
    openSqliteStore(state()).close()
    const opened = database()
    expect(opened.prepare('PRAGMA user_version').get()).toEqual({ user_version: MIGRATIONS.length })
    opened.close()
  })

  it('of a newer Tollgate is refused and left alone', async () => {
    openSqliteStore(state()).close()
    const newer = database()
    newer.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    newer.close()
    await expect(openGate({ state: state() })).rejects.toMatchObject({
      code: 'CONFIG_STATE_UNUSABLE',
      message: expect.stringContaining('newer version') as string,
    })
    const after = database()
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: MIGRATIONS.length + 1 })
    after.close()
  })

  it('keeps nothing of a migration that failed', () => {
    openSqliteStore(state()).close()
    const spoilt = database()
    spoilt.exec('PRAGMA user_version = 0')
    spoilt.close()
    expect(() => openSqliteStore(state())).toThrow(
      expect.objectContaining({ code: 'CONFIG_STATE_UNUSABLE' }) as Error,
    )
    const after = database()
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 0 })
    after.close()
  })

  it('is made once by six hosts that begin at the same time', { timeout: 60_000 }, async () => {
    const world = join(folder, 'world')
    const hosts = Array.from({ length: 6 }, (_, n) =>
      startHost('paying-host.ts', [state(), world, String(10 * n), String(10 * n + 3)]),
    )
    const ended = await Promise.all(hosts.map((host) => host.ended))
    expect(ended.map(({ code, errors }) => [code, errors])).toEqual(Array(6).fill([0, '']))
    await using gate = await openGate({ state: state() })
    expect(await gate.audit.verify()).toMatchObject({ intact: true, runs: 6 })
  })
})
