import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { CODES } from '../../../src/index.ts'
import { binary, startProgram, type Ended } from '../../harness/command-line.ts'

/** Tells Node, before anything of ours runs, that it is another release than it is. */
const pretend = (release: string): string[] => {
  const script = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${release}' } })`
  return ['--import', `data:text/javascript,${encodeURIComponent(script)}`]
}

/** Every other Node on the PATH that is too old, one of a kind. */
const oldNodes = (): string[] => {
  const folders = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith('node_modules/.bin'))
  const found = folders.map((folder) => join(folder, 'node')).filter((path) => existsSync(path))
  const isOld = (path: string): boolean =>
    Number.parseInt(execFileSync(path, ['--version']).toString().slice(1), 10) < 24
  return [...new Set(found.map((path) => realpathSync(path)))].filter(isOld)
}

const expectRefusal = ({ exit, stdout, stderr }: Ended): void => {
  expect(exit).toBe(CODES.CONFIG_NODE_UNFIT.exit)
  expect(stdout).toBe('')
  expect(stderr).toMatch(
    /^✖ CONFIG_NODE_UNFIT Tollgate needs Node 24 or newer .*; this is Node \d+\.\d+\.\d+\.\n/,
  )
  expect(stderr).toContain('npm run -s tollgate')
}

test.each(['8.0.0', '20.19.0', '23.11.1'])(
  'Node %s is told what it lacks, and runs nothing',
  async (release) => {
    expectRefusal(await startProgram(process.execPath, [...pretend(release), binary, 'runs']).ended)
  },
)

test('every older Node of this machine is told so, too', async () => {
  for (const node of oldNodes()) expectRefusal(await startProgram(node, [binary, 'runs']).ended)
})

test('with --json it is one document', async () => {
  const ended = await startProgram(process.execPath, [...pretend('20.19.0'), binary, 'runs', '--json']).ended
  expect(ended.exit).toBe(2)
  expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'CONFIG_NODE_UNFIT', retryable: false } })
})

test('Node 24 and later are fit', async () => {
  const ended = await startProgram(process.execPath, [...pretend('24.0.0'), binary, '--version']).ended
  expect([ended.exit, ended.stderr]).toEqual([0, ''])
})
