/**
 * Runs the fuzzers of `test/fuzz/` for minutes: `npm run fuzz -- [--minutes 5] [--seed N] [--target NAME] [--json]`. The targets take
 * turns, each with a host and cages of its own, so that all of them come far. Ends with 1 as soon as something is found.
 */
import { parseArgs } from 'node:util'
import { tellFinding, type Effort, type Report } from '../../test/fuzz/campaign.ts'
import { fuzzCages } from '../../test/fuzz/fuzz-cages.ts'
import { fuzzCheck } from '../../test/fuzz/fuzz-check.ts'
import { fuzzDeliver } from '../../test/fuzz/fuzz-deliver.ts'
import { fuzzDoor } from '../../test/fuzz/fuzz-door.ts'
import { fuzzBytes, fuzzFrames } from '../../test/fuzz/fuzz-frames.ts'
import { table } from '../measure/format.ts'

type Target = {
  readonly name: string
  readonly share: number
  readonly fuzz: (effort: Effort) => Promise<Report>
}

/** By share of the time: the targets with processes try the most with a case, and take the longest for it. */
const TARGETS: readonly Target[] = [
  { name: 'frames', share: 1, fuzz: (effort) => fuzzFrames(effort) },
  { name: 'bytes', share: 2, fuzz: (effort) => fuzzBytes(effort) },
  { name: 'check', share: 1, fuzz: (effort) => fuzzCheck(effort) },
  { name: 'cages', share: 3, fuzz: (effort) => fuzzCages(effort) },
  { name: 'door', share: 4, fuzz: (effort) => fuzzDoor(effort) },
  { name: 'deliver', share: 1, fuzz: (effort) => fuzzDeliver(effort) },
]
/** A turn of all targets. Each begins with a host of its own, so it is not too short. */
const TURN_MS_MAX = 120_000
/** Seeds of one turn lie so far from those of the next that they do not meet. */
const TURN_SEEDS = 100_000
const SEEDS = 2 ** 31
const EXIT_FOUND = 1
const EXIT_USAGE = 2
const EXIT_CANCELLED = 130

const note = (text: string): void => void process.stderr.write(`${text}\n`)

const OPTIONS = {
  minutes: { type: 'string', default: '5' },
  seed: { type: 'string' },
  target: { type: 'string', multiple: true, default: [] as string[] },
  json: { type: 'boolean', default: false },
} as const

const parse = (): { minutes: number; seed: number; targets: readonly Target[]; json: boolean } => {
  try {
    const { values } = parseArgs({ options: OPTIONS })
    const minutes = Number(values.minutes)
    const seed = values.seed === undefined ? Date.now() % SEEDS : Number(values.seed)
    const unknown = values.target.filter((name) => !TARGETS.some((one) => one.name === name))
    if (!(minutes > 0)) throw new Error('--minutes is a number above 0')
    if (!Number.isInteger(seed) || seed < 0 || seed >= SEEDS)
      throw new Error('--seed is a whole number from 0')
    if (unknown.length > 0)
      throw new Error(
        `unknown target ${unknown.join(', ')}; there are ${TARGETS.map(({ name }) => name).join(', ')}`,
      )
    const targets = TARGETS.filter(({ name }) => values.target.length === 0 || values.target.includes(name))
    return { minutes, seed, targets, json: values.json }
  } catch (error) {
    note(error instanceof Error ? error.message : String(error))
    return process.exit(EXIT_USAGE)
  }
}

const { minutes, seed, targets, json } = parse()
const startMs = performance.now()
const leftMs = (): number => minutes * 60_000 - (performance.now() - startMs)
const tried = new Map<string, { cases: number; tookMs: number }>()
const found: Report[] = []

const count = ({ target, cases, tookMs }: Report): void => {
  const before = tried.get(target) ?? { cases: 0, tookMs: 0 }
  tried.set(target, { cases: before.cases + cases, tookMs: before.tookMs + tookMs })
}

const summarize = (): void => {
  const rows = [...tried].map(([target, { cases, tookMs }]) => ({
    target,
    cases,
    seconds: Math.round(tookMs / 1_000),
  }))
  const findings = found.map(({ target, finding }) => ({ target, ...finding }))
  if (json) process.stdout.write(`${JSON.stringify({ seed, minutes, targets: rows, findings }, null, 2)}\n`)
  else {
    const cells = rows.map((row) => [row.target, String(row.cases), String(row.seconds)])
    process.stdout.write(`${table([['target', 'cases', 'seconds'], ...cells])}\n\n`)
    for (const one of found) process.stdout.write(`${tellFinding(one)}\n`)
    if (found.length === 0) process.stdout.write(`Nothing found, seed ${seed}.\n`)
  }
}

process.once('SIGINT', () => {
  summarize()
  process.exit(EXIT_CANCELLED)
})

note(`seed ${seed}, ${minutes} minutes, ${targets.map(({ name }) => name).join(', ')}`)
const shares = targets.reduce((sum, { share }) => sum + share, 0)
for (let turn = 0; leftMs() > 0 && found.length === 0; turn += 1) {
  const turnMs = Math.min(TURN_MS_MAX, leftMs())
  for (const { name, share, fuzz } of targets) {
    if (leftMs() <= 0 || found.length > 0) break
    const report = await fuzz({
      seed: (seed + turn * TURN_SEEDS) % SEEDS,
      durationMs: (turnMs * share) / shares,
    })
    count(report)
    if (report.finding !== undefined) found.push(report)
    note(
      `${Math.round((performance.now() - startMs) / 1_000)} s: ${name}, ${report.cases} cases${report.finding === undefined ? '' : ', FOUND'}`,
    )
  }
}
summarize()
process.exit(found.length > 0 ? EXIT_FOUND : 0)
