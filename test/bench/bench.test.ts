import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Report } from '../../bench/report.ts'
import { formatMarkdown, formatTime } from '../../bench/report.ts'
import { checkout, startProgram } from '../harness/command-line.ts'
import { section, tableRows } from '../readme/readme.ts'

const bench = (...args: string[]) => startProgram(process.execPath, [join('bench', 'main.ts'), ...args]).ended

test('every question is answered, each in a file of its own, as one JSON document, and the README tells of each', async () => {
  const { exit, stdout } = await bench('--quick', '--json')
  expect(exit).toBe(0)
  const { machine, versions, questions } = JSON.parse(stdout) as Report
  expect(machine).not.toBe('')
  expect(versions).toMatchObject({ node: process.versions.node, v8: process.versions.v8 })
  for (const { name, rows } of questions) {
    expect(existsSync(join(checkout, 'bench', `${name}.ts`))).toBe(true)
    expect(rows.length).toBeGreaterThan(0)
    for (const { p50Ms, p99Ms, samples } of rows) {
      expect(p50Ms).toBeGreaterThan(0)
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms)
      expect(samples).toBeGreaterThan(0)
    }
  }
  const told = tableRows(section('Speed')).map(([what]) => what)
  const own = questions.flatMap(({ rows }) =>
    rows.filter(({ by }) => by === 'tollgate').map(({ what }) => what),
  )
  expect(own.filter((what) => !told.includes(what))).toEqual([])
})

test('a question that nobody knows is an error that lists those that there are', async () => {
  const { exit, stderr } = await bench('warm-run')
  expect([exit, stderr]).toEqual([
    2,
    expect.stringMatching(/^No such question: warm-run\. There are: .*cold-run/),
  ])
})

test('the table says what was measured against which aim, and whether it was held', () => {
  const row = { by: 'tollgate', p50Ms: 0.2, p99Ms: 3, samples: 10 }
  const text = formatMarkdown({
    machine: '2 × processor',
    versions: { node: '26.0.0' },
    questions: [
      {
        name: 'host-call',
        asks: 'How long?',
        rows: [
          { ...row, what: 'one', aimMs: 0.25 },
          { ...row, what: 'two', aimMs: 0.1 },
          { ...row, what: 'three' },
        ],
      },
    ],
  })
  expect(text).toContain('2 × processor; node 26.0.0')
  expect(text).toContain('| one | tollgate | 200 µs | 3.00 ms | 10 | p50 under 250 µs | yes |')
  expect(text).toContain('| two | tollgate | 200 µs | 3.00 ms | 10 | p50 under 100 µs | **no** |')
  expect(text).toContain('| three | tollgate | 200 µs | 3.00 ms | 10 |  |  |')
})

test('times read in the unit that fits', () => {
  expect([0.0634, 0.9994, 0.9999, 9.876, 12.34].map(formatTime)).toEqual([
    '63 µs',
    '999 µs',
    '1.00 ms',
    '9.88 ms',
    '12.3 ms',
  ])
})
