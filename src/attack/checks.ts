import { isDeepStrictEqual } from 'node:util'
import type { Code, RunResult } from '../index.ts'
import type { Check, Evidence } from './evidence.ts'

/** How much later than its deadline a run may end, in milliseconds. */
const GRACE_MS = 250
/** How long an honest run may be kept waiting by somebody else's, in milliseconds. */
const WAIT_MS_MAX = 250
/** A thread that only sleeps feels less of a busy machine than a run that is started, watched and killed. */
const NOISE_FACTOR = 4

const check = (judge: Check['judge']): Check => ({ judge })
const timing = (judge: Check['judge']): Check => ({ judge, isTiming: true })

/** `0.31 s`. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
/** `97 MB`. */
export const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`

/** The last of the attacking runs. */
export const lastOf = ({ results }: Evidence): RunResult | undefined => results.at(-1)

/** `done`, or the code of the error. */
export const endOf = (result: RunResult | undefined): string =>
  result === undefined ? 'no result at all' : (result.error?.code ?? result.status)

/** The last run ended by one of these codes of the host, and by none that the guest could have forged. */
export const endedBy = (...codes: readonly Code[]): Check =>
  check((seen) => {
    const last = lastOf(seen)
    if (last?.status === 'failed' && codes.some((code) => code === last.error?.code)) return undefined
    const given = last?.status === 'cancelled' ? `still running when it was given up` : endOf(last)
    return `${given} instead of ${codes.join(' or ')}`
  })

/** Every attacking run was done. */
export const isDone: Check = check((seen) => {
  const bad = seen.results.find(({ status }) => status !== 'done')
  if (seen.results.length === 0) return 'no result at all'
  return bad === undefined ? undefined : `${endOf(bad)} instead of done`
})

/** The last run ended no later than its deadline and the grace. */
export const stoppedBy = (deadlineMs: number): Check =>
  timing(({ tookMs, noiseMs }) =>
    tookMs <= deadlineMs + GRACE_MS + NOISE_FACTOR * noiseMs
      ? undefined
      : `stopped after ${seconds(tookMs)}, the deadline being ${seconds(deadlineMs)}`,
  )

/** The last run used as much CPU time as its limit and the grace allow. Wall time says nothing: on a busy machine no process has all of it. */
export const usedCpu = (limitMs: number): Check =>
  timing((seen) => {
    const usedMs = lastOf(seen)?.usage.cpuMs ?? 0
    if (usedMs < limitMs) return `the host measured ${seconds(usedMs)} of CPU time, less than the limit`
    return usedMs <= limitMs + GRACE_MS + NOISE_FACTOR * seen.noiseMs
      ? undefined
      : `${seconds(usedMs)} of CPU time were used, the limit being ${seconds(limitMs)}`
  })

/** The processes that served it were never larger. */
export const residentBelow = (bytesMax: number): Check =>
  check(({ peakBytes }) =>
    peakBytes > 0 && peakBytes <= bytesMax
      ? undefined
      : `resident size of ${megabytes(peakBytes)}, at most ${megabytes(bytesMax)} being bounded`,
  )

/** The processes that served it are gone. */
export const processGone: Check = check(({ survivors }) =>
  survivors === 0 ? undefined : `${survivors} of its processes live on`,
)

/** Exactly these data reached the host tool, in this order. */
export const noted = (...expected: readonly unknown[]): Check =>
  check((seen) => {
    if (isDeepStrictEqual(seen.noted, expected)) return undefined
    return `${clip(JSON.stringify(seen.noted))} reached the host instead of ${clip(JSON.stringify(expected))}`
  })

/** The host tool was called so often. */
export const notedTimes = (min: number, max = min): Check =>
  check(({ noted: { length } }) =>
    length >= min && length <= max
      ? undefined
      : `${length} calls were performed instead of ${span(min, max)}`,
  )

/** The host counted so many calls in the last run. */
export const counted = (calls: number): Check =>
  check((seen) => {
    const used = lastOf(seen)?.usage.calls ?? -1
    return used === calls ? undefined : `${used} calls were counted instead of ${calls}`
  })

/** The last run returned this. */
export const returned = (expected: unknown): Check =>
  check((seen) => {
    const got = lastOf(seen)?.value
    if (isDeepStrictEqual(got, expected)) return undefined
    return `${clip(JSON.stringify(got) ?? 'nothing')} came back instead of ${clip(JSON.stringify(expected))}`
  })

/** What is right of the evidence as a whole. */
export const holds = (what: string, judge: (seen: Evidence) => boolean): Check =>
  check((seen) => (judge(seen) ? undefined : what))

/** A refusal by this code and gate stands in the audit of the attack. */
export const recorded = (event: string, code: string): Check =>
  check(({ records }) =>
    records.some((record) => record.event === event && record.facts['code'] === code)
      ? undefined
      : `no record of a ${event} with ${code}`,
  )

const clip = (text: string): string => (text.length > 160 ? `${text.slice(0, 160)}…` : text)
const span = (min: number, max: number): string => (min === max ? String(min) : `${min} to ${max}`)

const isHonest = (next: Evidence['next']): boolean => next?.status === 'done' && next.value === 'honest'
const isLate = (next: Evidence['next']): boolean => next?.error?.code === 'LIMIT_DURATION'

/** What must hold whatever the attack is: nobody else suffers, nothing got out, and Tollgate works on. */
export const ALWAYS: readonly Check[] = [
  check(({ thrown }) => (thrown === undefined ? undefined : `running threw ${clip(thrown)}`)),
  check(({ reported }) => (reported.length === 0 ? undefined : `the guest got ${clip(reported.join(', '))}`)),
  check(({ trapped }) =>
    trapped === 0 ? undefined : `${trapped} connections to a port that nobody granted`,
  ),
  check(({ pollution }) =>
    pollution.length === 0 ? undefined : `the host's own ${pollution.join(', ')} was changed`,
  ),
  check(({ planted: { outside } }) =>
    outside.length === 0 ? undefined : `outside every mount there is now ${clip(outside.join(', '))}`,
  ),
  check(({ planted: { tables } }) =>
    tables.length === 0 ? undefined : `the database was changed: ${clip(tables.join(', '))}`,
  ),
  check(({ planted: { leaks } }) =>
    leaks.length === 0 ? undefined : `a planted secret was found in ${leaks.join(', ')}`,
  ),
  check(({ bystander }) => (bystander.isAlive ? undefined : 'the honest run beside it was taken along')),
  check(({ next }) =>
    isHonest(next) || isLate(next) ? undefined : `the run after it ended with ${endOf(next)}`,
  ),
  // It has the short time of the attack, which a busy machine may use up; a hole would use it up each time.
  timing(({ next }) => (isLate(next) ? `the run after it ended with ${endOf(next)}` : undefined)),
  timing(({ bystander, noiseMs }) =>
    bystander.longestWaitMs <= WAIT_MS_MAX + NOISE_FACTOR * noiseMs
      ? undefined
      : `the honest run beside it was kept waiting for ${seconds(bystander.longestWaitMs)}`,
  ),
  timing(({ bystander, tookMs }) =>
    bystander.answered > 0 || tookMs < WAIT_MS_MAX ? undefined : 'the honest run beside it got no answer',
  ),
]
