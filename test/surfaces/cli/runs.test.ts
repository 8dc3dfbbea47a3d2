import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunResult } from '../../../src/index.ts'
import { openFolder, tollgate, type Ended, type Folder } from '../../harness/command-line.ts'

let folder: Folder
let first: RunResult
let second: RunResult

const start = (...args: string[]): Promise<Ended> => tollgate(args, { cwd: folder.path })
const run = async (code: string, ...more: string[]): Promise<RunResult> =>
  JSON.parse((await start('run', '--json', '--code', code, ...more)).stdout) as RunResult

beforeAll(async () => {
  folder = openFolder()
  first = await run('return { answer: 42 }', '--task', 'report')
  second = await run('throw new Error("no answer")')
})
afterAll(() => folder[Symbol.dispose]())

describe('runs', () => {
  test('lists earlier runs, newest first, with status, code and task', async () => {
    const { exit, stdout } = await start('runs')
    const [head = '', ...rows] = stdout.trimEnd().split('\n')
    expect(exit).toBe(0)
    expect(head).toMatch(/^run .*status .*code .*calls .*time .*cost .*task$/)
    expect(rows[0]).toMatch(new RegExp(`^${second.runId} +failed +GUEST_THREW`))
    expect(rows[1]).toMatch(new RegExp(`^${first.runId} +done .*report$`))
  })

  test('of one task, and as many as asked for', async () => {
    const list = async (...args: string[]): Promise<string[]> =>
      (JSON.parse((await start('runs', '--json', ...args)).stdout) as RunResult[]).map(({ runId }) => runId)
    expect(await list()).toEqual([second.runId, first.runId])
    expect(await list('--task', 'report')).toEqual([first.runId])
    expect(await list('--limit', '1')).toEqual([second.runId])
    expect(await list('--task', 'nobody')).toEqual([])
  })

  test('show prints the block of the run again, whatever its status, and exits with 0', async () => {
    const { exit, stdout } = await start('runs', 'show', second.runId)
    expect(exit).toBe(0)
    expect(stdout).toContain('✖ failed  GUEST_THREW')
    expect(stdout).toContain('no answer')
    expect(stdout).toContain(`run ${second.runId}`)
  })

  test('show of a run that is not there is an error', async () => {
    const { exit, stderr } = await start('runs', 'show', 'run_nobody')
    expect([exit, stderr]).toEqual([2, expect.stringContaining('There is no run run_nobody')])
  })

  test('the state is where --state or TOLLGATE_STATE says', async () => {
    const byVariable = await tollgate(['runs'], { cwd: folder.path, env: { TOLLGATE_STATE: 'elsewhere' } })
    expect([byVariable.exit, byVariable.stderr]).toEqual([2, expect.stringContaining('elsewhere')])
    const byOption = await tollgate(['runs', '--state', '.tollgate'], {
      cwd: folder.path,
      env: { TOLLGATE_STATE: 'elsewhere' },
    })
    expect(byOption.exit).toBe(0)
    const unset = await tollgate(['runs'], { cwd: folder.path, env: { TOLLGATE_STATE: '' } })
    expect(unset.exit).toBe(0)
  })
})
