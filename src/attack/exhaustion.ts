import type { AttackCase, Check, Evidence } from './evidence.ts'
import {
  ALWAYS,
  counted,
  endedBy,
  endOf,
  holds,
  isDone,
  lastOf,
  megabytes,
  notedTimes,
  processGone,
  recorded,
  residentBelow,
  returned,
  seconds,
  stoppedBy,
  usedCpu,
} from './checks.ts'

const MB = 1024 * 1024
const DEADLINE_MS = 300
/** Far beyond every bound: only a broken limit gets there. */
const PATIENCE_MS = 4_000
const GENEROUS = {
  max_duration_seconds: 60,
  max_cpu_seconds: 60,
  max_memory_mb: 256,
  max_tool_calls: 200,
  max_cost_usd: 100,
}

const policyOf = (limits: object) => () => ({
  permissions: { tools: { report: {}, note: {}, giant: {} } },
  limits: { ...GENEROUS, ...limits },
})

const ending = (seen: Evidence): string => `${endOf(lastOf(seen))} after ${seconds(seen.tookMs)}`

const endless = (what: string, code: string): AttackCase => ({
  id: 'H12',
  group: 'B',
  what,
  setup: {
    policy: policyOf({ max_duration_seconds: DEADLINE_MS / 1000 }),
    runs: () => [{ code }],
    patienceMs: DEADLINE_MS + PATIENCE_MS,
    endsCage: true,
  },
  checks: [endedBy('LIMIT_DURATION'), stoppedBy(DEADLINE_MS), processGone, ...ALWAYS],
  tell: ending,
})

const computing = (what: string, code: string): AttackCase => ({
  ...endless(what, code),
  setup: {
    policy: policyOf({ max_cpu_seconds: DEADLINE_MS / 1000 }),
    runs: () => [{ code }],
    patienceMs: 2 * PATIENCE_MS,
    endsCage: true,
  },
  checks: [endedBy('LIMIT_CPU'), usedCpu(DEADLINE_MS), processGone, ...ALWAYS],
})

const computation: readonly AttackCase[] = [
  endless('a loop', 'for (;;);'),
  endless('a loop after a call', 'await tools.note({ data: 1 }); for (;;);'),
  endless('a loop at the top level', 'for (;;);\nexport default () => 1'),
  endless('a storm of microtasks', 'const again = () => Promise.resolve().then(again); await again()'),
  endless('a loop in the comparison of a sort', '[3, 1, 2].sort(() => { for (;;); })'),
  endless('a regular expression that backtracks', 'return /^(a+)+$/.test("a".repeat(40) + "b")'),
  endless(
    'recursion that finally goes on',
    'const fall = () => { try { fall() } finally { fall() } }; fall()',
  ),
  endless('a promise that never settles', 'await new Promise(() => undefined)'),
  endless(
    'timers that set timers',
    'const again = () => setTimeout(again, 0); again(); await new Promise(() => undefined)',
  ),
  endless('a loop that catches its own end', 'for (;;) try { for (;;); } catch {} finally { for (;;); }'),
  computing('a loop, under a limit on CPU time alone', 'for (;;);'),
]

const stuck = (what: string, code: string): AttackCase => ({ ...endless(what, code), id: 'H13' })

/** Wants memory as fast as it computes: which limit comes first is the machine's affair. */
const greedy = (what: string, code: string): AttackCase => ({
  ...stuck(what, code),
  checks: [endedBy('LIMIT_DURATION', 'LIMIT_MEMORY'), stoppedBy(DEADLINE_MS), processGone, ...ALWAYS],
})

const natives: readonly AttackCase[] = [
  stuck('indexOf over a sparse array', 'new Array(2 ** 32 - 1).indexOf(1)'),
  stuck('a BigInt as text', '(10n ** 30000000n).toString()'),
  stuck('powers of a BigInt', 'let x = 3n ** 1000000n; for (;;) x = (x * x) % (3n ** 2000000n)'),
  stuck(
    'normalization again and again',
    'const s = "\\u0041\\u030a".repeat(2 ** 21); for (;;) s.normalize("NFC")',
  ),
  stuck('a scan of a typed array', 'const a = new Uint8Array(2 ** 25); for (;;) a.lastIndexOf(1)'),
  greedy('a fill of a huge array', 'new Array(2 ** 32 - 2).fill(0)'),
  greedy('a text split into letters', '"a".repeat(2 ** 28).split("")'),
  greedy(
    'JSON.parse of a giant, again and again',
    'const s = "[" + "0,".repeat(2 ** 22) + "0]"; const all = []; for (;;) all.push(JSON.parse(s))',
  ),
]

const MEMORY_MB = 32
/** The limit, what an isolate and its process need beside it, and what is taken between two looks of a watchdog. */
const RESIDENT_BYTES_MAX = 320 * MB
const grow = (one: string): string => `const all = []; for (let i = 0; ; i += 1) all.push(${one})`

const bomb = (what: string, code: string): AttackCase => ({
  id: 'H14',
  group: 'B',
  what: `grow ${what}`,
  setup: {
    policy: policyOf({ max_memory_mb: MEMORY_MB }),
    runs: () => [{ code }],
    patienceMs: 30_000,
    endsCage: true,
  },
  checks: [endedBy('LIMIT_MEMORY'), residentBelow(RESIDENT_BYTES_MAX), processGone, ...ALWAYS],
  tell: (seen) => `${ending(seen)}, resident ${megabytes(seen.peakBytes)} at most`,
})

