import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CaseOutcome, Scorecard } from '../../../src/admin.ts'
import { exitOfScorecard } from '../../../src/surfaces/cli/doctor-attack.ts'
import { outcomeLine, scorecardLines } from '../../../src/surfaces/cli/print-scorecard.ts'
import { createStyle } from '../../../src/surfaces/cli/style.ts'
import { openFolder, startTollgate, tollgate, type Folder } from '../../harness/command-line.ts'
import { descendants } from '../../run/processes.ts'

let folder: Folder
beforeAll(() => {
  folder = openFolder()
})
afterAll(() => folder[Symbol.dispose]())

/** Temporary files go where the test can see whether they are gone. */
const options = () => ({ cwd: folder.path, env: { TMPDIR: folder.path } })
const attack = (...more: string[]) => tollgate(['doctor', '--attack', '--tier', 'T1', ...more], options())
const isAlive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

describe('doctor --attack', () => {
  test('prints one document with --json: every case, the groups, and whether all held; progress goes to stderr', async () => {
    const { exit, stdout, stderr } = await attack('--only', 'H08,h49', '--json')
    const scorecard = JSON.parse(stdout) as Scorecard
    expect(exit).toBe(0)
    expect(scorecard).toMatchObject({ held: true, isCancelled: false, tiers: [{ tier: 'T1' }] })
    const [{ outcomes, groups } = { outcomes: [], groups: [] }] = scorecard.tiers
    expect(outcomes.map(({ id, held }) => [id, held])).toEqual([
      ['H08', true],
      ['H08', true],
      ['H49', true],
      ['H49', true],
      ['H49', true],
    ])
    expect(groups).toEqual([
      { group: 'A', name: 'escape', held: 2, cases: 2 },
      { group: 'G', name: 'approvals', held: 3, cases: 3 },
    ])
    expect(stderr.trim().split('\n')).toHaveLength(5)
    expect(stderr).toContain('T1 held H08 ')
  })

  test('prints one line a case, subtotals and a last word for people, and leaves nothing behind', async () => {
    const { exit, stdout, stderr } = await attack('--only', 'H10')
    expect([exit, stderr]).toEqual([0, ''])
    const lines = stdout.trim().split('\n')
    expect(lines[0]).toBe('T1  A  escape')
    expect(lines.filter((line) => line.startsWith('  ✔ H10  '))).toHaveLength(2)
    expect(lines.at(-2)).toMatch(/^ {2}A {2}escape +2 of 2 held$/)
    expect(lines.at(-1)).toMatch(/^2 of 2 hostile cases held in T1, in /)
    expect(readdirSync(folder.path)).toEqual([])
  })

  test.each([
    [
      'a case that does not exist',
      ['--attack', '--only', 'H99'],
      'There is no hostile case \\"H99\\" to run.',
    ],
    ['a tier that does not exist', ['--attack', '--tier', 'T9'], 'There is no tier \\"T9\\".'],
    ['choices without an attack', ['--only', 'H12'], '--tier and --only belong to --attack.'],
  ])('refuses %s', async (_, args, message) => {
    const { exit, stdout } = await tollgate(['doctor', ...args, '--json'], options())
    expect(exit).toBe(2)
    expect(stdout).toContain(message)
  })

  test('ends cleanly at a signal: what came so far is printed, no process and no file is left', async () => {
    const running = startTollgate(['doctor', '--attack', '--tier', 'T1', '--only', 'H12'], options())
    await running.until(/✔ H12/)
    const children = descendants(running.pid)
    expect(children.length).toBeGreaterThan(0)
    running.kill('SIGINT')
    const { exit, stdout } = await running.ended
    expect(exit).toBe(130)
    expect(stdout).toContain('called off: the rest was not run')
    while (children.some(isAlive)) await wait(20)
    expect(readdirSync(folder.path)).toEqual([])
  })
})

describe('a scorecard with a case that was broken', () => {
  const broken: CaseOutcome = {
    id: 'H12',
    group: 'B',
    groupName: 'exhaustion',
    what: 'a loop',
    held: false,
    happened: 'still running \u001b[2J',
    ms: 1_800,
    peakBytes: 0,
    tries: 3,
  }
  const held = { ...broken, held: true, happened: 'LIMIT_DURATION after 0.31 s', tries: 1 }
  const groups = [{ group: 'B' as const, name: 'exhaustion', held: 1, cases: 2 }]
  const tiers = [{ tier: 'T3' as const, outcomes: [held, broken], groups, ms: 2_500 }]
  const scorecard: Scorecard = {
    platform: 'linux x64',
    node: 'v26.0.0',
    held: false,
    isCancelled: false,
    tiers,
  }
  const style = createStyle()

  test('says so in the line of the case, with nothing of a guest reaching the terminal as it is', () => {
    expect(outcomeLine(broken, style)).toMatch(
      /^ {2}✖ H12 {2}a loop +1\.8 s {2}still running \\u\{1b\}\[2J \(try 3\)$/,
    )
    expect(outcomeLine(held, style)).toMatch(/^ {2}✔ H12 .* LIMIT_DURATION after 0\.31 s$/)
  })

  test('says so in the last lines and by exit code 70', () => {
    expect(scorecardLines(scorecard, style)).toEqual([
      '',
      '  B  exhaustion           1 of 2 held',
      '1 of 2 hostile cases held in T3, in 2.5 s',
      'what is marked ✖ got through: SECURITY.md says where to report it',
    ])
    expect(exitOfScorecard(scorecard)).toBe(70)
    expect(exitOfScorecard({ ...scorecard, isCancelled: true })).toBe(130)
    expect(exitOfScorecard({ ...scorecard, held: true })).toBe(0)
  })
})
