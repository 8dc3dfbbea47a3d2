import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { escapeName } from '../../src/capabilities/fs/path.ts'
import { callFiles, filePolicy, openFolder, type FileCall } from '../harness/files.ts'
import { openGate, refusalsOf } from '../harness/gate.ts'

const ODD = [
  'new\nline',
  'ansi\u001b[31mred',
  'rtl\u202egnp.exe',
  'zero\u200bwidth',
  'back\\slash',
  'nbsp\u00a0',
  'cafe\u0301',
]
const UNSHOWABLE = /[^\P{C}]|[\p{Zl}\p{Zp}]/u

const mountOf = (source: string, rest: object = {}): object => ({
  path: '/m',
  source,
  mode: 'write',
  allow: ['**'],
  ...rest,
})

it('H45: a listing shows names with what cannot be seen escaped, and no path can say them', async () => {
  using folder = openFolder({ plain: '' })
  for (const name of ODD) writeFileSync(join(folder.path, name), 'x')
  writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/`), Buffer.from([0x62, 0xff])]), 'x')
  await using gate = await openGate()
  const calls: FileCall[] = [
    ['list', '/m'],
    ['glob', '/m/**'],
    ...ODD.map((name): FileCall => ['readText', `/m/${name}`]),
  ]
  const { found } = await callFiles(gate, filePolicy([mountOf(folder.path)]), calls)
  const listed = found[0] as { name: string; kind: string }[]
  expect(listed).toHaveLength(ODD.length + 2)
  expect(listed.filter(({ kind }) => kind === 'file').map(({ name }) => name)).toEqual(['plain'])
  expect(listed.filter(({ name }) => UNSHOWABLE.test(name))).toEqual([])
  expect(listed.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['new\\u{a}line', 'rtl\\u{202e}gnp.exe']),
  )
  expect(found[1]).toEqual(['/m/plain'])
  expect(found.slice(2)).toEqual(ODD.map(() => 'DENIED_FILE_PATH at authorize'))
})

it('H45: raw names would bring what cannot be seen along', () => {
  expect(ODD.filter((name) => UNSHOWABLE.test(name)).length).toBeGreaterThan(3)
  expect(ODD.map(escapeName).filter((name) => UNSHOWABLE.test(name))).toEqual([])
})

it('H45: the audit record of a refused path has it escaped', async () => {
  using folder = openFolder()
  await using gate = await openGate()
  const calls = ODD.map((name): FileCall => ['write', `/m/${name}`, 'x'])
  const { result } = await callFiles(gate, filePolicy([mountOf(folder.path)]), calls)
  const subjects = (await refusalsOf(gate, result)).map(({ subject }) => String(subject))
  expect(subjects).toHaveLength(ODD.length)
  expect(subjects.filter((subject) => UNSHOWABLE.test(subject))).toEqual([])
  expect(subjects[0]).toBe('fs.write /m/new\\u{a}line')
})

it('H45: the question to a human names path, size and digest, and nothing that imitates', async () => {
  using folder = openFolder()
  const asked: string[] = []
  await using gate = await openGate({
    approve: ({ subject }) => {
      asked.push(subject)
      return { approve: true, by: 'ann' }
    },
  })
  const calls: FileCall[] = [
    ['write', '/m/ok.md', 'hello'],
    ['write', '/m/a\u202eb', 'x'],
  ]
  const { found } = await callFiles(gate, filePolicy([mountOf(folder.path, { ask: 'always' })]), calls)
  expect(found).toEqual([null, 'DENIED_FILE_PATH at authorize'])
  expect(asked).toEqual([
    'fs.write /m/ok.md (5 bytes, sha256 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824)',
  ])
})

it('H45: names that some systems reserve are not made', async () => {
  using folder = openFolder()
  await using gate = await openGate()
  const names = ['con', 'NUL.txt', 'aux', 'com1', 'LPT9.md', 'dot.', 'space ']
  const calls = names.map((name): FileCall => ['write', `/m/${name}`, 'x'])
  const { found } = await callFiles(gate, filePolicy([mountOf(folder.path)]), calls)
  expect(found).toEqual(names.map(() => 'DENIED_FILE_PATH at authorize'))
})
