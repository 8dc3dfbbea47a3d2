import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { TollgateOptions } from '../../src/index.ts'
import { callFiles, filePolicy, openFolder, type FileCall } from '../harness/files.ts'
import { openGate } from '../harness/gate.ts'
import { filePowers } from '../harness/weak-files.ts'

const CALLS: readonly FileCall[] = [
  ['list', '/m'],
  ['glob', '/m/**'],
  ['list', '/m/in/state'],
  ['read', '/m/in/state/tollgate.db'],
  ['write', '/m/in/state/tollgate.db', 'x'],
  ['write', '/m/in/state/new', 'x'],
  ['mkdir', '/m/in/state/new'],
  ['rename', '/m/a', '/m/in/state/a'],
  ['remove', '/m/in/state/tollgate.db'],
  ['list', '/s'],
]

const attempt = async (mode: string, options: TollgateOptions = {}) => {
  using folder = openFolder({ a: 'a' })
  const state = join(folder.path, 'in/state')
  mkdirSync(join(folder.path, 'in'))
  await using gate = await openGate({ state, ...options })
  const rest = { allow: ['**'], ask: 'never', mode }
  const mounts = [
    { path: '/m', source: folder.path, ...rest },
    { path: '/s', source: state, ...rest },
  ]
  const { found } = await callFiles(gate, filePolicy(mounts), CALLS)
  return { found, header: readFileSync(join(state, 'tollgate.db')).toString('latin1', 0, 15) }
}

it.each(['write', 'overlay'])('H41: the state of the host is in no mount: %s', async (mode) => {
  const { found, header } = await attempt(mode)
  expect(found).toEqual([
    [
      { name: 'a', kind: 'file', sizeBytes: 1 },
      { name: 'in', kind: 'folder' },
    ],
    ['/m/a'],
    ...Array<unknown>(8).fill('DENIED_FILE_KIND at perform'),
  ])
  expect(header).toBe('SQLite format 3')
})

it('H41: it is where the powers over files do not know of it', async () => {
  const { found } = await attempt('read', { powers: { filesystem: filePowers() } })
  expect(found[1]).toContain('/m/in/state/tollgate.db')
  expect(found[3]).toEqual(expect.arrayContaining([...Buffer.from('SQLite format 3')]))
})
