/** How long after its start does a new process of an embedder have its first result? */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { DEFAULTS } from './measure/interleave.ts'
import { Lane } from './measure/lane.ts'
import { median, quantile } from './measure/statistics.ts'
import { judge, type Answer, type Contender, type Effort, type Question, type Row } from './question.ts'

const FIRST = 'start of Node, loading, opening, first run'
const WHOLE = 'a new process, from its start to its first result'
const IMPORT = "import of 'tollgate' alone"
const CHECKOUT = join(import.meta.dirname, '..')
const ASK_MS_MAX = 30_000
const GUEST = { source: 'async (n) => n + 1', input: 1 }

const IMPORTING = `const start = performance.now()
await import('tollgate')
process.stdout.write(String(performance.now() - start))`
const RUNNING = `const { createTollgate } = await import('tollgate')
const gate = await createTollgate({ state: ':memory:' })
const { status } = await gate.run({ code: 'export default (n) => n + 1', input: 1, policy: {} })
process.stdout.write(status)
await gate.close({ force: true })`

/** Runs a program text as somebody who depends on Tollgate would; resolves at its first output. */
const program = (text: string): Promise<{ readonly said: string; readonly tookMs: number }> => {
  const { promise, resolve, reject } = Promise.withResolvers<{ said: string; tookMs: number }>()
  const startMs = performance.now()
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], {
    cwd: CHECKOUT,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: ASK_MS_MAX,
  })
  let told: { said: string; tookMs: number } | undefined
  child.stdout.setEncoding('utf8').once('data', (said: string) => {
    told = { said, tookMs: performance.now() - startMs }
  })
  child.on('error', reject)
  child.on('close', () => (told === undefined ? reject(new Error('it ended without a word')) : resolve(told)))
  return promise
}

const repeat = async (times: number, act: () => Promise<number>): Promise<number[]> => {
  const taken: number[] = []
  for (let n = 0; n < times; n += 1) taken.push(await act())
  return taken
}

const bareStart = async (): Promise<number> => (await program(`process.stdout.write('up')`)).tookMs

const firstOf = async ({ rival, missing }: Contender, times: number, bareMs: number): Promise<Row> => {
  const place = { what: FIRST, by: rival.name }
  if (missing !== undefined) return { ...place, cannot: missing }
  try {
    const taken = await repeat(times, async () => {
      await using lane = new Lane(rival)
      const openMs = await lane.ask('open', { rival: rival.name, setting: DEFAULTS }, ASK_MS_MAX)
      const { tookMs, failure } = await lane.ask('once', { guest: GUEST }, ASK_MS_MAX)
      if (failure !== undefined) throw new Error(failure)
      return bareMs + openMs + tookMs
    })
    return { ...place, figure: median(taken), unit: 'ms', p99: quantile(taken, 1), samples: taken.length }
  } catch (error) {
    return { ...place, cannot: error instanceof Error ? error.message : String(error) }
  }
}

const measure = async (effort: Effort): Promise<Answer> => {
  const times = effort.quick ? 2 : 7
  const bareMs = median(await repeat(times, bareStart))
  const rows: Row[] = []
  for (const contender of effort.contenders) {
    effort.progress(`${FIRST}: ${contender.rival.name}`)
    rows.push(await firstOf(contender, times, bareMs))
  }
  const whole = await repeat(times, async () => (await program(RUNNING)).tookMs)
  const imported = await repeat(times, async () => Number((await program(IMPORTING)).said))
  const own = (what: string, taken: readonly number[]): Row => ({
    what,
    by: 'Tollgate',
    figure: median(taken),
    unit: 'ms',
    p99: quantile(taken, 1),
    samples: taken.length,
  })
  return {
    rows: [...rows, own(WHOLE, whole), own(IMPORT, imported)],
    aims: [
      judge('first result of a new host process', { unit: 'ms', aim: 250 }, median(whole)),
      judge('library import alone', { unit: 'ms', aim: 60 }, median(imported)),
    ],
  }
}

export const firstResult: Question = {
  name: 'first-result',
  asks: 'How long after its start does a new process of an embedder have its first result?',
  fairness:
    'Node itself is counted once for everybody; the types of the adapters are stripped before the clock starts.',
  measure,
}
