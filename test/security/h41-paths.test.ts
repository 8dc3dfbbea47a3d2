import { expect, it } from 'vitest'
import type { FsArguments } from '../../src/capabilities/fs/ops.ts'
import { callFiles, filePolicy, openFolder, type FileCall } from '../harness/files.ts'
import { openGate } from '../harness/gate.ts'
import { openGateOf, withGrant } from '../run/gates.ts'

const SECRET = 'what lies outside'
const tree = () =>
  openFolder({
    'data/ok.csv': 'inside',
    'data/Ok.csv': 'another',
    'data/caf\u00e9.csv': 'composed',
    'secret.csv': SECRET,
    'data-evil/secret.csv': SECRET,
  })
const policyOf = (path: string): object =>
  filePolicy([{ path: '/data', source: `${path}/data`, mode: 'read', allow: ['**'] }])

const MALFORMED = [
  '/data/../secret.csv',
  '/data/./../secret.csv',
  '/data/x/../../secret.csv',
  '/data/..',
  '..',
  '../secret.csv',
  'data/ok.csv',
  '',
  '//data/ok.csv',
  '/data//ok.csv',
  '/data/ok.csv/',
  '/data\\..\\secret.csv',
  '/data/..\\secret.csv',
  '/data/ok.csv\0.png',
  '\0',
  '/data/a\nb',
  '/data/\u202ecsv.ko',
  '/data/ok\u00a0.csv',
  '/data/cafe\u0301.csv',
  '/data/\ud800.csv',
  `/data/${'a'.repeat(5000)}`,
  `/data/${'a/'.repeat(2500)}a`,
  `/data/${'\u00e9'.repeat(128)}`,
]
const ELSEWHERE = [
  '/data-evil/secret.csv',
  '/secret.csv',
  '/etc/passwd',
  '/proc/self/environ',
  '/DATA/ok.csv',
]
const LITERAL = [
  '/data/%2e%2e/secret.csv',
  '/data/x..%2fsecret.csv',
  '/data/%2e%2e%2fsecret.csv',
  '/data/OK.csv',
  '/data/…/secret.csv',
]

it('H41: a path stays under its mount, however it is written', async () => {
  using folder = tree()
  await using gate = await openGate()
  const paths = [...MALFORMED, ...ELSEWHERE]
  const calls = [...paths, ...LITERAL].map((path): FileCall => ['readText', path])
  const { found, seen } = await callFiles(gate, policyOf(folder.path), calls)
  expect(found).toEqual([
    ...paths.map(() => 'DENIED_FILE_PATH at authorize'),
    ...LITERAL.map(() => 'UPSTREAM_FILE_MISSING at perform'),
  ])
  expect(JSON.stringify(seen)).not.toContain(folder.path)
})

it('H41: every op reads its paths alike', async () => {
  using folder = tree()
  await using gate = await openGate()
  const out = '/data/../secret.csv'
  const calls: FileCall[] = [
    ...['readText', 'read', 'list', 'stat', 'exists', 'mkdir', 'remove'].map((verb): FileCall => [verb, out]),
    ['write', out, 'x'],
    ['append', out, 'x'],
    ['rename', '/data/ok.csv', out],
    ['rename', out, '/data/ok.csv'],
  ]
  const mounts = [
    { path: '/data', source: `${folder.path}/data`, mode: 'write', allow: ['**'], ask: 'never' },
  ]
  const { found } = await callFiles(gate, filePolicy(mounts), [...calls, ['glob', '/data/../*']])
  expect(found).toEqual([...calls.map(() => 'DENIED_FILE_PATH at authorize'), 'GUEST_ARGUMENTS at authorize'])
})

it('H41: case and Unicode form are part of a name', async () => {
  using folder = tree()
  await using gate = await openGate()
  const calls = ['/data/ok.csv', '/data/Ok.csv', '/data/caf\u00e9.csv'].map((path): FileCall => [
    'readText',
    path,
  ])
  const { found } = await callFiles(gate, policyOf(folder.path), calls)
  expect(found).toEqual(['inside', 'another', 'composed'])
})

it('H41: a grant that lets .. through would leak', async () => {
  using folder = tree()
  const blind = withGrant('filesystem', (grant) => ({
    ...grant,
    judge: (op, args) => ({
      ...grant.judge(op, { path: '/data/ok.csv', as: 'text' }),
      request: { mount: 0, path: (args as FsArguments).path, as: 'text' },
    }),
  }))
  await using gate = await openGateOf({}, blind)
  const { found } = await callFiles(gate, policyOf(folder.path), [['readText', '/data/../secret.csv']])
  expect(found).toEqual([SECRET])
})
