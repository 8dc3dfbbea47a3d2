/** What does a file of 1 MB cost that the guest reads, against reading it in the host? */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStampedRuns } from './measure/stamped-runs.ts'
import { median, quantile } from './measure/statistics.ts'
import { judge, type Answer, type Effort, type Question } from './question.ts'

const MB = 2 ** 20
const MORE_MS_AIM = 10
const WARM_UP = `await fs.readText('/in/small.txt')`

type Way = {
  readonly what: string
  readonly guest: string
  readonly direct: (file: string) => Promise<unknown>
}
const WAYS: readonly Way[] = [
  {
    what: '1 MB of text',
    guest: `await fs.readText('/in/large.txt')`,
    direct: (file) => readFile(file, 'utf8'),
  },
  { what: '1 MB of bytes', guest: `await fs.read('/in/large.txt')`, direct: (file) => readFile(file) },
]

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const beganMs = performance.now()
  await work()
  return performance.now() - beganMs
}

const measure = async (effort: Effort): Promise<Answer> => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-files-'))
  const large = join(folder, 'large.txt')
  writeFileSync(large, 'a line of some text, as files have them\n'.repeat(MB / 40).padEnd(MB, '.'))
  writeFileSync(join(folder, 'small.txt'), 'small')
  const mount = {
    path: '/in',
    source: folder,
    mode: 'read',
    allow: ['**'],
    max_file_kb: 2048,
    max_total_kb: 1024 * 1024,
  }
  try {
    await using runs = await openStampedRuns({ filesystem: [mount] })
    const parts: Answer[] = []
    for (const { what, guest, direct } of WAYS) {
      const [plain, read]: [number[], number[]] = [[], []]
      const rounds = effort.quick ? 8 : 30
      for (let round = -2; round < rounds; round += 1) {
        if (round % 10 === 0) effort.progress(`${what}, round ${round + 1} of ${rounds}`)
        const took = [await timed(() => direct(large)), (await runs.run(WARM_UP, guest)).tookMs] as const
        // The first rounds find code that was not called before.
        if (round < 0) continue
        plain.push(took[0])
        read.push(took[1])
      }
      parts.push(answerOf(what, plain, read))
    }
    return { rows: parts.flatMap((part) => part.rows), aims: parts.flatMap((part) => part.aims) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const answerOf = (what: string, plain: readonly number[], read: readonly number[]): Answer => {
  const rowOf = (by: string, samples: readonly number[]) => ({
    what,
    by,
    figure: median(samples),
    unit: 'ms' as const,
    p99: quantile(samples, 0.99),
    samples: samples.length,
  })
  return {
    rows: [rowOf('Tollgate', read), { ...rowOf('node:fs in the host', plain), note: 'no guest, no policy' }],
    aims: [
      judge(
        `${what} read from a file in the guest: more than node:fs in the host`,
        { unit: 'ms', aim: MORE_MS_AIM },
        median(read) - median(plain),
        `${median(plain).toFixed(1)} → ${median(read).toFixed(1)} ms`,
      ),
    ],
  }
}

export const fileRead: Question = {
  name: 'file-read',
  asks: 'What does a file of 1 MB cost that the guest reads?',
  fairness:
    'The broker judges path and size, walks to the file without following links, redacts the text and journals it; then it crosses a pipe.',
  measure,
}
