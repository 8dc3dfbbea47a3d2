/**
 * What does one call of a host function cost, from the moment that the host answers until the guest's next call reaches it? With
 * Tollgate that is one whole turn: settle, seal, record, delivery, guest code, the door, decode, authorize, reserve, intend.
 */
import { countingCpu, inRounds } from './measure/interleave.ts'
import { bareTurns } from './measure/bare-pipe.ts'
import { distribution, quantile } from './measure/statistics.ts'
import {
  figureOf,
  judge,
  type Answer,
  type Effort,
  type Figure,
  type Question,
  type Row,
} from './question.ts'
import type { Ability } from './rivals/rival.ts'

const ONE = 'one call, then the next'
const WRITE = 'one write, then the next: intent and outcome synced'
const CONCURRENT = 100
const MANY = `${CONCURRENT} calls at once, all of them`
const ASK_MS_MAX = 60_000

type Part = {
  readonly what: string
  readonly atOnce: number
  readonly turns: number
  readonly needs: Ability
  readonly callEffect?: 'read' | 'write'
}
type Taken = { readonly samples: readonly number[]; readonly cpuMs: number }

const rowOf = (what: string, by: string, samples: readonly number[]): Figure => ({
  what,
  by,
  figure: quantile(samples, 0.5),
  unit: 'ms',
  p99: quantile(samples, 0.99),
  samples: samples.length,
  points: distribution(samples),
})

const ask = (effort: Effort, { what, atOnce, turns, needs, callEffect }: Part): Promise<readonly Row[]> =>
  inRounds<Taken>({
    what,
    effort,
    rounds: effort.quick ? 1 : 5,
    needs,
    setting: { ...(callEffect !== undefined && { callEffect }) },
    turn: async (lane, round) => {
      if (round === 0) await lane.ask('turns', { atOnce, turns }, ASK_MS_MAX)
      const { value, cpuMs } = await countingCpu(lane, () => lane.ask('turns', { atOnce, turns }, ASK_MS_MAX))
      // The first turns of a run find code that was not called before.
      return { samples: value.slice(Math.floor(turns / 10)), cpuMs: cpuMs / turns }
    },
    conclude: (by, taken) => ({
      ...rowOf(
        what,
        by,
        taken.flatMap(({ samples }) => samples),
      ),
      cpuMsPerRun: taken.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / taken.length,
    }),
  })

const floorRow = async (turns: number): Promise<Row> => {
  try {
    return { ...rowOf(ONE, 'bare pipe (the floor)', await bareTurns(turns)), note: 'two processes, no guest' }
  } catch (error) {
    return { what: ONE, by: 'bare pipe (the floor)', cannot: String(error) }
  }
}

const measure = async (effort: Effort): Promise<Answer> => {
  const scale = effort.quick ? 1 : 3
  const own = { ...effort, contenders: effort.contenders.slice(0, 1) }
  const rows = [
    ...(await ask(effort, { what: ONE, atOnce: 1, turns: 200 * scale, needs: 'call' })),
    await floorRow(1_000 * scale),
    ...(await ask(effort, { what: MANY, atOnce: CONCURRENT, turns: 12 * scale, needs: 'callsAtOnce' })),
    ...(await ask(own, { what: WRITE, atOnce: 1, turns: 50 * scale, needs: 'call', callEffect: 'write' })),
  ]
  const floor = figureOf(rows, 'bare pipe (the floor)', ONE)?.figure
  const note = floor === undefined ? undefined : `floor of the bare pipe: ${Math.round(floor * 1000)} µs`
  return {
    rows,
    aims: [
      judge(
        'one awaited host call in sequence, with journal entry and audit',
        { unit: 'ms', aim: 0.09 },
        figureOf(rows, 'Tollgate', ONE)?.figure,
        note,
      ),
      judge(
        `${CONCURRENT} concurrent host calls`,
        { unit: 'ms', aim: 1.6 },
        figureOf(rows, 'Tollgate', MANY)?.figure,
      ),
    ],
  }
}

export const hostCall: Question = {
  name: 'host-call',
  asks: 'What does a call of a host function cost?',
  fairness:
    'Tollgate validates arguments and result, charges limits, and keeps a journal and an audit on disk; in-process rivals cross no process.',
  measure,
}
