/** What does it cost to keep a contender, and what is prepared for the next runs, in memory? */
import { setTimeout as wait } from 'node:timers/promises'
import { DEFAULTS } from './measure/interleave.ts'
import { Lane } from './measure/lane.ts'
import { proportionalBytesOf, residentBytesOf } from './measure/process-tree.ts'
import {
  figureOf,
  judge,
  type Answer,
  type Contender,
  type Effort,
  type Question,
  type Row,
} from './question.ts'

const OPEN = 'open and idle, after three runs'
const ONE_MORE = 'one more prepared, idle instance'
const MB = 1024 * 1024
const ASK_MS_MAX = 90_000
const GUEST = { source: 'async (n) => n + 1', input: 1 }
const SETTLE_MS = 1_000
/** Where an instance is a process or a thread, fewer are enough to see what one costs. */
const HELD = { instances: 50, processes: 4 } as const

/** Isolates of runs that wait, which Tollgate's cages share. */
const OWN_HELD = 200
const SETTING = { ...DEFAULTS, memoryMb: 64, runsAtOnce: OWN_HELD + 8, deadlineMs: 60_000 }

/** What the tree holds, shared pages divided; where that may not be read they count for each. */
const bytesOf = (lane: Lane): number => proportionalBytesOf(lane.pid) ?? residentBytesOf(lane.pid)

const heldBy = ({ rival }: Contender): number => {
  if (rival.name === 'Tollgate') return OWN_HELD
  return rival.scalesBy === 'runs at once' ? HELD.processes : HELD.instances
}

const weigh = async (contender: Contender, settleMs: number): Promise<Row[]> => {
  const { rival, missing } = contender
  const place = { what: OPEN, by: rival.name }
  if (missing !== undefined) return [{ ...place, cannot: missing }]
  await using lane = new Lane(rival)
  try {
    await lane.ask('ping', undefined, ASK_MS_MAX)
    await wait(settleMs)
    const emptyBytes = bytesOf(lane)
    await lane.ask('open', { rival: rival.name, setting: SETTING }, ASK_MS_MAX)
    for (let n = 0; n < 3; n += 1) {
      const { failure } = await lane.ask('once', { guest: GUEST }, ASK_MS_MAX)
      if (failure !== undefined) throw new Error(failure)
    }
    await wait(settleMs)
    const openBytes = bytesOf(lane)
    const open: Row = { ...place, figure: (openBytes - emptyBytes) / MB, unit: 'MB', samples: 1 }
    const count = heldBy(contender)
    if (!(await lane.ask('hold', { count }, ASK_MS_MAX)))
      return [open, { ...place, what: ONE_MORE, cannot: 'keeps nothing prepared' }]
    await wait(settleMs)
    const each = (bytesOf(lane) - openBytes) / count / MB
    return [open, { ...place, what: ONE_MORE, figure: each, unit: 'MB', samples: count }]
  } catch (error) {
    return [{ ...place, cannot: error instanceof Error ? error.message : String(error) }]
  }
}

const measure = async (effort: Effort): Promise<Answer> => {
  const rows: Row[] = []
  for (const contender of effort.contenders) {
    effort.progress(`${OPEN}: ${contender.rival.name}`)
    rows.push(...(await weigh(contender, effort.quick ? 300 : SETTLE_MS)))
  }
  const each = figureOf(rows, 'Tollgate', ONE_MORE)?.figure
  const open = figureOf(rows, 'Tollgate', OPEN)?.figure
  const many = each === undefined || open === undefined ? undefined : open + OWN_HELD * each
  const note = 'isolates of runs that wait for a call, cages and embedder with them'
  return {
    rows: rows.toSorted((a, b) => Number(a.what === ONE_MORE) - Number(b.what === ONE_MORE)),
    aims: [
      judge('resident memory of one idle isolate', { unit: 'MB', aim: 1.5 }, each, note),
      judge(`${OWN_HELD} idle isolates, with their cages`, { unit: 'MB', aim: 350 }, many, note),
    ],
  }
}

export const memory: Question = {
  name: 'memory',
  asks: 'What does it cost to keep a contender, and what it has prepared, in memory?',
  fairness:
    'The embedder itself is taken off; pages that processes share are divided among them. A process for each run holds nothing between runs.',
  measure,
}
