/**
 * Asks every question, or those that the arguments name, and prints the aims and the table of contenders as Markdown, or one JSON
 * document. A whole run keeps its results under `bench/results/`. Progress goes to stderr.
 */
import { parseArgs } from 'node:util'
import { coldRun } from './cold-run.ts'
import { computing } from './computing.ts'
import { fileRead } from './file-read.ts'
import { firstResult } from './first-result.ts'
import { hostCall } from './host-call.ts'
import { areRivalsInstalled, installRivals } from './measure/install.ts'
import { describeMachine, isDisturbed, measureQuiet, watchOthers, whyBusy } from './measure/machine.ts'
import { keepResults } from './measure/results.ts'
import { ROSTER } from './measure/roster.ts'
import { memory } from './memory.ts'
import { neighbour } from './neighbour.ts'
import { payload } from './payload.ts'
import type { Aim, Contender, Question } from './question.ts'
import { formatMarkdown, reportOf, type Answered } from './report.ts'
import { reuse } from './reuse.ts'
import { installedVersion } from './rivals/rival.ts'
import { rows } from './rows.ts'
import { stopping } from './stopping.ts'
import { throughput } from './throughput.ts'
import { waitingRuns } from './waiting-runs.ts'

const QUESTIONS: readonly Question[] = [
  coldRun,
  throughput,
  reuse,
  hostCall,
  waitingRuns,
  stopping,
  firstResult,
  payload,
  rows,
  fileRead,
  computing,
  memory,
  neighbour,
]
type AnsweredWithAims = Answered & { readonly aims: readonly Aim[] }

/** A quick run takes less than a minute, also where everything takes longer than here. */
const QUICK_MS = 36_000
const WHOLE_MINUTES = '60'
/** Who is asked when time is short: what Node has built in, and the engine by itself. */
const QUICK_RIVALS = ['Tollgate', 'isolated-vm', 'node:vm', 'worker_threads', 'child_process fork']
const EXIT_USAGE = 2
const EXIT_BUSY = 75
const EXIT_CANCELLED = 130

const OPTIONS = {
  help: { type: 'boolean', short: 'h', default: false },
  json: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  force: { type: 'boolean', default: false },
  minutes: { type: 'string', default: WHOLE_MINUTES },
  'no-rivals': { type: 'boolean', default: false },
  rival: { type: 'string', multiple: true, default: [] as string[] },
} as const

// Lanes are ended on the way out, so there must be one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(EXIT_CANCELLED))

const note = (text: string): void => void process.stderr.write(`${text}\n`)

const parse = () => {
  try {
    return parseArgs({ allowPositionals: true, options: OPTIONS })
  } catch (error) {
    note(error instanceof Error ? error.message : String(error))
    process.exit(EXIT_USAGE)
  }
}
const { values, positionals } = parse()
if (values.help) {
  const options = Object.keys(OPTIONS).map((name) => `--${name}`)
  process.stdout.write(
    `Usage: npm run bench -- [question...] [options]\n\nQuestions: ${QUESTIONS.map(({ name }) => name).join(', ')}\nOptions: ${options.join(', ')}\n\nbench/README.md says what each does.\n`,
  )
  process.exit(0)
}

const stop = (exit: number, message: string, hint: string): never => {
  if (values.json) process.stdout.write(`${JSON.stringify({ error: { message, hint } }, null, 2)}\n`)
  note(`${message} ${hint}`)
  process.exit(exit)
}

const refuse = (why: string): void => {
  if (values.force) return note(`The machine is busy: ${why}. The figures are upper bounds.`)
  const hint = 'Wait until it is quiet, or measure all the same with --force.'
  stop(EXIT_BUSY, `The machine is too busy to measure: ${why}.`, hint)
}

const whyMissing = (npm: string | undefined): string | undefined =>
  npm === undefined || installedVersion(npm) !== undefined
    ? undefined
    : 'not installed: `npm run bench` installs it'

const gatherContenders = async (): Promise<readonly Contender[]> => {
  const asked = ROSTER.filter(
    ({ name }) => values.rival.length === 0 || values.rival.includes(name) || name === 'Tollgate',
  )
  const isWhole = !values.quick && !values['no-rivals']
  let failure: string | undefined
  if (isWhole && asked.some(({ npm }) => npm !== undefined) && !areRivalsInstalled()) {
    note('installing the rivals …')
    failure = await installRivals()
  }
  return asked.map((rival) => {
    const missing = whyMissing(rival.npm)
    return missing === undefined ? { rival } : { rival, missing: failure ?? missing }
  })
}

/** In a quick run the others stand in the list of rivals with the reason why they were not asked. */
const whoIsAsked = (contenders: readonly Contender[]): readonly Contender[] =>
  values.quick || values['no-rivals']
    ? contenders.filter(({ rival }) => QUICK_RIVALS.includes(rival.name) || values.rival.includes(rival.name))
    : contenders

const unknown = [
  ...positionals.filter((name) => !QUESTIONS.some((question) => question.name === name)),
  ...values.rival.filter((name) => !ROSTER.some((rival) => rival.name === name)),
]
if (unknown.length > 0) {
  const questions = QUESTIONS.map(({ name }) => name).join(', ')
  stop(EXIT_USAGE, `No such question or rival: ${unknown.join(', ')}.`, `Questions are: ${questions}.`)
}
const minutes = Number(values.minutes)
if (!(minutes > 0)) stop(EXIT_USAGE, `--minutes ${values.minutes} is no number above 0.`, 'Try --minutes 20.')
const isEverything = positionals.length === 0 && values.rival.length === 0
const asked = QUESTIONS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))

const before = await measureQuiet()
const whyNot = whyBusy(before)
if (whyNot !== undefined) refuse(whyNot)
const contenders = await gatherContenders()
const whom = whoIsAsked(contenders)
const startMs = performance.now()
const shareMs = (values.quick ? QUICK_MS : minutes * 60_000) / asked.length

/** A question that was disturbed is asked once more, where there is time for it. */
const ask = async (question: Question, untilMs: number, isLast: boolean): Promise<AnsweredWithAims> => {
  const { name, asks, fairness, measure } = question
  note(`${name} …`)
  const foreignShareNow = watchOthers()
  const progress = (text: string): void => note(`  ${text}`)
  const answer = await measure({ quick: values.quick, contenders: whom, untilMs, progress })
  const foreignShare = foreignShareNow()
  if (isDisturbed(foreignShare) && !isLast) {
    note(`  others used ${Math.round(foreignShare * 100)} % of the processors: once more`)
    return await ask(question, untilMs, true)
  }
  return { name, asks, ...(fairness !== undefined && { fairness }), foreignShare, ...answer }
}

const foreignShareNow = watchOthers()
const answered: AnsweredWithAims[] = []
for (const [at, question] of asked.entries())
  answered.push(await ask(question, startMs + shareMs * (at + 1), values.quick))
const foreignShare = values.quick ? foreignShareNow() : Math.max(...answered.map((one) => one.foreignShare))
if (isDisturbed(foreignShare))
  refuse(`others used ${Math.round(foreignShare * 100)} % of the processors meanwhile`)
const busy = whyNot !== undefined || isDisturbed(foreignShare)
const report = reportOf(
  { ...describeMachine(), before, foreignShare, busy },
  contenders.map((one) =>
    one.missing === undefined && !whom.includes(one) ? { ...one, missing: 'not asked in a quick run' } : one,
  ),
  answered,
)
if (isEverything && !values.quick) note(`kept under bench/results: ${keepResults(report).join(', ')}`)
process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${formatMarkdown(report)}\n`)
process.exit(0)
