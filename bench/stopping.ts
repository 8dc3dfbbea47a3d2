/** Does a contender stop what does not end by itself, how late, and what becomes of its embedder? */
import { ATTACKS, attack, LIMITS, type Attack, type Verdict } from './measure/attacks.ts'
import { median } from './measure/statistics.ts'
import {
  isFigure,
  judge,
  type Aim,
  type Answer,
  type Contender,
  type Effort,
  type Question,
  type Row,
} from './question.ts'

const MB = 1024 * 1024
const round = (value: number): number => Math.round(value)

/** It was stopped, the embedder lives, others run, and nothing computes on. */
const isHeld = ({ stoppedMs, hostLives, nextRuns, computesOn }: Verdict): boolean =>
  stoppedMs !== undefined && hostLives && nextRuns && !computesOn

const describe = (verdict: Verdict, { isBomb = false }: Attack): string => {
  const { said, stoppedMs, hostLives, blockedMs, nextRuns, computesOn, peakBytes } = verdict
  const parts = [said.replace(/\s+/g, ' ').slice(0, 90)]
  if (isBomb && stoppedMs !== undefined) parts.push(`after ${round(stoppedMs)} ms`)
  if (!isHeld(verdict) && isBomb) parts.push(`peak ${round(peakBytes / MB)} MB`)
  if (!hostLives) parts.push('the host is lost')
  else if (!nextRuns) parts.push('the next run does not end')
  else if (computesOn) parts.push('the guest computes on')
  if (hostLives && blockedMs > 100) parts.push(`the host stood still for ${round(blockedMs)} ms`)
  return parts.join('; ')
}

type Trial = { readonly verdicts: readonly Verdict[]; readonly row: Row }

/** A figure counts only when every try was held: a time, or for a bomb the most memory that it had. */
const conclude = (by: string, one: Attack, verdicts: readonly Verdict[]): Row => {
  const place = { what: one.what, by }
  const failed = verdicts.find((verdict) => !isHeld(verdict))
  const told = failed ?? verdicts.at(-1)
  if (told === undefined) return { ...place, cannot: 'not tried' }
  if (failed !== undefined) return { ...place, cannot: describe(told, one) }
  const figures = verdicts.map(({ stoppedMs = 0, peakBytes }) =>
    one.isBomb === true ? peakBytes / MB : stoppedMs,
  )
  return {
    ...place,
    figure: median(figures),
    unit: one.isBomb === true ? 'MB' : 'ms',
    p99: Math.max(...figures),
    samples: figures.length,
    note: describe(told, one),
  }
}

const tryOn = async ({ rival, missing }: Contender, one: Attack, times: number): Promise<Trial> => {
  const place = { what: one.what, by: rival.name }
  if (missing !== undefined) return { verdicts: [], row: { ...place, cannot: missing } }
  const verdicts: Verdict[] = []
  try {
    for (let n = 0; n < times; n += 1) verdicts.push(await attack(rival, one))
    return { verdicts, row: conclude(rival.name, one, verdicts) }
  } catch (error) {
    return { verdicts, row: { ...place, cannot: error instanceof Error ? error.message : String(error) } }
  }
}

const lateness = (name: string, aim: number, { row }: Trial): Aim => {
  if (!isFigure(row)) return judge(name, { unit: 'ms', aim }, undefined, row.cannot)
  return judge(name, { unit: 'ms', aim }, row.figure - LIMITS.deadlineMs)
}

const aimsOf = (own: Readonly<Record<keyof typeof ATTACKS, Trial>>): readonly Aim[] => {
  const bombs = [own.heap, own.buffers]
  const peaks = bombs.flatMap(({ verdicts }) => verdicts.map(({ peakBytes }) => peakBytes / MB))
  const trials = Object.values(own)
  const unharmed = trials.filter(({ row }) => isFigure(row)).length
  const told = bombs.map(({ row }) => row).find((row) => !isFigure(row))
  return [
    lateness('stop of a loop: after the deadline', 30, own.loop),
    lateness('stop of a loop after an awaited call: after the deadline', 30, own.afterAwait),
    lateness('stop of a native: after the deadline', 60, own.native),
    judge(
      'memory bomb: resident peak above the cap',
      { unit: 'MB', aim: 80 },
      peaks.length === 0 ? undefined : Math.max(...peaks) - LIMITS.memoryMb,
      told === undefined || isFigure(told) ? undefined : told.cannot,
    ),
    judge(
      'attacks after which the next run is unaffected',
      { unit: '×', aim: trials.length, better: 'more' },
      unharmed,
    ),
  ]
}

const measure = async (effort: Effort): Promise<Answer> => {
  const rows: Row[] = []
  const own = new Map<string, Trial>()
  for (const one of Object.values(ATTACKS)) {
    for (const contender of effort.contenders) {
      const isOwn = contender.rival.name === 'Tollgate'
      if (!isOwn && performance.now() > effort.untilMs) continue
      effort.progress(`${one.what}: ${contender.rival.name}`)
      const trial = await tryOn(contender, one, isOwn && !effort.quick ? 5 : 1)
      rows.push(trial.row)
      if (isOwn) own.set(one.what, trial)
    }
  }
  const trialOf = (one: Attack): Trial =>
    own.get(one.what) ?? { verdicts: [], row: { what: one.what, by: 'Tollgate', cannot: 'not tried' } }
  return {
    rows,
    aims: aimsOf({
      loop: trialOf(ATTACKS.loop),
      afterAwait: trialOf(ATTACKS.afterAwait),
      native: trialOf(ATTACKS.native),
      heap: trialOf(ATTACKS.heap),
      buffers: trialOf(ATTACKS.buffers),
    }),
  }
}

export const stopping: Question = {
  name: 'stopping',
  asks: `Is it stopped, after how long, and does the embedder live? Deadline ${LIMITS.deadlineMs} ms, limit ${LIMITS.memoryMb} MB.`,
  fairness:
    'Where a contender has no deadline of its own, the adapter ends it as its embedder could: a thread or process is killed, a shared one is not.',
  measure,
}
