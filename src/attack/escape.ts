import type { AttackCase, AttackRun, Evidence, Setup } from './evidence.ts'
import {
  ALWAYS,
  endedBy,
  endOf,
  holds,
  isDone,
  lastOf,
  noted,
  notedTimes,
  processGone,
  counted,
  returned,
  seconds,
  stoppedBy,
} from './checks.ts'
import {
  IMPORT_AT_RUN_TIME,
  NAME_THE_HOST,
  POISON_AND_SEND,
  SEARCH_THE_DOOR,
  TAKE_STACKS,
  WALK_CONSTRUCTORS,
  withWebClasses,
} from './escape-programs.ts'

const POLICY = {
  permissions: { tools: { report: {}, note: {} } },
  limits: {
    max_duration_seconds: 20,
    max_cpu_seconds: 20,
    max_memory_mb: 128,
    max_tool_calls: 200,
    max_cost_usd: 10,
  },
}
const runs = (...all: readonly (string | AttackRun)[]): Pick<Setup, 'policy' | 'runs'> => ({
  policy: () => POLICY,
  runs: () => all.map((run) => (typeof run === 'string' ? { code: run } : run)),
})

const escape = ({ checks, ...more }: Omit<AttackCase, 'group'>): AttackCase => ({
  group: 'A',
  ...more,
  checks: [...checks, ...ALWAYS],
})

const nothing = (): string => 'nothing was found'
const denied = (seen: Evidence): string => `${endOf(lastOf(seen))}`

const reach: readonly AttackCase[] = [
  escape({
    id: 'H01',
    what: 'walk to a constructor that makes code of text',
    setup: runs(WALK_CONSTRUCTORS),
    checks: [isDone, noted(['a result'], true)],
    tell: nothing,
  }),
  escape({
    id: 'H01',
    what: 'name what a host has: process, WebAssembly, finalizers',
    setup: runs(NAME_THE_HOST),
    checks: [isDone, noted(29)],
    tell: nothing,
  }),
  escape({
    id: 'H01',
    what: 'name what a host has, beside every web class',
    setup: runs(withWebClasses(NAME_THE_HOST)),
    checks: [isDone, noted(29)],
    tell: nothing,
  }),
]

const POISONED = 'Object.prototype.toJSON = () => "asked"; String.prototype.toJSON = () => "asked";'

const values: readonly AttackCase[] = [
  escape({
    id: 'H02',
    what: 'pass objects with getters, traps and toJSON',
    setup: runs(`let reads = 0
      await tools.note({ data: { get a() { reads += 1; return reads }, get b() { reads += 1; return [reads] } } })
      await tools.note({ data: { a: 1, toJSON: 5, [Symbol.toPrimitive]: () => 'asked', [Symbol.iterator]: () => 'asked' } })
      await tools.note({ data: new Proxy({ a: 1 }, { get: (target, key) => 'read ' + String(key) }) })
      for (const data of [new (class { toJSON() { return 'asked' } })(), { __proto__: { toJSON: () => 'asked' } }, new String('x'), new Date(0)]) await tools.note({ data }).catch(() => undefined)
      ${POISONED}
      await tools.note({ data: { a: 'b' } })
      return 'passed'`),
    checks: [isDone, noted({ a: 1, b: [2] }, { a: 1, toJSON: 5 }, { a: 'read a' }, { a: 'b' })],
    tell: () => 'read once, as plain data',
  }),
  escape({
    id: 'H02',
    what: 'return an object with getters, traps and toJSON',
    setup: runs(`${POISONED} let reads = 0
      return { get a() { reads += 1; return reads }, b: new Proxy([1], { get: (target, key) => (key === 'length' ? 1 : 'read ' + String(key)) }), c: { d: 1 }, toJSON: 5 }`),
    checks: [isDone, returned({ a: 1, b: ['read 0'], c: { d: 1 }, toJSON: 5 })],
    tell: () => 'read once, as plain data',
  }),
  escape({
    id: 'H02',
    what: 'throw an object whose properties are traps',
    setup: runs(
      `${POISONED} throw new Proxy({}, { get: (target, key) => new Proxy({}, { get() { tools.report({ got: 'a read by the host' }) } }) })`,
    ),
    checks: [endedBy('GUEST_THREW'), holds('its message is not bounded', isErrorBounded)],
    tell: denied,
  }),
]

const DEADLINE_MS = 300
const SHORT = { ...POLICY, limits: { ...POLICY.limits, max_duration_seconds: DEADLINE_MS / 1000 } }
/** Name and message are cut to 4 KB each, and stand together in one. */
const MESSAGE_SIZE_MAX = 9 * 1024
const STACK_SIZE_MAX = 5 * 1024

