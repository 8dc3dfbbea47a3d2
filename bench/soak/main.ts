/**
 * Good and hostile runs, mixed, for a long time: `npm run soak -- [--minutes 30] [--json]`. Or a number of runs of which a share is
 * ended by force: `npm run soak -- --runs 10000 --kill 0.1`. This process is the host. Ends with 1 when a run ended otherwise than it
 * must, when memory, descriptors or latency did not stay flat, or when anything was left behind.
 */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { describeMachine, watchOthers } from '../measure/machine.ts'
import { openHost, type SoakHost } from './host.ts'
import { kindsFor } from './kinds.ts'
import { closedProblems, restingProblems, worldProblems } from './leftovers.ts'
import { Load } from './load.ts'
import { formatWhole, isSound, keepSoak, soakReport } from './report.ts'
import { takeSample, takeTraces, type Sample } from './samples.ts'
import { openUpstream, type Upstream } from './upstream.ts'

const EXIT_UNSOUND = 1
const EXIT_USAGE = 2
const EXIT_CANCELLED = 130
const SEEDS = 2 ** 31
const WHOLE_MINUTES = 30
const WHOLE_RUNS = 10_000
/** Samples of a short soak come often enough to be judged, those of a long one seldom enough to be kept. */
const SAMPLES = 40
const SAMPLE_MS_MIN = 1_500
const SAMPLE_MS_MAX = 15_000
/** Workers rest as long as they run, or longer: a host that is never done is measured by its queue, and its journal has no end. */
const REST_MS = 200
/** Verifying takes about three times the size of the state. */
const VERIFY_HEAP_MB = 12_288
/** What the first host leaves in memory counts as code that was compiled; the heap may be larger by so much at the end. */
const HEAP_BYTES = 12 * 2 ** 20

const OPTIONS = {
  minutes: { type: 'string' },
  runs: { type: 'string' },
  kill: { type: 'string', default: '0.1' },
  concurrency: { type: 'string', default: '8' },
  seed: { type: 'string' },
  json: { type: 'boolean', default: false },
  'no-results': { type: 'boolean', default: false },
} as const

const note = (text: string): void => void process.stderr.write(`${text}\n`)

const numberOf = (name: string, text: string | undefined, preset: number): number => {
  const value = text === undefined ? preset : Number(text)
  if (!(value > 0)) throw new Error(`--${name} is a number above 0`)
  return value
}

type Asked = {
  readonly minutes: number
  readonly runsMax: number | undefined
  readonly killShare: number
  readonly concurrency: number
  readonly seed: number
  readonly json: boolean
  readonly keeps: boolean
}

const parse = (): Asked => {
  try {
    const { values } = parseArgs({ options: OPTIONS })
    const minutes = numberOf('minutes', values.minutes, WHOLE_MINUTES)
    const runsMax = values.runs === undefined ? undefined : Math.ceil(numberOf('runs', values.runs, 1))
    // A short look must not take the place of the figures that are kept.
    const isWhole = runsMax === undefined ? minutes >= WHOLE_MINUTES : runsMax >= WHOLE_RUNS
    return {
      minutes,
      runsMax,
      killShare: Math.min(1, numberOf('kill', values.kill, 0.1)),
      concurrency: Math.ceil(numberOf('concurrency', values.concurrency, 8)),
      seed: values.seed === undefined ? Date.now() % SEEDS : Number(values.seed) % SEEDS,
      json: values.json,
      keeps: isWhole && !values['no-results'],
    }
  } catch (error) {
    note(error instanceof Error ? error.message : String(error))
    return process.exit(EXIT_USAGE)
  }
}

const asked = parse()
const folder = mkdtempSync(join(tmpdir(), 'tollgate-soak-'))
chmodSync(folder, 0o755)
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
/** Others on this machine have temporary files too. */
const temporary = join(folder, 'temporary')
mkdirSync(temporary)
process.env['TMPDIR'] = temporary

/** A small load first: what is compiled, cached and pooled by it is nobody's leak. */
const warmUp = async (upstream: Upstream): Promise<void> => {
  const host = await openHost({ folder: join(folder, 'warm-up') })
  const kinds = kindsFor(host, upstream.origin)
  await new Load({ host, kinds, seed: 1, concurrency: 4, runsMax: 200, killShare: 0.1 }).run()
  await host.gate.close()
}

type Gathered = {
  readonly load: Load
  readonly samples: readonly Sample[]
  readonly seconds: number
  readonly interrupted: boolean
}

