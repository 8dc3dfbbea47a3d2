/** How fast does guest code compute, against the same code in plain Node? */
import { inRounds } from './measure/interleave.ts'
import { median, quantile } from './measure/statistics.ts'
import { figureOf, judge, type Answer, type Effort, type Question } from './question.ts'
import { PLAIN_NODE } from './measure/roster.ts'

const WHAT = 'numbers, JSON and a regular expression'
const ASK_MS_MAX = 120_000
const TRIVIAL = { source: 'async (n) => n + 1', input: 1 }

const KERNEL = {
  source: `async (n) => {
    const sieve = new Uint8Array(n)
    let primes = 0
    for (let i = 2; i < n; i += 1) {
      if (sieve[i] === 1) continue
      primes += 1
      for (let j = i * 2; j < n; j += i) sieve[j] = 1
    }
    let sum = 0
    for (let i = 0; i < n; i += 1) sum = (sum + Math.sqrt(i) * 1.5) % 1000003
    const records = Array.from({ length: n / 200 }, (_, id) => ({ id, name: 'record ' + id, list: [id, id * 2] }))
    let text = ''
    for (let round = 0; round < 4; round += 1) text = JSON.stringify(JSON.parse(JSON.stringify(records)))
    let matches = 0
    for (const match of text.matchAll(/"name":"record (\\d+)7"/g)) matches += match[1].length
    const words = new Map()
    for (const word of text.split(',')) words.set(word, (words.get(word) ?? 0) + 1)
    return [primes, Math.round(sum), text.length, matches, words.size].join(' ')
  }`,
  input: 2_000_000,
}

type Taken = { readonly kernelMs: number; readonly trivialMs: number }

const measure = async (effort: Effort): Promise<Answer> => {
  const contenders = [effort.contenders[0], { rival: PLAIN_NODE }, ...effort.contenders.slice(1)]
  const rows = await inRounds<Taken>({
    what: WHAT,
    must: [PLAIN_NODE.name],
    effort: { ...effort, contenders: contenders.filter((one) => one !== undefined) },
    rounds: effort.quick ? 1 : 3,
    turn: async (lane) => {
      const asked = { samples: effort.quick ? 2 : 3, pauseMs: 10 }
      const trivial = await lane.ask('paced', { ...asked, guest: TRIVIAL }, ASK_MS_MAX)
      const kernel = await lane.ask('paced', { ...asked, guest: KERNEL }, ASK_MS_MAX)
      return { kernelMs: median(kernel), trivialMs: median(trivial) }
    },
    conclude: (by, taken) => {
      const samples = taken.map(({ kernelMs, trivialMs }) => kernelMs - trivialMs)
      return {
        what: WHAT,
        by,
        figure: median(samples),
        unit: 'ms',
        p99: quantile(samples, 1),
        samples: samples.length,
      }
    },
  })
  const own = figureOf(rows, 'Tollgate', WHAT)?.figure
  const plain = figureOf(rows, PLAIN_NODE.name, WHAT)?.figure
  const ratio = own === undefined || plain === undefined ? undefined : own / plain
  return { rows, aims: [judge('guest computing against plain Node', { unit: '×', aim: 1.25 }, ratio)] }
}

export const computing: Question = {
  name: 'computing',
  asks: 'How fast does guest code compute, against the same code in plain Node?',
  fairness:
    'The time of a trivial run is taken off, so that start-up does not count here. Every run compiles the code anew.',
  measure,
}