function isErrorBounded(seen: Evidence): boolean {
  const { message = '', stack = '' } = lastOf(seen)?.error ?? {}
  return message.length <= MESSAGE_SIZE_MAX && stack.length <= STACK_SIZE_MAX
}

const loopingError = (what: string, code: string): AttackCase =>
  escape({
    id: 'H03',
    what: `throw an error whose ${what} loops when it is read`,
    setup: {
      policy: () => SHORT,
      runs: () => [{ code }],
      patienceMs: DEADLINE_MS + 4_000,
      endsCage: true,
    },
    checks: [endedBy('LIMIT_DURATION'), stoppedBy(DEADLINE_MS), processGone],
    tell: (seen) => `${endOf(lastOf(seen))} after ${seconds(seen.tookMs)}`,
  })

const errors: readonly AttackCase[] = [
  loopingError('message', 'throw { get message() { for (;;); } }'),
  loopingError('stack', 'throw Object.defineProperty(new Error("x"), "stack", { get() { for (;;); } })'),
  loopingError('name', 'Promise.reject({ get name() { for (;;); } }); for (;;) await null'),
  escape({
    id: 'H03',
    what: 'throw an error of 30 million characters',
    setup: runs(
      `const text = 'x'.repeat(1e7); throw Object.defineProperty(Object.assign(new Error(text), { name: text, code: text }), 'stack', { value: text })`,
    ),
    checks: [endedBy('GUEST_THREW'), holds('its text was not cut', isErrorBounded)],
    tell: (seen) => `${endOf(lastOf(seen))}, its text cut`,
  }),
]

const samePairs = ({ requests }: Evidence): boolean => {
  const half = requests.length / 2
  const [clean, poisoned] = [requests.slice(0, half), requests.slice(half)]
  return half === 2 && JSON.stringify(clean) === JSON.stringify(poisoned)
}

const sameNotes = ({ noted: [clean, poisoned], noted: { length } }: Evidence): boolean =>
  length === 2 && JSON.stringify(clean) === JSON.stringify(poisoned)

const realm: readonly AttackCase[] = [
  escape({
    id: 'H04',
    what: 'poison every prototype and built-in before sending',
    setup: {
      policy: ({ site }) => ({
        permissions: {
          tools: { note: {} },
          http: {
            allowed_domains: [{ domain: site, methods: ['GET', 'POST'], headers: ['x-check'], ask: 'never' }],
            private_networks: ['127.0.0.0/8'],
          },
        },
        limits: POLICY.limits,
      }),
      runs: ({ site }) => [false, true].map((isOn) => ({ code: POISON_AND_SEND, input: { site, isOn } })),
    },
    checks: [
      isDone,
      holds('the requests are not the same bytes as those of a clean realm', samePairs),
      holds('the arguments are not the same as those of a clean realm', sameNotes),
    ],
    tell: () => 'the same bytes as from a clean realm',
  }),
  escape({
    id: 'H05',
    what: 'take stacks and call sites apart',
    setup: runs(TAKE_STACKS),
    checks: [isDone, holds('a stack shows the host', areStacksOwn)],
    tell: () => "only the tool's own lines",
  }),
]

/** The last note holds the stacks: texts that name nothing beyond the tool. */
function areStacksOwn({ noted: all }: Evidence): boolean {
  const stacks = all.at(-1)
  if (!Array.isArray(stacks) || stacks.length < 12) return false
  const text = stacks.join('\n')
  return (
    text.includes('tool.js:') &&
    !/not a text: (object|function)|kernel|entry\.js|main\.m?js|file:|node:(?!fs)|\/\w+\/\w+/.test(text)
  )
}

const modules: readonly AttackCase[] = [
  escape({
    id: 'H06',
    what: 'import modules at run time, and read import.meta',
    setup: runs(IMPORT_AT_RUN_TIME),
    checks: [isDone, noted(14)],
    tell: () => 'every import was refused',
  }),
  escape({
    id: 'H06',
    what: 'import a module of the host at the top',
    setup: runs(
      `import { readFileSync } from 'node:fs'\nexport default (_, { tools }) => tools.report({ got: 'fs' })`,
    ),
    checks: [endedBy('GUEST_IMPORT')],
    tell: denied,
  }),
  escape({
    id: 'H06',
    what: 'hide code in an HTML comment',
    setup: runs(`<!-- x\nexport default (_, { tools }) => tools.report({ got: 'an HTML comment' })`),
    checks: [endedBy('GUEST_SYNTAX')],
    tell: denied,
  }),
  escape({
    id: 'H06',
    what: 'rename the source with sourceURL and sourceMappingURL',
    setup: runs(
      `//# ${'source'}URL=file:///etc/passwd\n//# ${'source'}MappingURL=file:///etc/passwd\nexport default async (_, { tools }) => { await tools.note({ data: new Error('x').stack }); throw new Error('y') }`,
    ),
    checks: [
      endedBy('GUEST_THREW'),
      notedTimes(1),
      holds(
        'the other name shows',
        (seen) => !JSON.stringify([seen.noted, lastOf(seen)?.error]).includes('passwd'),
      ),
    ],
    tell: () => 'inert',
  }),
]

