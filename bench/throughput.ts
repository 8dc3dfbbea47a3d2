/** How many runs of a trivial tool fit into a second, each with fresh isolation? */
import { countingCpu, DEFAULTS, inRounds } from './measure/interleave.ts'
import { openLane, type Lane } from './measure/lane.ts'
import { median } from './measure/statistics.ts'
import { figureOf, judge, type Answer, type Effort, type Question, type Row } from './question.ts'

const ONE = 'runs, one process'
const TWO = 'runs, two processes'
const AT_ONCE = 'runs at once'
const GUEST = { source: 'async (n) => n + 1', input: 1 }
const CONCURRENCIES = [1, 2, 4, 8, 16] as const

type Taken = { readonly runs: number; readonly tookMs: number; readonly cpuMs: number }

const rateOf = ({ runs, tookMs }: Taken): number => (runs * 1000) / tookMs
const rowOf = (what: string, by: string, taken: readonly Taken[]): Row => {
  const runs = taken.reduce((sum, one) => sum + one.runs, 0)
  return {
    what,
    by,
    figure: median(taken.map(rateOf)),
    unit: 'runs/s',
    samples: runs,
    cpuMsPerRun: taken.reduce((sum, one) => sum + one.cpuMs, 0) / Math.max(1, runs),
  }
}

const sustain = async (lane: Lane, atOnce: number, forMs: number): Promise<Taken> => {
  const { value, cpuMs } = await countingCpu(lane, () =>
    lane.ask('sustained', { guest: GUEST, atOnce, forMs }, forMs + 30_000),
  )
  return { ...value, cpuMs }
}

const oneProcess = (effort: Effort, forMs: number): Promise<readonly Row[]> =>
  inRounds<Taken>({
    what: ONE,
    effort,
    rounds: effort.quick ? 1 : 3,
    setting: { runsAtOnce: 1 },
    must: ['isolated-vm'],
    turn: async (lane, round) => {
      if (round === 0) await sustain(lane, 1, forMs / 5)
      return await sustain(lane, 1, forMs)
    },
    conclude: (by, taken) => rowOf(ONE, by, taken),
  })

/** A contender whose runs have processes of their own gets two runs at once; any other is opened twice. */
const twoProcesses = async (effort: Effort, forMs: number): Promise<readonly Row[]> => {
  const seconds = new Map<Lane, Lane>()
  const both = async (lane: Lane, ms: number): Promise<Taken> => {
    if (lane.rival.scalesBy === 'runs at once') return await sustain(lane, 2, ms)
    const second = seconds.get(lane) ?? (await openLane(lane.rival, { ...DEFAULTS, runsAtOnce: 2 }))
    seconds.set(lane, second)
    const [a, b] = await Promise.all([sustain(lane, 1, ms), sustain(second, 1, ms)])
    return { runs: a.runs + b.runs, tookMs: Math.max(a.tookMs, b.tookMs), cpuMs: a.cpuMs + b.cpuMs }
  }
  try {
    return await inRounds<Taken>({
      what: TWO,
      effort,
      rounds: effort.quick ? 1 : 3,
      setting: { runsAtOnce: 2 },
      turn: async (lane, round) => {
        if (round === 0) await both(lane, forMs / 5)
        return await both(lane, forMs)
      },
      conclude: (by, taken) => rowOf(TWO, by, taken),
    })
  } finally {
    await Promise.all([...seconds.values()].map((lane) => lane[Symbol.asyncDispose]()))
  }
}

/** For the plot: one opening, more and more runs at once. */
const atOnce = async (effort: Effort, count: number): Promise<readonly Row[]> => {
  const what = `${count} ${AT_ONCE}`
  const rows = await inRounds<Taken>({
    what,
    effort,
    rounds: 1,
    setting: { runsAtOnce: count },
    turn: async (lane) => {
      await sustain(lane, count, 200)
      return await sustain(lane, count, 1_000)
    },
    conclude: (by, taken) => rowOf(what, by, taken),
  })
  return rows.map((row) => ('figure' in row ? { ...row, at: count } : row))
}

const measure = async (effort: Effort): Promise<Answer> => {
  const forMs = effort.quick ? 700 : 1_500
  const rows = [...(await oneProcess(effort, forMs)), ...(await twoProcesses(effort, forMs))]
  if (!effort.quick) for (const count of CONCURRENCIES) rows.push(...(await atOnce(effort, count)))
  const own = figureOf(rows, 'Tollgate', TWO)?.figure
  const raw = figureOf(rows, 'isolated-vm', ONE)?.figure
  const ratio = own === undefined || raw === undefined ? undefined : own / raw
  return {
    rows,
    aims: [
      judge('sustained, fresh isolate each, 2 cages', { unit: 'runs/s', aim: 520, better: 'more' }, own),
      judge(
        'the same against raw isolated-vm in one process',
        { unit: '×', aim: 1.7, better: 'more' },
        ratio,
      ),
    ],
  }
}

export const throughput: Question = {
  name: 'throughput',
  asks: 'How many runs of a trivial tool fit into a second, each with fresh isolation?',
  fairness:
    'Two processes of an in-process rival are two embedders that share nothing; Tollgate has one embedder with two cages.',
  measure,
}
