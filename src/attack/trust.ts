import type { AttackCase, Evidence } from './evidence.ts'
import { ALWAYS, counted, endedBy, holds, isDone, lastOf, noted, recorded, returned } from './checks.ts'
import { ERASING_PAGE, LEADING_PAGE } from './loopback-site.ts'

const LIMITS = {
  max_duration_seconds: 20,
  max_cpu_seconds: 20,
  max_memory_mb: 128,
  max_tool_calls: 100,
  max_cost_usd: 9,
}
const LOOPBACK = { private_networks: ['127.0.0.0/8'] }

/** Computes for long enough that any clock would have moved. */
const WATCH_THE_CLOCK = `
const clocks = () => [Date.now(), new Date().toISOString(), Date(), performance.now(), new Intl.DateTimeFormat('en', { dateStyle: 'full', timeStyle: 'full' }).format(),
  ...(globalThis.Temporal === undefined ? [] : [Temporal.Now.instant(), Temporal.Now.zonedDateTimeISO(), Temporal.Now.plainTimeISO()].map(String))]
const before = clocks()
let sum = 0
for (let i = 0; i < 1e8; i += 1) sum += i % 7
const after = clocks()
await tools.note({ data: before })
await tools.note({ data: after })
return sum > 0`
const CPU_MS_MIN = 40
const NOW_MS_MAX = 600_000

const isStill = ({ noted: [before, after] }: Evidence): boolean =>
  Array.isArray(before) && before.length >= 5 && JSON.stringify(before) === JSON.stringify(after)
/** The first clock is that of the host, a little late: a constant would stand still as well. */
const isNow = ({ noted: [before] }: Evidence): boolean =>
  Array.isArray(before) && Math.abs(Date.now() - Number(before[0])) < NOW_MS_MAX

/** D. Exfiltration: what of it shows without a network, H31. */
export const TIMING_CASES: readonly AttackCase[] = [
  {
    id: 'H31',
    group: 'D',
    what: 'measure time while computing',
    setup: {
      policy: () => ({ permissions: { tools: { note: {} } }, limits: LIMITS }),
      runs: () => [{ code: WATCH_THE_CLOCK }],
    },
    checks: [
      isDone,
      holds('a clock moved while the guest computed', isStill),
      holds('the clock is not that of the host', isNow),
      holds('the host measured no computation', (seen) => (lastOf(seen)?.usage.cpuMs ?? 0) >= CPU_MS_MIN),
      ...ALWAYS,
    ],
    tell: (seen) =>
      `the clocks stood still for ${Math.round(lastOf(seen)?.usage.cpuMs ?? 0)} ms of computing`,
  },
]

const REFUND_TEN_TIMES = `let paid = 0
for (let i = 0; i < 10; i += 1) { try { await tools.refund({ cents: 1 }); paid += 1 } catch {} }
return paid`

const SPELL_IT_OTHERWISE = `
const urls = ['/orders', '/%6frders', '/./orders', '/x/../orders', '/orders?x=1', '/orders#x', '/Orders', '/orders/', '//orders', '/orders;x=1', '/orders%2f', '/%2e/orders']
for (const method of ['DELETE', 'delete', 'DeLeTe']) for (const url of urls) { try { await http.request({ method, url: input + url }) } catch {} }
return urls.length`

const splitting: readonly AttackCase[] = [
  {
    id: 'H49',
    group: 'G',
    what: 'split one effect into many small ones, over two runs',
    setup: {
      policy: () => ({ permissions: { tools: { refund: { max_calls: 3 } } }, limits: LIMITS }),
      runs: () => [1, 2].map(() => ({ code: REFUND_TEN_TIMES, task: 'refunds by count' })),
    },
    checks: [isDone, holds('not exactly 3 were performed', ({ refunds }) => refunds === 3), ...ALWAYS],
    tell: ({ refunds }) => `${refunds} of 20 were performed`,
  },
  {
    id: 'H49',
    group: 'G',
    what: 'spend more than the budget of a task, over two runs',
    setup: {
      policy: () => ({ permissions: { tools: { refund: {} } }, limits: { ...LIMITS, max_cost_usd: 0.05 } }),
      runs: () => [1, 2].map(() => ({ code: REFUND_TEN_TIMES, task: 'refunds by cost' })),
    },
    checks: [
      endedBy('LIMIT_COST'),
      holds('not exactly 5 were performed', ({ refunds }) => refunds === 5),
      ...ALWAYS,
    ],
    tell: ({ refunds }) => `LIMIT_COST, ${refunds} of 20 were performed`,
  },
  {
    id: 'H49',
    group: 'G',
    what: 'spell a request that needs an approval in 36 other ways',
    setup: {
      policy: ({ site }) => ({
        permissions: {
          http: { allowed_domains: [{ domain: site, methods: ['DELETE'], ask: 'never' }], ...LOOPBACK },
        },
        human_in_loop: [`http.DELETE ${site}/orders`],
        limits: LIMITS,
      }),
      runs: ({ site }) => [{ code: SPELL_IT_OTHERWISE, input: site }],
    },
    checks: [
      isDone,
      holds('a request was sent', ({ requests }) => requests.length === 0),
      holds('nobody was asked', ({ asked }) => asked > 0),
      ...ALWAYS,
    ],
    tell: ({ asked }) => `asked ${asked} times, the rest denied; nothing was sent`,
  },
]

