/** The kinds of runs that make up a soak, each with the one outcome that it must have. */
import type { RunOptions, RunResult } from '../../src/index.ts'
import { dataKinds } from './data-kinds.ts'
import type { SoakHost } from './host.ts'

/** One run of a kind, ready to go. */
export type Prepared = Omit<RunOptions, 'file'>

export type Kind = {
  readonly name: string
  /** How often it comes, beside the others. */
  readonly weight: number
  /** What ends its cage by force: these are mixed in by a fixed share where a soak counts runs. */
  readonly kills?: true
  /** An honest run, whose time counts. */
  readonly isGood?: true
  /** `done`, `cancelled`, or the code that it must fail with. */
  readonly expected: string
  /** Runs that it starts itself. */
  readonly childRuns?: number
  prepare(token: string): Prepared
  /** What is wrong with a result that ended as it must, or undefined. */
  readonly check?: (result: RunResult) => string | undefined
}

/** Each with a policy of its own has cages of its own, and the pool keeps few that rest. */
const PRINCIPALS = 3
/** Few of them come to share a task, so its limits hold. */
const RUNS_PER_TASK = 64
const principal = (name: string, token: string): string => `${name}-${Number(token) % PRINCIPALS}`
const input = (token: string): { token: string } => ({ token })

const TOOLS = { begun: {}, add: {}, note: { ask: 'never' } }
const GOOD_LIMITS = { max_tool_calls: 50, max_duration_seconds: 60, max_memory_mb: 64 }
const PATIENT = { max_duration_seconds: 60, max_cpu_seconds: 60, max_memory_mb: 32, max_tool_calls: 20 }
/** For what only time ends. */
const SHORT = { ...PATIENT, max_duration_seconds: 0.4 }

/** One for all good runs, so that they share cages. */
const goodPolicy = (origin: string): object => ({
  permissions: {
    http: { allowed_domains: [origin], private_networks: ['127.0.0.0/8'], max_response_size_kb: 512 },
    tools: TOOLS,
  },
  limits: GOOD_LIMITS,
})

const goodKinds = (origin: string): readonly Kind[] => {
  const policy = goodPolicy(origin)
  const good = (name: string, weight: number, code: string, value: unknown): Kind => ({
    name,
    weight,
    isGood: true,
    expected: 'done',
    prepare: (token) => ({ code, policy, input: input(token), principal: principal('tenant', token) }),
    check: ({ value: found }) =>
      JSON.stringify(found) === JSON.stringify(value) ? undefined : `the value is ${JSON.stringify(found)}`,
  })
  return [
    good('trivial', 110, 'return 6 * 7', 42),
    good(
      'computing',
      20,
      'let sum = 0; for (let n = 0; n < 1e6; n += 1) sum = (sum + n) % 1e9; return sum',
      999_500_000,
    ),
    good(
      'http',
      30,
      `const sizes = [3, 40, 200]; let items = 0
       for (const size of sizes) items += (await (await http.get('${origin}/items/' + size)).json()).length
       return items`,
      243,
    ),
    good(
      'calls',
      30,
      'let sum = 0; for (let n = 0; n < 8; n += 1) sum = await tools.add({ a: sum, b: n }); return sum',
      28,
    ),
    good(
      'calls at once',
      15,
      'return (await Promise.all(Array.from({ length: 20 }, (_, n) => tools.add({ a: n, b: 1 })))).length',
      20,
    ),
    good('logs', 15, 'for (let n = 0; n < 40; n += 1) console.log("line", n, { n }); return "told"', 'told'),
    good(
      'timers',
      12,
      'for (let n = 0; n < 3; n += 1) await new Promise((resolve) => setTimeout(resolve, 2)); return "rested"',
      'rested',
    ),
    {
      ...good('in a task', 12, 'return await tools.add({ a: 1, b: 1 })', 2),
      prepare: (token) => ({
        code: 'return await tools.add({ a: 1, b: 1 })',
        policy,
        input: input(token),
        principal: principal('tenant', token),
        task: `task-${Math.floor(Number(token) / RUNS_PER_TASK)}`,
      }),
    },
    good(
      'writes',
      12,
      'for (let n = 0; n < 2; n += 1) await tools.note({ text: "n" + n }); return "noted"',
      'noted',
    ),
  ]
}

/** Runs that take over what the one before left: a promise left rejected, and what the module keeps, must harm nobody. */
const reusingKinds = (origin: string): readonly Kind[] =>
  (['context', 'isolate'] as const).map((reuse) => ({
    name: `reuse: ${reuse}`,
    weight: 15,
    isGood: true,
    expected: 'done',
    prepare: (token) => ({
      code: `let runs = 0
        export default async (input, { tools }) => {
          runs += 1
          void Promise.reject(new Error('left'))
          return [await tools.add({ a: 1, b: 1 }), runs]
        }`,
      policy: goodPolicy(origin),
      input: input(token),
      principal: principal('tenant', token),
      reuse,
    }),
    check: ({ value }) => {
      const [sum, runs] = value as [number, number]
      const isRight = sum === 2 && (reuse === 'context' ? runs === 1 : runs >= 1)
      return isRight ? undefined : `the value is ${JSON.stringify(value)}`
    },
  }))

