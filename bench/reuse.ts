/** What does it gain to let isolates serve again, where the embedder trusts a tool with it? */
import { inRounds } from './measure/interleave.ts'
import { median } from './measure/statistics.ts'
import { isFigure, judge, type Answer, type Effort, type Question } from './question.ts'
import { REUSING_CONTEXT, REUSING_ISOLATE } from './measure/roster.ts'

const WHAT = 'runs, two cages'
const GUEST = { source: 'async (n) => n + 1', input: 1 }
const AIMS = [
  { rival: REUSING_CONTEXT, name: "sustained, reuse: 'context', 2 cages", aim: 1_200 },
  { rival: REUSING_ISOLATE, name: "sustained, reuse: 'isolate', 2 cages", aim: 4_000 },
] as const

const measure = async (effort: Effort): Promise<Answer> => {
  const forMs = effort.quick ? 700 : 2_000
  const rows = await inRounds<number>({
    what: WHAT,
    must: AIMS.map(({ rival }) => rival.name),
    effort: { ...effort, contenders: AIMS.map(({ rival }) => ({ rival })) },
    rounds: effort.quick ? 1 : 3,
    setting: { runsAtOnce: 2 },
    turn: async (lane) => {
      const asked = { guest: GUEST, atOnce: 2 }
      await lane.ask('sustained', { ...asked, forMs: forMs / 5 }, forMs + 20_000)
      const { runs, tookMs } = await lane.ask('sustained', { ...asked, forMs }, forMs + 20_000)
      return (runs * 1000) / tookMs
    },
    conclude: (by, taken) => ({
      what: WHAT,
      by,
      figure: median(taken),
      unit: 'runs/s',
      samples: taken.length,
    }),
  })
  return {
    rows,
    aims: AIMS.map(({ rival, name, aim }) => {
      const row = rows.find(({ by }) => by === rival.name)
      const isMeasured = row !== undefined && isFigure(row)
      return judge(
        name,
        { unit: 'runs/s', aim, better: 'more' },
        isMeasured ? row.figure : undefined,
        isMeasured ? undefined : row?.cannot,
      )
    }),
  }
}

export const reuse: Question = {
  name: 'reuse',
  asks: 'What does it gain to let isolates serve again, for tools that are trusted with it?',
  measure,
}