const memory: readonly AttackCase[] = [
  bomb('objects of the heap', grow('{ i }')),
  bomb('ArrayBuffers that are written', grow('new Uint8Array(2 ** 20).fill(1)')),
  bomb('ArrayBuffers that nobody touches', grow('new ArrayBuffer(2 ** 20)')),
  bomb('one huge ArrayBuffer', 'return new Uint8Array(2 ** 31).fill(1).length'),
  bomb(
    'ropes of text',
    'let s = "abcdefgh"; const all = []; for (let i = 0; ; i += 1) { s += s.slice(0, 1000) + i; all.push(s) }',
  ),
  bomb('JSON that doubles', 'let o = {}; for (;;) { o = { a: o, b: o }; JSON.stringify(o) }'),
  bomb('formats of Intl', grow('new Intl.NumberFormat("en", { minimumFractionDigits: i % 20 })')),
  bomb('symbols', grow('Symbol(`s${i}`)')),
  bomb('promises', grow('new Promise(() => undefined).then(() => i)')),
  bomb(
    'a hoard, waiting between pieces',
    'const all = []; for (let i = 0; i < 600; i += 1) { all.push(new Uint8Array(2 ** 20).fill(1)); await new Promise((resolve) => setTimeout(resolve, 0)) } return all.length',
  ),
]

const flood = (
  what: string,
  code: string,
  limits: object,
  checks: readonly Check[],
  tell: NonNullable<AttackCase['tell']>,
): AttackCase => ({
  id: 'H15',
  group: 'B',
  what,
  setup: { policy: policyOf(limits), runs: () => [{ code }], patienceMs: 15_000 },
  checks: [...checks, ...ALWAYS],
  tell,
})

const LOG_KB = 8
const isLogCut = (seen: Evidence): boolean => {
  const logs = lastOf(seen)?.logs ?? []
  const size = logs.reduce((sum, { text }) => sum + text.length, 0)
  return size <= (LOG_KB + 1) * 1024 && logs.at(-1)?.text.endsWith('[cut]') === true
}

const calls: readonly AttackCase[] = [
  flood(
    'a million calls, each refusal caught',
    'for (let i = 0; i < 1_000_000; i += 1) { try { await tools.note({ data: i }) } catch {} }',
    { max_tool_calls: 50 },
    [endedBy('LIMIT_TOOL_CALLS'), counted(50), notedTimes(50)],
    ending,
  ),
  flood(
    'a million calls with wrong arguments',
    'for (let i = 0; i < 1_000_000; i += 1) { try { await tools.note({ wrong: i }) } catch {} }',
    { max_tool_calls: 50 },
    [endedBy('LIMIT_TOOL_CALLS'), counted(50), notedTimes(0)],
    ending,
  ),
  flood(
    '10,000 calls at once',
    'await Promise.allSettled(Array.from({ length: 10_000 }, (_, data) => tools.note({ data })))',
    { max_tool_calls: 100 },
    [endedBy('LIMIT_TOOL_CALLS'), counted(100), notedTimes(0, 100)],
    ending,
  ),
  flood(
    '1,000 calls at once, seven being allowed at a time',
    'return (await Promise.all(Array.from({ length: 1_000 }, (_, data) => tools.note({ data })))).length',
    { max_tool_calls: 1_000, max_concurrent_calls: 7 },
    [
      isDone,
      counted(1_000),
      notedTimes(1_000),
      holds('more at once than the limit', ({ atOnceMax }) => atOnceMax <= 7),
    ],
    ({ atOnceMax }) => `all served, ${atOnceMax} at a time`,
  ),
]

const sizes: readonly AttackCase[] = [
  flood(
    '200,000 lines of log',
    'for (let i = 0; i < 200_000; i += 1) console.log("a line of the log", i); return "logged"',
    { max_log_kb: LOG_KB },
    [isDone, holds('the log was not cut with a mark', isLogCut)],
    () => 'cut with a mark',
  ),
  flood(
    '100,000 timers',
    'let refused = 0; for (let i = 0; i < 100_000; i += 1) { try { setTimeout(() => undefined, 1e9) } catch { refused += 1 } } return refused',
    {},
    [isDone, returned(100_000 - 256)],
    () => 'refused past 256',
  ),
  flood(
    'arguments of 64 MB',
    'await tools.note({ data: "x".repeat(64 * 2 ** 20) })',
    { max_memory_mb: 512 },
    [endedBy('GUEST_THREW', 'GUEST_UNPASSABLE'), counted(0), notedTimes(0)],
    ending,
  ),
  flood(
    'a result of 40 MB from a call',
    'try { await tools.giant({}); return "got it" } catch ({ code }) { return code }',
    {},
    [isDone, returned('LIMIT_RESPONSE_SIZE'), recorded('call', 'LIMIT_RESPONSE_SIZE')],
    () => 'LIMIT_RESPONSE_SIZE',
  ),
  flood(
    'a value of 64 MB',
    'return "x".repeat(64 * 2 ** 20)',
    { max_output_kb: 256, max_memory_mb: 512 },
    [endedBy('LIMIT_OUTPUT'), holds('a value came back', (seen) => lastOf(seen)?.value === undefined)],
    ending,
  ),
]

/** B. Exhaustion: H12 to H15. */
export const EXHAUSTION_CASES: readonly AttackCase[] = [
  ...computation,
  ...natives,
  ...memory,
  ...calls,
  ...sizes,
]
