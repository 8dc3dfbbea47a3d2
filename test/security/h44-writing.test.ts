import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { FilePowers } from '../../src/run/file-powers.ts'
import { callFiles, filePolicy, openFolder, type FileCall } from '../harness/files.ts'
import { openGate } from '../harness/gate.ts'
import { openGateOf, withGrant } from '../run/gates.ts'
import { filePowers } from '../harness/weak-files.ts'

const mountOf = (source: string, rest: object = {}): object => ({
  path: '/m',
  source,
  mode: 'write',
  allow: ['**'],
  ask: 'never',
  ...rest,
})

/** Every op that changes something, as plain stubs would call it. */
const CHANGES: readonly FileCall[] = [
  ['write', '/in/a', 'x'],
  ['append', '/in/a', 'x'],
  ['mkdir', '/in/d'],
  ['remove', '/in/a'],
  ['rename', '/in/a', '/in/b'],
  ['rename', '/in/a', '/m/b'],
  ['rename', '/m/old', '/in/b'],
]

it('H44: a mount that can only be read is not written', async () => {
  using folder = openFolder({ 'in/a': 'a', 'out/old': 'old' })
  const mounts = [
    { path: '/in', source: join(folder.path, 'in'), mode: 'read', allow: ['**'] },
    mountOf(join(folder.path, 'out')),
  ]
  await using gate = await openGate()
  const { found } = await callFiles(gate, filePolicy(mounts), CHANGES)
  expect(found).toEqual(CHANGES.map(() => 'DENIED_FILE_MODE at authorize'))
  expect(new Set(readdirSync(folder.path, { recursive: true, encoding: 'utf8' }))).toEqual(
    new Set(['in', 'in/a', 'out', 'out/old']),
  )
  const { found: absent } = await callFiles(gate, filePolicy(mounts.slice(0, 1)), CHANGES)
  expect(new Set(absent)).toEqual(new Set(['no such member at undefined']))
})

it('H44: a judgement that mistakes the mount would write', async () => {
  using folder = openFolder({ 'in/a': 'a', 'out/old': 'old' })
  const mounts = [
    { path: '/in', source: join(folder.path, 'in'), mode: 'read', allow: ['**'] },
    mountOf(join(folder.path, 'out')),
  ]
  const mistaken = withGrant('filesystem', (grant) => ({
    ...grant,
    judge: (op) => {
      const judged = grant.judge(op, { path: '/m/a', body: { text: 'x' } })
      return { ...judged, request: { ...(judged.request as object), mount: 0, path: '/in/a' } }
    },
  }))
  await using gate = await openGateOf({}, mistaken)
  await callFiles(gate, filePolicy(mounts), [['write', '/in/a', 'x']])
  expect(readFileSync(join(folder.path, 'in/a'), 'utf8')).toBe('x')
})

it('H44: a rename takes no name that is taken, and replacing leaves neither mode nor setuid bits', async () => {
  using folder = openFolder({ old: 'old', other: 'other' })
  chmodSync(join(folder.path, 'old'), 0o4777)
  await using gate = await openGate()
  const { found } = await callFiles(gate, filePolicy([mountOf(folder.path)]), [
    ['rename', '/m/other', '/m/old'],
    ['write', '/m/old', 'new'],
    ['write', '/m/fresh', 'new'],
    ['write', '/m/.tollgate-0', 'x'],
    ['readText', '/m/.tollgate-0'],
    ['write', '/m', 'x'],
    ['remove', '/m'],
  ])
  expect(found).toEqual([
    'UPSTREAM_FILE_EXISTS at perform',
    null,
    null,
    'DENIED_FILE_PATH at authorize',
    'DENIED_FILE_PATH at authorize',
    'DENIED_FILE_PATH at authorize',
    'DENIED_FILE_PATH at authorize',
  ])
  expect(readFileSync(join(folder.path, 'other'), 'utf8')).toBe('other')
  expect(['old', 'fresh'].map((name) => statSync(join(folder.path, name)).mode & 0o7777)).toEqual([
    0o600, 0o600,
  ])
})

const fails = (code: string) => (): never => {
  throw Object.assign(new Error(`${code}: /a/place/of/the/host`), { code })
}

/** Writes half of it, then fails. */
const fillsUp = (real: FilePowers): Partial<FilePowers> => ({
  write: async (descriptor, bytes) => {
    await real.write(descriptor, bytes.subarray(0, bytes.length / 2))
    fails('ENOSPC')()
  },
})

