/** What does a hostile guest of one principal cost another principal's runs? */
import { inRounds } from './measure/interleave.ts'
import { quantile } from './measure/statistics.ts'
import { figureOf, judge, type Answer, type Effort, type Figure, type Question } from './question.ts'

const WHAT = 'p99 beside an endless loop, against p99 alone'
const GUEST = { source: 'async (n) => n + 1', input: 1, principal: 'good' }
/** Stopped at its deadline, and at once started again. */
const NEIGHBOUR = { source: 'async () => { for (;;); }', principal: 'hostile' }
const DEADLINE_MS = 1_000
const ASK_MS_MAX = 20_000

type Taken = { readonly alone: readonly number[]; readonly beside: readonly number[] }

const measure = async (effort: Effort): Promise<Answer> => {
  const rows = await inRounds<Taken>({
    what: WHAT,
    effort,
    rounds: effort.quick ? 1 : 3,
    setting: { deadlineMs: DEADLINE_MS, runsAtOnce: 4 },
    turn: async (lane, round) => {
      const asked = { guest: GUEST, samples: effort.quick ? 30 : 50, pauseMs: 10 }
      if (round === 0) await lane.ask('paced', { ...asked, samples: 5 }, ASK_MS_MAX)
      const alone = await lane.ask('paced', asked, ASK_MS_MAX)
      const beside = await lane.ask('besideNeighbour', { ...asked, neighbour: NEIGHBOUR }, ASK_MS_MAX)
      return { alone, beside }
    },
    conclude: (by, taken): Figure => {
      const alone = taken.flatMap((one) => one.alone)
      const beside = taken.flatMap((one) => one.beside)
      const tell = (ms: number): string => ms.toFixed(2)
      return {
        what: WHAT,
        by,
        figure: quantile(beside, 0.99) / quantile(alone, 0.99),
        unit: '×',
        samples: beside.length,
        note: `p50 ${tell(quantile(alone, 0.5))} → ${tell(quantile(beside, 0.5))} ms, p99 ${tell(quantile(alone, 0.99))} → ${tell(quantile(beside, 0.99))} ms`,
      }
    },
  })
  const own = figureOf(rows, 'Tollgate', WHAT)
  return {
    rows,
    aims: [
      judge(
        "effect of a hostile neighbour on another principal's p99",
        { unit: '×', aim: 1.5 },
        own?.figure,
        own?.note,
      ),
    ],
  }
}

export const neighbour: Question = {
  name: 'neighbour',
  asks: "What does a hostile guest of one principal cost another principal's runs?",
  fairness: `The neighbour is stopped every ${DEADLINE_MS} ms and started again. Who cannot stop it gets no figure.`,
  measure,
}
