import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  binary,
  openFolder,
  startProgram,
  startTollgate,
  tollgate,
  type Folder,
} from '../../harness/command-line.ts'

let folder: Folder
beforeAll(async () => {
  folder = openFolder()
  for (const _ of [1, 2]) await tollgate(['run', '--code', 'return 1'], { cwd: folder.path })
})
afterAll(() => folder[Symbol.dispose]())

describe('a reader that goes away ends the output, not the process with a stack', () => {
  test.each([
    ['the result of a run', ['run', '--code', 'return "x".repeat(200_000)'], 0],
    ['the result of a run as JSON', ['run', '--json', '--code', 'return "x".repeat(200_000)'], 0],
    [
      'a run that fails',
      ['run', '--code', 'console.log("y".repeat(8000)); throw new Error("x".repeat(4000))'],
      1,
    ],
    ['the audit', ['audit'], 0],
    ['the help', ['--help'], 0],
  ] as const)('%s', async (_, args, exit) => {
    const running = startTollgate(args, { cwd: folder.path })
    running.closeStdout()
    const ended = await running.ended
    expect(ended.exit).toBe(exit)
    expect(ended.stderr).not.toMatch(/EPIPE|node:|Error:.*\n +at /)
  })

  test('`audit --follow` ends by itself', async () => {
    const running = startTollgate(['audit', '--follow'], { cwd: folder.path })
    await running.until(/run\.ended/)
    running.closeStdout()
    // The next record is one too many for who is gone.
    await tollgate(['run', '--code', 'return 1'], { cwd: folder.path })
    const { exit, stderr } = await running.ended
    expect([exit, stderr]).toEqual([0, ''])
  })

  test('in a real pipeline the exit code is that of the run', async () => {
    const line = `"${process.execPath}" "${binary}" run --json --code 'return "x".repeat(200000)' | head -c 1; echo " \${PIPESTATUS[0]}"`
    const { stdout } = await startProgram('bash', ['-c', line], { cwd: folder.path }).ended
    expect(stdout).toBe('{ 0\n')
  })
})

describe('what is not a terminal gets no colours', () => {
  test.each([
    ['by default', {}],
    ['with NO_COLOR', { NO_COLOR: '1' }],
  ])('%s', async (_, env) => {
    const { stdout, stderr } = await tollgate(['run', '--code', 'console.warn("w"); return 1'], {
      cwd: folder.path,
      env,
    })
    expect(stdout + stderr).not.toContain('\u001b')
    expect(stdout).toContain('✔ done')
    expect(stderr).toContain('warn  │ w')
  })
})