const FAULTS: Readonly<Record<string, { change: (real: FilePowers) => Partial<FilePowers>; code: string }>> =
  {
    'the disk is full midway': { change: fillsUp, code: 'UPSTREAM_FILE' },
    'the disk is full at once': { change: () => ({ createFile: fails('ENOSPC') }), code: 'UPSTREAM_FILE' },
    'the disk can only be read': { change: () => ({ createFile: fails('EROFS') }), code: 'UPSTREAM_FILE' },
    'the disk fails': { change: () => ({ rename: fails('EIO') }), code: 'UPSTREAM_FILE' },
    'the folder vanishes': { change: () => ({ rename: fails('ENOENT') }), code: 'UPSTREAM_FILE_MISSING' },
  }

it.each(Object.keys(FAULTS))('H44: nothing is half written when %s', async (name) => {
  using folder = openFolder({ old: 'old' })
  const { change = () => ({}), code } = FAULTS[name] ?? {}
  await using gate = await openGate({ powers: { filesystem: filePowers(change) } })
  const { found, seen, result } = await callFiles(gate, filePolicy([mountOf(folder.path)]), [
    ['write', '/m/old', 'something new'],
    ['append', '/m/old', 'something more'],
    ['write', '/m/fresh', 'something new'],
  ])
  expect(found).toEqual([1, 2, 3].map(() => `${code} at perform`))
  expect(readdirSync(folder.path)).toEqual(['old'])
  expect(readFileSync(join(folder.path, 'old'), 'utf8')).toBe('old')
  expect(JSON.stringify([seen, result])).not.toContain('/a/place')
})

it('H44: powers that write in place would leave half a file', async () => {
  using folder = openFolder({ old: 'old' })
  const inPlace = filePowers((real) => ({
    ...fillsUp(real),
    unlink: (at, name) => real.rename(at, name, 'old'),
  }))
  await using gate = await openGate({ powers: { filesystem: inPlace } })
  await callFiles(gate, filePolicy([mountOf(folder.path)]), [['write', '/m/old', 'something new']])
  expect(readFileSync(join(folder.path, 'old'), 'utf8')).toBe('someth')
})

it.each([
  ['before it is opened', 'ENOENT', 'UPSTREAM_FILE_MISSING'],
  ['while it is read', 'ESTALE', 'UPSTREAM_FILE'],
])('H44: a file that vanishes %s is a coded error', async (when, errno, code) => {
  using folder = openFolder({ old: 'old' })
  const powers = filePowers(() =>
    when === 'while it is read' ? { read: () => Promise.try(fails(errno)) } : { openFile: fails(errno) },
  )
  await using gate = await openGate({ powers: { filesystem: powers } })
  const { found } = await callFiles(gate, filePolicy([mountOf(folder.path)]), [['readText', '/m/old']])
  expect(found).toEqual([`${code} at perform`])
})

it('H44: runs that append to one file at once lose nothing', async () => {
  using folder = openFolder()
  await using gate = await openGate()
  const code = "for (let n = 0; n < 10; n += 1) await fs.append('/m/log', 'x')"
  const policy = filePolicy([mountOf(folder.path)])
  const results = await Promise.all([1, 2, 3].map(() => gate.run({ code, policy })))
  expect(results.map(({ status }) => status)).toEqual(['done', 'done', 'done'])
  expect(readFileSync(join(folder.path, 'log'), 'utf8')).toBe('x'.repeat(30))
})

it('H44: appends at once are all there, and bounds hold for calls at once', async () => {
  using folder = openFolder()
  await using gate = await openGate()
  const code = `
    const settled = await Promise.allSettled(Array.from({ length: 30 }, (_, n) => fs.append('/m/log', 'x')))
    const made = await Promise.allSettled(Array.from({ length: 30 }, (_, n) => fs.write('/m/f' + n, 'x')))
    return [settled, made].map((all) => all.filter(({ status }) => status === 'fulfilled').length)`
  const policy = filePolicy([mountOf(folder.path, { max_files: 11 })])
  const { value } = await gate.run({ code, policy })
  expect(value).toEqual([30, 10])
  expect(readFileSync(join(folder.path, 'log'), 'utf8')).toBe('x'.repeat(30))
  expect(readdirSync(folder.path)).toHaveLength(11)
})