const deputies: readonly AttackCase[] = [
  {
    id: 'H50',
    group: 'G',
    what: 'let an allowed page redirect to one that asks first',
    setup: {
      policy: ({ site }) => ({
        permissions: { http: { allowed_domains: [site], ...LOOPBACK } },
        human_in_loop: [`http.GET ${site}/admin/**`],
        limits: LIMITS,
      }),
      runs: ({ site }) => [
        {
          code: 'try { return (await http.get(input)).status } catch ({ code }) { return code }',
          input: site + LEADING_PAGE,
        },
      ],
    },
    checks: [
      isDone,
      holds('the page that needs an approval was reached', ({ requests }) =>
        requests.every(({ url }) => url !== ERASING_PAGE),
      ),
      holds('the page before it was not', ({ requests }) => requests.some(({ url }) => url === LEADING_PAGE)),
      recorded('call', 'DENIED_REDIRECT'),
      ...ALWAYS,
    ],
    tell: () => 'DENIED_REDIRECT, it was not followed',
  },
  {
    id: 'H50',
    group: 'G',
    what: 'hand a tool that asks first to one that does not',
    setup: {
      policy: () => ({ permissions: { tools: { note: {}, erase: {} } }, limits: LIMITS }),
      runs: () => [
        {
          code: `const codes = []
            for (const work of [() => tools.note({ data: tools.erase }), () => tools.note.call(tools.erase, { data: 1 }), () => tools.erase({ what: 1 }), () => tools.erase({ what: 1 }, { idempotencyKey: 'approved already' })])
              codes.push(await work().then(() => 'ok', ({ code }) => code))
            return codes`,
        },
      ],
    },
    checks: [
      isDone,
      noted(1),
      holds('it was erased', ({ erased }) => erased === 0),
      holds('the human was not asked twice', ({ asked }) => asked === 2),
      returned(['GUEST_UNPASSABLE', 'ok', 'APPROVAL_DENIED', 'APPROVAL_DENIED']),
      ...ALWAYS,
    ],
    tell: () => 'its own rule applied: APPROVAL_DENIED',
  },
]

/** G. Approvals: what of it shows without a terminal, H49 and H50. */
export const APPROVAL_CASES: readonly AttackCase[] = [...splitting, ...deputies]

/** What would end a line, a JSON text or a terminal's patience. */
const INJECTIONS = [
  'x\n{"event":"run.ended","facts":{"status":"done"}}',
  '"}}\r\n],"facts":{"verdict":"allow',
  '\u001b[2J\u001b[31m\u009b1A\u0007',
  '\u202eevil\u2066\u200b\ufeff',
  'a\u2028b\u2029c\u0085d',
  '\u0000\u0001\u007f',
  '\ud800 \udfff',
  '__proto__ constructor toString',
  'x'.repeat(100_000),
  '\u0001'.repeat(100_000),
]
const INJECT = `for (const text of input) {
  try { await tools.note({ data: text, [text.slice(0, 100)]: 1 }) } catch {}
  try { await tools.note(text) } catch {}
  await tools.note({ data: text })
  console.log(text)
}
const last = input[0]
throw Object.assign(new Error(last), { name: last, code: last, stack: last })`
const CALLS = 3 * INJECTIONS.length
const LINE_BYTES_MAX = 32 * 1024
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u

const eventOf = (line: string): string | undefined => {
  try {
    const parsed: unknown = JSON.parse(line)
    return typeof parsed === 'object' && parsed !== null && 'event' in parsed
      ? String(parsed.event)
      : undefined
  } catch {
    return undefined
  }
}

const isTidy = (line: string): boolean =>
  eventOf(line) !== undefined && Buffer.byteLength(line) < LINE_BYTES_MAX && !UNPRINTABLE.test(line)

/** How many lines of the run tell of this event. */
const linesOf = (seen: Evidence, event: string): number =>
  seen.logLines.filter((line) => line.includes(lastOf(seen)?.runId ?? '?') && eventOf(line) === event).length

/** H. Audit: H52. */
export const AUDIT_CASES: readonly AttackCase[] = [
  {
    id: 'H52',
    group: 'H',
    what: 'put new lines, JSON closers, ANSI and bidi into the log',
    setup: {
      policy: () => ({ permissions: { tools: { note: {} } }, limits: LIMITS }),
      runs: () => [{ code: INJECT, input: INJECTIONS }],
      verifies: true,
    },
    checks: [
      endedBy('GUEST_THREW'),
      counted(CALLS),
      holds('a line of the log is not one whole, bounded, printable event', ({ logLines }) =>
        logLines.every(isTidy),
      ),
      holds('not one line for each call', (seen) => linesOf(seen, 'call') === CALLS),
      holds('not one end of the run', (seen) => linesOf(seen, 'run.ended') === 1),
      holds('the chains do not verify', ({ isIntact }) => isIntact === true),
      ...ALWAYS,
    ],
    tell: ({ logLines }) => `one event a line in ${logLines.length} lines, and the chains verify`,
  },
]
