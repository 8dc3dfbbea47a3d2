import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostTool, RunOptions } from 'tollgate'
import type { GuestRun, Opened, Rival, Setting } from '../rivals/rival.ts'

const CALLS_MAX = 1_000_000
const OUTPUT_KB_MAX = 4_096
const CONCURRENT_CALLS_MAX = 128
/** Admission is not what is measured here. */
const MEMORY_MB_MAX = 64 * 1024

/** Reuse of isolates between runs. */
export type Reuse = NonNullable<RunOptions['reuse']>

/** Loaded when it is opened, as every rival is: nobody else's process carries it. */
const toolsOf = async (
  { call, callEffect = 'read' }: Setting,
  rest: () => Promise<number>,
): Promise<readonly HostTool[]> => {
  const [{ defineTool }, { z }] = await Promise.all([import('tollgate'), import('zod')])
  const shape = { input: z.strictObject({ value: z.int() }), output: z.int(), effect: callEffect }
  return [
    defineTool({
      ...shape,
      name: 'door',
      description: 'A function of the host.',
      perform: async ({ value }) => Number(await call(value)),
    }),
    defineTool({ ...shape, name: 'rest', description: 'Answers at the end.', perform: rest }),
  ]
}

const policyOf = ({ deadlineMs, memoryMb }: Setting): object => ({
  permissions: { tools: { door: { ask: 'never' }, rest: { ask: 'never' } } },
  limits: {
    max_tool_calls: CALLS_MAX,
    max_duration_seconds: deadlineMs / 1000,
    max_cpu_seconds: Math.max(1, deadlineMs / 1000),
    max_memory_mb: memoryMb,
    max_concurrent_calls: CONCURRENT_CALLS_MAX,
    max_output_kb: OUTPUT_KB_MAX,
    max_cost_usd: 100,
  },
})

/** A module, as a deployed tool is one. */
const moduleOf = (source: string): string =>
  `const guest = ${source}
export default (input, { tools }) => guest(input ?? undefined, (value) => tools.door({ value }))`

/** An isolate of a run that waits for its first call: nothing else of it is under way. */
const RESTING = 'export default async (_, { tools }) => await tools.rest({ value: 1 })'

const open = async (setting: Setting, reuse?: Reuse): Promise<Opened> => {
  const { createTollgate, definePolicy } = await import('tollgate')
  const rested = Promise.withResolvers<number>()
  let resting = 0
  const allRest = Promise.withResolvers<void>()
  let toRest = 0
  const tools = await toolsOf(setting, () => {
    resting += 1
    if (resting === toRest) allRest.resolve()
    return rested.promise
  })
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'))
  const gate = await createTollgate({
    state: folder,
    tools,
    concurrentRunsMax: setting.runsAtOnce,
    memoryMbMax: MEMORY_MB_MAX,
  })
  const policy = definePolicy(policyOf(setting), { tools })
  return {
    async run({ source, input, principal = 'local' }: GuestRun) {
      const asked: RunOptions = { code: moduleOf(source), input: input ?? null, policy, principal }
      const { status, value, error } = await gate.run({ ...asked, ...(reuse !== undefined && { reuse }) })
      if (status !== 'done') throw new Error(`${error?.code ?? status}: ${error?.message ?? ''}`)
      return value
    },
    async hold(count) {
      toRest = count
      const runs = Array.from({ length: count }, () => gate.run({ code: RESTING, policy }))
      await Promise.race([allRest.promise, ...runs])
    },
    async close() {
      rested.resolve(0)
      await gate.close({ force: true })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The whole of it: policy, broker, journal and audit on disk, a fresh isolate for each run, the strongest box that there is. */
export const tollgate: Rival = {
  name: 'Tollgate',
  isolation: 'V8 isolate in a boxed process of its own, behind a broker',
  scalesBy: 'runs at once',
  open: (setting) => open(setting),
}

/** Not what runs get by default: isolates that serve again, for tools that are trusted with it. */
export const tollgateReusing = (reuse: Reuse): Rival => ({
  ...tollgate,
  name: `Tollgate, reuse: '${reuse}'`,
  open: (setting) => open(setting, reuse),
})