const tell = (load: Load, sample: Sample): void => {
  const { atSeconds, heapBytes, residentBytes, descriptors, processes, goodP50 = 0, goodP99 = 0 } = sample
  const mb = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`
  note(
    `${Math.round(atSeconds)} s: ${load.runs} runs, heap ${mb(heapBytes)}, resident ${mb(residentBytes)}, ${descriptors} descriptors, ` +
      `${processes} processes, good runs p50 ${goodP50.toFixed(1)} p99 ${goodP99.toFixed(1)} ms, ${load.surprises.length} surprises`,
  )
}

const soak = async (host: SoakHost, upstream: Upstream): Promise<Gathered> => {
  const { minutes, runsMax, killShare, concurrency, seed } = asked
  const kinds = kindsFor(host, upstream.origin)
  const counted = runsMax === undefined ? { restMs: REST_MS } : { runsMax, killShare }
  const load = new Load({ host, kinds, seed, concurrency, ...counted })
  const samples: Sample[] = []
  const startMs = performance.now()
  let interrupted = false
  const sample = (): void => {
    const taken = takeSample(join(folder, 'soak'), startMs, load.takeWindow())
    samples.push(taken)
    tell(load, taken)
  }
  const interrupt = (): void => {
    note('Ending: the runs that go on are waited for. Once more ends it at once.')
    process.once('SIGINT', () => process.exit(EXIT_CANCELLED))
    interrupted = true
    load.stop()
  }
  process.once('SIGINT', interrupt)
  const everyMs = Math.min(SAMPLE_MS_MAX, Math.max(SAMPLE_MS_MIN, (minutes * 60_000) / SAMPLES))
  const sampling = setInterval(sample, everyMs)
  const ending = runsMax === undefined ? setTimeout(() => load.stop(), minutes * 60_000) : undefined
  await load.run()
  clearInterval(sampling)
  clearTimeout(ending)
  process.off('SIGINT', interrupt)
  const seconds = (performance.now() - startMs) / 1_000
  return { load, samples, seconds, interrupted }
}

const stateProblemsOf = async (state: string, runs: number): Promise<readonly string[]> => {
  const entry = fileURLToPath(import.meta.resolve('./verify-process.ts'))
  const args = [`--max-old-space-size=${VERIFY_HEAP_MB}`, '--disable-warning=ExperimentalWarning', entry]
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...args, state, String(runs)])
    return JSON.parse(stdout) as string[]
  } catch (error) {
    return [`the state could not be verified: ${String(error).slice(0, 500)}`]
  }
}

/** Everything from before the host is opened to after it is closed. */
const whole = async (upstream: Upstream) => {
  await warmUp(upstream)
  const before = takeTraces()
  const host = await openHost({ folder: join(folder, 'soak') })
  const foreignShareNow = watchOthers()
  const gathered = await soak(host, upstream)
  const foreignShare = foreignShareNow()
  const resting = await restingProblems(before.processes)
  await host.gate.close()
  const tolerance = { heapBytes: HEAP_BYTES }
  const problems = [
    ...resting,
    ...(await closedProblems(host, before, tolerance)),
    ...worldProblems(host, gathered.load.tallies),
    ...(await stateProblemsOf(join(folder, 'soak'), gathered.load.runs + gathered.load.childRuns)),
  ]
  note(`before: ${JSON.stringify(before)}\nafter: ${JSON.stringify(takeTraces())}`)
  return { ...gathered, host, foreignShare, problems }
}

note(`seed ${asked.seed}`)
await using upstream = await openUpstream()
const { load, samples, seconds, interrupted, host, foreignShare, problems } = await whole(upstream)
const report = soakReport({
  mode: asked.runsMax === undefined ? 'time' : 'runs',
  machine: { ...describeMachine(), foreignShare },
  tier: host.tier,
  seed: asked.seed,
  seconds,
  concurrency: asked.concurrency,
  runs: load.runs,
  cages: host.launched,
  interrupted,
  tallies: load.tallies,
  surprises: load.surprises,
  problems,
  samples,
})
if (asked.keeps && !interrupted) note(`kept under bench/results: ${keepSoak(report).join(', ')}`)
process.stdout.write(asked.json ? `${JSON.stringify(report, null, 2)}\n` : `${formatWhole(report)}\n`)
process.exitCode = isSound(report) ? 0 : EXIT_UNSOUND
