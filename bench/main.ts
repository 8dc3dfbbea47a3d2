/**
 * Asks every question, or those that the arguments name, and prints one Markdown table each. `--json` prints one document,
 * `--quick` measures just long enough to see that everything works.
 */
import { parseArgs } from 'node:util'
import { coldRun } from './cold-run.ts'
import { hostCall } from './host-call.ts'
import type { Effort, Question } from './question.ts'
import { formatMarkdown, surroundings, type Report } from './report.ts'

const QUESTIONS: readonly Question[] = [coldRun, hostCall]
const THOROUGH: Effort = { timeMs: 5_000, samplesMin: 200 }
const QUICK: Effort = { timeMs: 100, samplesMin: 20 }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
const unknown = positionals.filter((name) => !QUESTIONS.some((question) => question.name === name))
if (unknown.length > 0) {
  process.stderr.write(
    `No such question: ${unknown.join(', ')}. There are: ${QUESTIONS.map(({ name }) => name).join(', ')}.\n`,
  )
  process.exit(2)
}

const asked = QUESTIONS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const answered: Report['questions'][number][] = []
for (const { name, asks, measure } of asked) {
  process.stderr.write(`measuring ${name} …\n`)
  answered.push({ name, asks, rows: await measure(values.quick ? QUICK : THOROUGH) })
}
const report: Report = { ...surroundings(), questions: answered }
process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${formatMarkdown(report)}\n`)
