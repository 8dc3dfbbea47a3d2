/** What one benchmark file answers, and how its answer is measured. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bench, type FnOptions } from 'tinybench'

/** One row of the table. Times in milliseconds. */
export type Measurement = {
  /** What was done: a part of the question, in words. */
  readonly what: string
  /** Who did it; rivals answer the same questions under their own names. */
  readonly by: string
  readonly p50Ms: number
  readonly p99Ms: number
  readonly samples: number
  /** The median that the project wants to stay under. */
  readonly aimMs?: number
}

export type Question = {
  /** Name of its file; `npm run bench -- NAME` asks only this one. */
  readonly name: string
  readonly asks: string
  readonly measure: (effort: Effort) => Promise<readonly Measurement[]>
}

/** How long each row is measured, and how often at least. */
export type Effort = { readonly timeMs: number; readonly samplesMin: number }

export type Subject = {
  readonly what: string
  readonly by?: string
  readonly aimMs?: number
  /** What is timed. */
  readonly act: () => Promise<unknown>
} & Pick<FnOptions, 'beforeEach'>

/** An act with a pause before it is timed less often: pauses are not measured, but they take their time. */
const PACED_SHARE = 0.1

/** Times `act` again and again, after a warm-up of a tenth of the effort. */
export const timeSubject = async (
  { what, by = 'tollgate', aimMs, act, beforeEach }: Subject,
  effort: Effort,
): Promise<Measurement> => {
  const { samplesMin } = effort
  const timeMs = beforeEach === undefined ? effort.timeMs : effort.timeMs * PACED_SHARE
  const bench = new Bench({
    time: timeMs,
    iterations: samplesMin,
    warmupTime: timeMs / 10,
    warmupIterations: Math.ceil(samplesMin / 10),
    throws: true,
  })
  bench.add(what, act, { async: true, ...(beforeEach !== undefined && { beforeEach }) })
  const [task] = await bench.run()
  const result = task?.result
  if (result?.state !== 'completed')
    throw new Error(`${what}: was not measured (${result?.state ?? 'no task'})`)
  const { p50, p99, samplesCount } = result.latency
  return { what, by, p50Ms: p50, p99Ms: p99, samples: samplesCount, ...(aimMs !== undefined && { aimMs }) }
}

/** A folder for the state, so that journal and audit are written to a disk; gone when it is disposed of. */
export const openStateFolder = (): { readonly path: string } & Disposable => {
  const path = mkdtempSync(join(tmpdir(), 'tollgate-bench-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