const door: readonly AttackCase[] = [
  escape({
    id: 'H07',
    what: 'search heap and patched built-ins for the native door',
    setup: runs(SEARCH_THE_DOOR),
    checks: [
      isDone,
      noted(true),
      holds('a frame out of turn', ({ records }) => !records.some(({ event }) => event === 'breach')),
    ],
    tell: nothing,
  }),
  escape({
    id: 'H07',
    what: 'search the same beside every web class',
    setup: runs(withWebClasses(SEARCH_THE_DOOR)),
    checks: [
      isDone,
      noted(true),
      holds('a frame out of turn', ({ records }) => !records.some(({ event }) => event === 'breach')),
    ],
    tell: nothing,
  }),
  escape({
    id: 'H08',
    what: 'pass functions, symbols, BigInts, maps, views, cycles',
    setup: runs(`const cycle = {}; cycle.cycle = cycle
      const all = [() => 1, class {}, Symbol('x'), 5n, new Map(), new Set(), new Uint8Array(2), new ArrayBuffer(2), new DataView(new ArrayBuffer(2)), Promise.resolve(1), /x/,
        new Date(0), new Error('x'), Object.create({ a: 1 }), NaN, Infinity, cycle, tools.note, globalThis, new Proxy(function () {}, {})]
      const codes = []
      for (const data of all) codes.push(await tools.note({ data }).then(() => 'sent', ({ code }) => code))
      return [codes.length, ...new Set(codes)]`),
    checks: [isDone, counted(0), notedTimes(0), returned([20, 'GUEST_UNPASSABLE'])],
    tell: () => 'GUEST_UNPASSABLE, none reached the host',
  }),
  escape({
    id: 'H08',
    what: 'return what cannot cross',
    setup: runs('return { deep: [new Map()] }'),
    checks: [endedBy('GUEST_UNPASSABLE')],
    tell: denied,
  }),
]

const ODD_KEYS =
  '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":1,"\\u2028":"\\u2029","\\u0000":"\\u0000","\\ud800":"\\udfff"}'

const keys: readonly AttackCase[] = [
  escape({
    id: 'H09',
    what: 'use __proto__, lone surrogates and NUL as keys',
    setup: runs({
      code: 'await tools.note({ data: input }); await tools.note({ data: JSON.parse(\'{"a":1,"a":2}\') }); return input',
      input: JSON.parse(ODD_KEYS) as unknown,
    }),
    checks: [isDone, noted(JSON.parse(ODD_KEYS), { a: 2 }), returned(JSON.parse(ODD_KEYS))],
    tell: () => "kept as data, the host's prototypes unchanged",
  }),
]

const afterwards: readonly AttackCase[] = [
  escape({
    id: 'H10',
    what: 'go on after the end: timers, microtasks, promises',
    setup: {
      ...runs(`const late = (got) => tools.report({ got }).catch(() => undefined)
        setTimeout(() => late('a timer after the end'), 1)
        setInterval(() => late('an interval after the end'), 5)
        let turns = 0
        const again = () => { turns += 1; if (turns < 20_000) Promise.resolve().then(again); else late('a microtask after the end') }
        again()
        new Promise((resolve) => setTimeout(resolve, 20)).then(() => late('a promise after the end'))
        return 'ended'`),
      lingerMs: 150,
    },
    checks: [isDone, returned('ended')],
    tell: () => 'no call after the end',
  }),
  escape({
    id: 'H10',
    what: 'read what an earlier run left in the same process',
    setup: runs(
      `globalThis.left = 'left'; Object.prototype.left = 'left'; Array.prototype.left = 'left'; Date.now = () => 0; Symbol.for('left')
        console.left = 'left'; JSON.parse = () => 'left'; try { tools.left = 'left' } catch {}
        return 'left'`,
      `const found = [globalThis.left, {}.left, [].left, console.left, tools.left].filter((one) => one !== undefined)
        if (Date.now() === 0 || JSON.parse('1') === 'left') found.push('a changed built-in')
        for (const one of found) await tools.report({ got: 'what another run left: ' + one })
        return found.length`,
    ),
    checks: [isDone, returned(0), holds('the runs did not share a process', ({ cages }) => cages === 1)],
    tell: () => 'a clean realm in the same process',
  }),
]

/** A. Escape: H01 to H10. */
export const ESCAPE_CASES: readonly AttackCase[] = [
  ...reach,
  ...values,
  ...errors,
  ...realm,
  ...modules,
  ...door,
  ...keys,
  ...afterwards,
]