const hostile = (name: string, weight: number, expected: string, code: string, more: object = {}): Kind => ({
  name,
  weight,
  expected,
  prepare: (token) => ({
    code,
    policy: { permissions: { tools: TOOLS }, limits: PATIENT, ...more },
    input: input(token),
    principal: principal('stranger', token),
  }),
})
const killing = (...args: Parameters<typeof hostile>): Kind => ({ ...hostile(...args), kills: true })

/** A guest that says that it has begun, and then goes on without end. */
const COMPUTES = 'await tools.begun(input); for (;;);'
const WAITS = 'await tools.begun(input); await new Promise(() => undefined)'

/** `act`: what happens to it once it has begun. */
const ended = (
  name: string,
  weight: number,
  { expected, code, act }: { expected: string; code: string; act: (token: string) => () => void },
  host: SoakHost,
): Kind => ({
  name,
  weight,
  expected,
  kills: true,
  prepare(token) {
    host.whenBegun(token, act(token))
    return {
      code,
      policy: { permissions: { tools: TOOLS }, limits: PATIENT },
      input: input(token),
      principal: principal('victim', token),
    }
  },
})

/** The same kind, cancelled once it has begun. */
const cancelling = (kind: Kind, host: SoakHost): Kind => ({
  ...kind,
  prepare(token) {
    const cancel = new AbortController()
    const prepared = kind.prepare(token)
    host.whenBegun(token, () => cancel.abort())
    return { ...prepared, signal: cancel.signal }
  },
})

const cancelled = (name: string, weight: number, code: string, host: SoakHost): Kind =>
  cancelling(ended(name, weight, { expected: 'cancelled', code, act: () => () => undefined }, host), host)

const hostileKinds = (host: SoakHost): readonly Kind[] => {
  const killed = (name: string, weight: number, code: string, inside: boolean): Kind =>
    ended(
      name,
      weight,
      { expected: 'INTERNAL_CAGE_LOST', code, act: (token) => () => host.killCage(token, inside) },
      host,
    )
  const marked = (result: RunResult): string | undefined =>
    result.logs.at(-1)?.text === '… [cut]' ? undefined : 'its log has no mark where it was cut'
  return [
    killing('endless loop', 1, 'LIMIT_DURATION', 'for (;;);', { limits: SHORT }),
    killing('loop after a call', 1, 'LIMIT_DURATION', 'await tools.add({ a: 1, b: 1 }); for (;;);', {
      limits: SHORT,
    }),
    killing('uninterruptible native', 0.7, 'LIMIT_DURATION', 'new Array(2 ** 32 - 1).indexOf(1)', {
      limits: SHORT,
    }),
    killing('heap bomb', 0.8, 'LIMIT_MEMORY', 'const all = []; for (;;) all.push(new Array(1e5).fill(1.5))'),
    killing(
      'buffer bomb',
      0.8,
      'LIMIT_MEMORY',
      'const all = []; for (;;) all.push(new Uint8Array(4e6).fill(1))',
    ),
    killed('killed box, computing', 1, COMPUTES, false),
    killed('killed box, waiting', 1, WAITS, false),
    killed('killed Node, computing', 1, COMPUTES, true),
    killed('killed Node, waiting', 1, WAITS, true),
    cancelled('cancelled, computing', 1, COMPUTES, host),
    cancelled('cancelled, waiting', 1, WAITS, host),
    {
      ...hostile('log flood', 1, 'done', 'for (let n = 0; n < 20000; n += 1) console.log("x".repeat(200))'),
      check: marked,
    },
    hostile('call flood', 1, 'LIMIT_TOOL_CALLS', 'for (;;) await tools.add({ a: 1, b: 1 })'),
    hostile(
      'calls without a wait',
      0.5,
      'LIMIT_TOOL_CALLS',
      'for (let n = 0; n < 1000; n += 1) tools.add({ a: n, b: 1 }); await new Promise(() => undefined)',
    ),
    hostile('exception', 2, 'GUEST_THREW', 'throw new TypeError("no")'),
    hostile('syntax error', 0.5, 'GUEST_SYNTAX', 'return ('),
    hostile('import', 0.5, 'GUEST_IMPORT', 'import fs from "node:fs"\nexport default () => fs'),
    hostile('unpassable value', 1, 'GUEST_UNPASSABLE', 'return { f: () => 1 }'),
    hostile('refused call', 1, 'DENIED_DOMAIN', 'await http.get("http://evil.example/")', {
      permissions: { http: { allowed_domains: ['http://good.example'] } },
    }),
    hostile('breach', 1, 'GUEST_BREACH', 'return 1', { security: { profile: 'strict' } }),
  ]
}

/** All kinds, for a host and the origin of its upstream. */
export const kindsFor = (host: SoakHost, origin: string): readonly Kind[] => [
  ...goodKinds(origin),
  ...reusingKinds(origin),
  ...dataKinds(host.world, (kind) => cancelling(kind, host)),
  ...hostileKinds(host),
]
