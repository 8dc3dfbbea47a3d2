import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Report } from '../../bench/report.ts'
import { startProgram } from '../harness/command-line.ts'

const bench = (...args: string[]) => startProgram(process.execPath, [join('bench', 'main.ts'), ...args]).ended

test('a question is answered as one JSON document: machine, aims, contenders', async () => {
  const { exit, stdout } = await bench('host-call', '--quick', '--json', '--no-rivals', '--force')
  expect(exit).toBe(0)
  const { machine, aims, rivals, questions } = JSON.parse(stdout) as Report
  expect(machine).toMatchObject({ versions: { node: process.versions.node } })
  expect(questions.map(({ name }) => name)).toEqual(['host-call'])
  expect(rivals.map(({ name }) => name)).toContain('Tollgate')
  expect(aims.length).toBeGreaterThan(0)
  for (const { name, figure, aim, held } of aims) {
    expect(name).not.toBe('')
    expect(figure).toBeGreaterThan(0)
    expect(typeof held).toBe('boolean')
    expect(aim).toBeGreaterThan(0)
  }
}, 60_000)

test('an unknown question is a usage error that names the known ones', async () => {
  const { exit, stderr } = await bench('how-fast', '--quick')
  expect(exit).toBe(2)
  expect(stderr).toContain('host-call')
})
