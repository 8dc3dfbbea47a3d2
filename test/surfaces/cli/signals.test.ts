import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunResult } from '../../../src/index.ts'
import { openFolder, startTollgate, tollgate, type Folder, type Started } from '../../harness/command-line.ts'
import { toolsModule } from './host-tools-module.ts'

/** Says that it is up, then never ends: by waiting, and by computing. */
const WAITS = `console.log('up'); await new Promise(() => {})`
const COMPUTES = `await tools.look_up({ word: 'up' }); for (;;) {}`

let folder: Folder
beforeAll(() => {
  folder = openFolder({
    'policy.yaml': 'permissions: { tools: { look_up: {}, stall: {} } }\nlimits: { max_cpu_seconds: 60 }\n',
  })
})
afterAll(() => folder[Symbol.dispose]())

const start = (code: string, ...more: string[]): Started =>
  startTollgate(['run', '--code', code, '-p', 'policy.yaml', '--tools', toolsModule, ...more], {
    cwd: folder.path,
  })

/** Every process below this one. */
const descendants = (pid: number): number[] => {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => parentOf(one) === pid)
  return [...children, ...children.flatMap(descendants)]
}

const parentOf = (pid: number): number | undefined => {
  try {
    // The name in parentheses may hold anything; state and parent are the fields after it.
    const [, rest = ''] = /^.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    const [state, parent] = rest.split(' ')
    // A zombie has ended; it only waits for somebody to ask how.
    return state === 'Z' || state === 'X' ? undefined : Number(parent)
  } catch {
    return undefined
  }
}

/** Resolves once none of the processes lives any more; one that stays makes the test time out. */
const untilGone = async (pids: readonly number[]): Promise<void> => {
  while (pids.some((pid) => parentOf(pid) !== undefined)) await wait(20)
}

describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s during a run', (signal) => {
  test.each([
    ['waits', WAITS],
    ['computes', COMPUTES],
  ])('cancels a tool that %s: exit code 130, on record, and no process is left', async (_, code) => {
    const state = `state-${signal}`
    const running = start(code, '--json', '--state', state)
    await running.until(/up/)
    const cages = descendants(running.pid)
    expect(cages.length).toBeGreaterThan(0)
    running.kill(signal)
    const { exit, stdout } = await running.ended
    expect(exit).toBe(130)
    const { status, runId } = JSON.parse(stdout) as RunResult
    expect(status).toBe('cancelled')
    await untilGone(cages)
    const record = await tollgate(['audit', '--run', runId, '--state', state], { cwd: folder.path })
    expect(record.stdout).toMatch(/run\.ended +cancelled/)
    expect((await tollgate(['audit', 'verify', '--state', state], { cwd: folder.path })).exit).toBe(0)
  })
})

test('a host tool that listens to nobody does not hold the end up', async () => {
  const running = start(`await tools.stall({})`, '--json', '--state', 'stalled')
  await running.until(/stalling/)
  running.kill('SIGINT')
  const { exit, stdout } = await running.ended
  expect([exit, (JSON.parse(stdout) as RunResult).status]).toEqual([130, 'cancelled'])
})

test('a second signal ends everything at once', async () => {
  const running = start(COMPUTES, '--state', 'twice')
  await running.until(/up/)
  const cages = descendants(running.pid)
  expect(cages.length).toBeGreaterThan(0)
  running.kill('SIGINT')
  running.kill('SIGTERM')
  const { exit } = await running.ended
  expect(exit).toBe(130)
  await untilGone(cages)
})

test('SIGKILL leaves no cage behind, and a chain that verifies', async () => {
  const running = start(COMPUTES, '--state', 'killed')
  await running.until(/up/)
  const cages = descendants(running.pid)
  running.kill('SIGKILL')
  expect((await running.ended).signal).toBe('SIGKILL')
  await untilGone(cages)
  expect((await tollgate(['audit', 'verify', '--state', 'killed'], { cwd: folder.path })).exit).toBe(0)
})
