/** How long does a whole run of a trivial tool take, in an embedder that is started? */
import { countingCpu, inRounds } from './measure/interleave.ts'
import { distribution, quantile } from './measure/statistics.ts'
import { figureOf, judge, type Answer, type Effort, type Question, type Row } from './question.ts'

const PACED = 'a run, at a quiet pace'
const STRANGER = 'a run for a new principal: a fresh process too'
const GUEST = { source: 'async (n) => n + 1', input: 1 }
const ASK_MS_MAX = 60_000
/** Long enough for what a contender prepares between runs. */
const PAUSE_MS = 25
const STRANGER_PAUSE_MS = 300

type Taken = { readonly samples: readonly number[]; readonly cpuMs: number }

const rowOf = (what: string, by: string, taken: readonly Taken[]): Row => {
  const samples = taken.flatMap((one) => one.samples)
  const cpuMs = taken.reduce((sum, one) => sum + one.cpuMs, 0)
  return {
    what,
    by,
    figure: quantile(samples, 0.5),
    unit: 'ms',
    p99: quantile(samples, 0.99),
    samples: samples.length,
    cpuMsPerRun: cpuMs / samples.length,
    points: distribution(samples),
  }
}

const paced = (effort: Effort): Promise<readonly Row[]> =>
  inRounds<Taken>({
    what: PACED,
    effort,
    rounds: effort.quick ? 2 : 5,
    turn: async (lane, round) => {
      const asked = { guest: GUEST, pauseMs: effort.quick ? 15 : PAUSE_MS }
      if (round === 0) await lane.ask('paced', { ...asked, samples: 5 }, ASK_MS_MAX)
      const samples = effort.quick ? 20 : 40
      const { value, cpuMs } = await countingCpu(lane, () =>
        lane.ask('paced', { ...asked, samples }, ASK_MS_MAX),
      )
      return { samples: value, cpuMs }
    },
    conclude: (by, taken) => rowOf(PACED, by, taken),
  })

/** Only Tollgate keeps principals apart, so only it is asked. */
const strangers = (effort: Effort): Promise<readonly Row[]> =>
  inRounds<Taken>({
    what: STRANGER,
    effort: { ...effort, contenders: effort.contenders.slice(0, 1) },
    rounds: 1,
    turn: async (lane) => {
      const samples = effort.quick ? 5 : 25
      const asked = { guest: GUEST, pauseMs: STRANGER_PAUSE_MS, samples, strangers: true }
      const { value, cpuMs } = await countingCpu(lane, () => lane.ask('paced', asked, ASK_MS_MAX))
      return { samples: value, cpuMs }
    },
    conclude: (by, taken) => rowOf(STRANGER, by, taken),
  })

const measure = async (effort: Effort): Promise<Answer> => {
  const rows = [...(await paced(effort)), ...(await strangers(effort))]
  const own = figureOf(rows, 'Tollgate', PACED)
  return {
    rows,
    aims: [
      judge('one-shot run, paced: p50', { unit: 'ms', aim: 0.55 }, own?.figure),
      judge('one-shot run, paced: p99', { unit: 'ms', aim: 2 }, own?.p99),
    ],
  }
}

export const coldRun: Question = {
  name: 'cold-run',
  asks: 'How long does a whole run of a trivial tool take in a started embedder, with fresh isolation each?',
  fairness:
    'Tollgate judges a policy, keeps a journal and an audit on disk and crosses into a boxed process; nobody else here does any of it.',
  measure,
}
