import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callFiles, filePolicy, openFolder, type FileCall } from '../harness/files.ts'
import { openGate } from '../harness/gate.ts'
import { filePowers } from '../harness/weak-files.ts'

const mountOf = (source: string, rest: object = {}): object => ({
  path: '/m',
  source,
  mode: 'write',
  allow: ['**'],
  ask: 'never',
  ...rest,
})

const OPS = (name: string): FileCall[] => [
  ['readText', `/m/${name}`],
  ['append', `/m/${name}`, 'x'],
  ['write', `/m/${name}`, 'x'],
  ['rename', `/m/${name}`, '/m/copy'],
]

it('H43: a FIFO, a socket and a hard link are refused, and nothing waits for them', async () => {
  using folder = openFolder({ 'outside/secret': 'secret', 'root/ok': 'ok' })
  const root = join(folder.path, 'root')
  execFileSync('mkfifo', [join(root, 'fifo')])
  linkSync(join(folder.path, 'outside', 'secret'), join(root, 'hard'))
  const server = createServer().listen(join(root, 'socket'))
  await once(server, 'listening')
  try {
    await using gate = await openGate()
    const calls = ['fifo', 'socket', 'hard'].flatMap(OPS)
    const { found } = await callFiles(gate, filePolicy([mountOf(root)]), calls)
    expect(found).toEqual(calls.map(() => 'DENIED_FILE_KIND at perform'))
    const { found: listed } = await callFiles(gate, filePolicy([mountOf(root)]), [['list', '/m']])
    expect(listed[0]).toEqual([
      { name: 'fifo', kind: 'other' },
      { name: 'hard', kind: 'file', sizeBytes: 6 },
      { name: 'ok', kind: 'file', sizeBytes: 2 },
      { name: 'socket', kind: 'other' },
    ])
  } finally {
    server.close()
  }
})

it('H43: powers that hide the second name of a file would let it be read', async () => {
  using folder = openFolder({ 'outside/secret': 'secret', 'root/ok': 'ok' })
  linkSync(join(folder.path, 'outside', 'secret'), join(folder.path, 'root', 'hard'))
  const hiding = filePowers((real) => ({
    factsAt: (at, name) => ({ ...real.factsAt(at, name), links: 1 }),
    factsOf: (descriptor) => ({ ...real.factsOf(descriptor), links: 1 }),
  }))
  await using gate = await openGate({ powers: { filesystem: hiding } })
  const policy = filePolicy([mountOf(join(folder.path, 'root'))])
  const { found } = await callFiles(gate, policy, [['readText', '/m/hard']])
  expect(found).toEqual(['secret'])
})

it('H43: a device is not opened, even where a policy mounts its folder', async () => {
  await using gate = await openGate()
  const mounts = [{ path: '/m', source: '/dev', mode: 'read', allow: ['zero', 'null', 'shm/**'] }]
  const calls: FileCall[] = [
    ['readText', '/m/zero'],
    ['readText', '/m/null'],
    ['stat', '/m/zero'],
  ]
  const { found } = await callFiles(gate, filePolicy(mounts), calls)
  expect(found).toEqual(calls.map(() => 'DENIED_FILE_KIND at perform'))
})

it('H43: powers that take a device for a file read until the bound of a file', async () => {
  const blind = filePowers((real) => ({
    factsAt: (at, name) => ({ ...real.factsAt(at, name), kind: 'file' }),
    factsOf: (descriptor) => {
      const facts = real.factsOf(descriptor)
      return facts.kind === 'other' ? { ...facts, kind: 'file' } : facts
    },
  }))
  await using gate = await openGate({ powers: { filesystem: blind } })
  const mounts = [{ path: '/m', source: '/dev', mode: 'read', allow: ['zero'] }]
  const { found } = await callFiles(gate, filePolicy(mounts), [['readText', '/m/zero']])
  expect(found).toEqual(['LIMIT_FILE_SIZE at perform'])
})

it('H43: a sparse terabyte, thousands of files and a deep tree end at their bounds, and soon', async () => {
  using folder = openFolder({ sparse: '' })
  truncateSync(join(folder.path, 'sparse'), 2 ** 40)
  const many = join(folder.path, 'many')
  mkdirSync(many)
  for (let n = 0; n < 3000; n += 1) writeFileSync(join(many, `${n}`), '')
  const deep = join(folder.path, 'deep', ...Array.from({ length: 40 }, () => 'd'))
  mkdirSync(deep, { recursive: true })
  writeFileSync(join(deep, 'end'), '')
  await using gate = await openGate()
  const began = performance.now()
  const { found } = await callFiles(gate, filePolicy([mountOf(folder.path)]), [
    ['readText', '/m/sparse'],
    ['append', '/m/sparse', 'x'],
    ['list', '/m/many'],
    ['glob', '/m/many/*'],
    ['glob', '/m/**'],
    ['glob', '/m/deep/**/end'],
    ['mkdir', `/m/deep${'/d'.repeat(16)}`],
    ['glob', `/m/${'**/'.repeat(60)}x`],
    ['glob', `/m/${'*a'.repeat(200)}b`],
  ])
  expect(performance.now() - began).toBeLessThan(10_000)
  expect(found).toEqual([
    'LIMIT_FILE_SIZE at perform',
    'LIMIT_FILE_SIZE at perform',
    'LIMIT_FILES at perform',
    'LIMIT_FILES at perform',
    'LIMIT_FILES at perform',
    [],
    'LIMIT_FILES at authorize',
    'LIMIT_FILES at perform',
    [],
  ])
})
