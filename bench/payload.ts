/** What does a large value cost on its way in or out? A whole run each. */
import { inRounds } from './measure/interleave.ts'
import { quantile } from './measure/statistics.ts'
import { figureOf, judge, type Answer, type Effort, type Question, type Row } from './question.ts'
import type { Ability, GuestRun } from './rivals/rival.ts'

const KB = 1024
const SIZES = [1, 10, 100, 1024] as const
const RECORD_BYTES = 104
const ASK_MS_MAX = 60_000
const TEXT_IN = 'string in'
const JSON_IN = 'JSON in'
const JSON_OUT = 'JSON out'

const RECORDS = `Array.from({ length: n }, (_, id) => ({ id, name: 'record ' + id, text: 'x'.repeat(60), tags: ['a'] }))`
const recordsOf = (bytes: number): unknown[] =>
  Array.from({ length: Math.ceil(bytes / RECORD_BYTES) }, (_, id) => ({
    id,
    name: `record ${id}`,
    text: 'x'.repeat(60),
    tags: ['a'],
  }))

type Way = { readonly name: string; readonly needs: Ability; guest(bytes: number): GuestRun }
const WAYS: readonly Way[] = [
  {
    name: TEXT_IN,
    needs: 'megabyteIn',
    guest: (bytes) => ({ source: 'async (text) => text.length', input: 'x'.repeat(bytes) }),
  },
  {
    name: JSON_IN,
    needs: 'megabyteIn',
    guest: (bytes) => ({ source: 'async (list) => list.length', input: recordsOf(bytes) }),
  },
  {
    name: JSON_OUT,
    needs: 'megabyteOut',
    guest: (bytes) => ({ source: `async (n) => ${RECORDS}`, input: Math.ceil(bytes / RECORD_BYTES) }),
  },
]

const whatOf = (kilobytes: number, way: string): string =>
  `${kilobytes === 1024 ? '1 MB' : `${kilobytes} KB`} ${way}`

const ask = async (effort: Effort, kilobytes: number, way: Way): Promise<readonly Row[]> => {
  const what = whatOf(kilobytes, way.name)
  const guest = way.guest(kilobytes * KB)
  return await inRounds<readonly number[]>({
    what,
    effort,
    rounds: effort.quick ? 1 : 3,
    needs: way.needs,
    setting: { memoryMb: 256 },
    turn: async (lane, round) => {
      if (round === 0) await lane.ask('paced', { guest, samples: 2, pauseMs: 10 }, ASK_MS_MAX)
      return await lane.ask('paced', { guest, samples: effort.quick ? 5 : 8, pauseMs: 10 }, ASK_MS_MAX)
    },
    conclude: (by, taken) => {
      const samples = taken.flat()
      return {
        what,
        by,
        figure: quantile(samples, 0.5),
        unit: 'ms',
        p99: quantile(samples, 0.99),
        samples: samples.length,
        at: kilobytes,
      }
    },
  })
}

const measure = async (effort: Effort): Promise<Answer> => {
  const rows: Row[] = []
  for (const way of WAYS)
    for (const kilobytes of effort.quick ? [1024] : SIZES) rows.push(...(await ask(effort, kilobytes, way)))
  const own = (way: string): number | undefined => figureOf(rows, 'Tollgate', whatOf(1024, way))?.figure
  return {
    rows,
    aims: [
      judge('1 MB string from host to guest, the whole run', { unit: 'ms', aim: 5 }, own(TEXT_IN)),
      judge('1 MB JSON from host to guest, the whole run', { unit: 'ms', aim: 12 }, own(JSON_IN)),
      judge('1 MB JSON from guest to host, the whole run', { unit: 'ms', aim: 12 }, own(JSON_OUT)),
    ],
  }
}

export const payload: Question = {
  name: 'payload',
  asks: 'What does a large value cost on its way in or out, with the whole run around it?',
  fairness:
    'Rivals that take no input get it as text of their program, or as a global, whichever is faster with them.',
  measure,
}
