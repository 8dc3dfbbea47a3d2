/** What the process of one contender can be asked to do; every figure is taken on the side of the embedder. */
import { setTimeout as wait } from 'node:timers/promises'
import { Bench } from 'tinybench'
import type { GuestRun, Opened, Setting } from '../rivals/rival.ts'
import { findRival } from './roster.ts'

/** A setting as it is sent to a lane. */
export type LaneSetting = Omit<Setting, 'call'>

export type Paced = {
  readonly guest: GuestRun
  readonly samples: number
  readonly pauseMs: number
  /** Each run is on behalf of somebody new. */
  readonly strangers?: boolean
}

/** What is asked of a lane, and what it answers. */
export type LaneActs = {
  /** Milliseconds that loading and opening took. */
  open(asked: { rival: string; setting: LaneSetting }): Promise<number>
  close(): Promise<void>
  /** One run after the other with a pause between; milliseconds of each. */
  paced(asked: Paced): Promise<number[]>
  /** As many runs as fit into a time, so many at once. */
  sustained(asked: {
    guest: GuestRun
    atOnce: number
    forMs: number
  }): Promise<{ runs: number; tookMs: number }>
  /** Calls of the host's function, so many at once; milliseconds from one turn to the next. */
  turns(asked: { atOnce: number; turns: number }): Promise<number[]>
  /** So many runs, all started at once, each with calls that the host answers late; milliseconds until the last is done. */
  burst(asked: { guest: GuestRun; count: number; callMs: number }): Promise<number>
  /** One run, whatever comes of it. */
  once(asked: { guest: GuestRun }): Promise<{ tookMs: number; failure?: string }>
  /** `paced`, while another principal's guest runs and is started again whenever it is stopped. */
  besideNeighbour(asked: Paced & { neighbour: GuestRun }): Promise<number[]>
  /** Prepared, idle instances; false where there are none. */
  hold(asked: { count: number }): Promise<boolean>
  ping(): Promise<void>
}

let opened: Opened | undefined
let arrivals: number[] = []
let answerAfterMs = 0

const ready = (): Opened => {
  if (opened === undefined) throw new Error('nothing is open in this lane')
  return opened
}

const call: Setting['call'] = async (argument) => {
  arrivals.push(performance.now())
  if (answerAfterMs > 0) await wait(answerAfterMs)
  return argument
}

let strangersMet = 0

const paced: LaneActs['paced'] = async ({ guest, samples, pauseMs, strangers = false }) => {
  const bench = new Bench({ iterations: samples, time: 0, warmup: false, retainSamples: true, throws: true })
  const beforeEach = async (): Promise<void> => {
    if (pauseMs > 0) await wait(pauseMs)
  }
  const act = (): Promise<unknown> => {
    strangersMet += 1
    return ready().run(strangers ? { ...guest, principal: `stranger ${strangersMet}` } : guest)
  }
  bench.add('run', act, { async: true, beforeEach })
  const [task] = await bench.run()
  const result = task?.result
  if (result?.state !== 'completed')
    throw new Error(`the runs were not measured (${result?.state ?? 'no task'})`)
  return [...(result.latency.samples ?? [])]
}

const sustained: LaneActs['sustained'] = async ({ guest, atOnce, forMs }) => {
  const { run } = ready()
  let runs = 0
  const startMs = performance.now()
  const one = async (): Promise<void> => {
    while (performance.now() - startMs < forMs) {
      await run(guest)
      runs += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  return { runs, tookMs: performance.now() - startMs }
}

const SEQUENCE = 'async (n, call) => { for (let i = 0; i < n; i += 1) await call(i); return n }'
const together = (atOnce: number): string =>
  `async (n, call) => {
    const all = Array.from({ length: ${atOnce} }, (_, i) => i)
    for (let i = 0; i < n; i += 1) await Promise.all(all.map((each) => call(each)))
    return n
  }`

const turns: LaneActs['turns'] = async ({ atOnce, turns: count }) => {
  arrivals = []
  await ready().run({ source: atOnce === 1 ? SEQUENCE : together(atOnce), input: count })
  const firsts = arrivals.filter((_, at) => at % atOnce === 0)
  return firsts.slice(1).map((atMs, at) => atMs - (firsts[at] ?? atMs))
}

const burst: LaneActs['burst'] = async ({ guest, count, callMs }) => {
  answerAfterMs = callMs
  const startMs = performance.now()
  try {
    await Promise.all(Array.from({ length: count }, () => ready().run(guest)))
  } finally {
    answerAfterMs = 0
  }
  return performance.now() - startMs
}

const once: LaneActs['once'] = async ({ guest }) => {
  const startMs = performance.now()
  try {
    await ready().run(guest)
    return { tookMs: performance.now() - startMs }
  } catch (error) {
    return { tookMs: performance.now() - startMs, failure: String(error).slice(0, 300) }
  }
}

const besideNeighbour: LaneActs['besideNeighbour'] = async ({ neighbour, ...asked }) => {
  let isOver = false
  const bother = async (): Promise<void> => {
    while (!isOver)
      await ready()
        .run(neighbour)
        .catch(() => undefined)
  }
  const bothering = bother()
  try {
    await wait(asked.pauseMs)
    return await paced(asked)
  } finally {
    isOver = true
    await bothering
  }
}

export const laneActs: LaneActs = {
  async open({ rival, setting }) {
    const startMs = performance.now()
    opened = await findRival(rival).open({ ...setting, call })
    return performance.now() - startMs
  },
  async close() {
    await opened?.close()
    opened = undefined
  },
  paced,
  sustained,
  turns,
  burst,
  once,
  besideNeighbour,
  async hold({ count }) {
    const { hold } = ready()
    await hold?.(count)
    return hold !== undefined
  },
  ping: () => Promise.resolve(),
}
