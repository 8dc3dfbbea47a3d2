/** How well do runs wait beside each other? Fifty at once, each with two calls that the host answers after 100 ms. */
import { countingCpu, inRounds } from './measure/interleave.ts'
import { median, quantile } from './measure/statistics.ts'
import { figureOf, judge, type Answer, type Effort, type Question } from './question.ts'

const COUNT = 50
const CALL_MS = 100
const WHAT = `${COUNT} runs at once, each awaiting two calls of ${CALL_MS} ms`
const ASK_MS_MAX = 60_000
const GUEST = { source: 'async (n, call) => [await call(n), await call(n)].length', input: 1 }

type Taken = { readonly tookMs: number; readonly cpuMs: number }

const measure = async (effort: Effort): Promise<Answer> => {
  const rows = await inRounds<Taken>({
    what: WHAT,
    effort,
    rounds: effort.quick ? 1 : 3,
    needs: 'call',
    setting: { runsAtOnce: COUNT },
    turn: async (lane, round) => {
      // Whoever keeps processes or threads has them then; quick, only Tollgate is given the time.
      const isWarmed = round === 0 && (!effort.quick || lane.rival.name === 'Tollgate')
      if (isWarmed) await lane.ask('burst', { guest: GUEST, count: COUNT, callMs: CALL_MS }, ASK_MS_MAX)
      const { value, cpuMs } = await countingCpu(lane, () =>
        lane.ask('burst', { guest: GUEST, count: COUNT, callMs: CALL_MS }, ASK_MS_MAX),
      )
      return { tookMs: value, cpuMs }
    },
    conclude: (by, taken) => {
      const samples = taken.map(({ tookMs }) => tookMs)
      return {
        what: WHAT,
        by,
        figure: median(samples),
        unit: 'ms',
        p99: quantile(samples, 1),
        samples: samples.length,
        cpuMsPerRun: taken.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / samples.length / COUNT,
      }
    },
  })
  return {
    rows,
    aims: [judge(WHAT, { unit: 'ms', aim: 320 }, figureOf(rows, 'Tollgate', WHAT)?.figure)],
  }
}

export const waitingRuns: Question = {
  name: 'waiting-runs',
  asks: 'How well do runs wait beside each other? The ideal is 200 ms.',
  fairness:
    'The worst round stands as p99. Everybody was given a round before, to have ready what they keep.',
  measure,
}
