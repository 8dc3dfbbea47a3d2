import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { HostTool, RunOptions, Tollgate } from 'tollgate'
import type { GuestRun, Opened, Rival, Setting } from '../rivals/rival.ts'

const CALLS_MAX = 1_000_000
const OUTPUT_KB_MAX = 4_096
const CONCURRENT_CALLS_MAX = 128
const SPARE_START_MS = 400

/** Reuse of isolates between runs, as it is to be asked for once it is built. */
export type Reuse = 'context' | 'isolate'

/** Loaded when it is opened, as every rival is: nobody else's process carries it. */
const toolOf = async ({ call, callEffect = 'read' }: Setting): Promise<HostTool> => {
  const [{ defineTool }, { z }] = await Promise.all([import('tollgate'), import('zod')])
  return defineTool({
    name: 'door',
    description: 'A function of the host.',
    input: z.strictObject({ value: z.int() }),
    output: z.int(),
    effect: callEffect,
    perform: async ({ value }) => Number(await call(value)),
  })
}

const policyOf = ({ deadlineMs, memoryMb }: Setting): object => ({
  permissions: { tools: { door: { ask: 'never' } } },
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

const open = async (setting: Setting, reuse?: Reuse): Promise<Opened> => {
  const { createTollgate, definePolicy } = await import('tollgate')
  const tool = await toolOf(setting)
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'))
  const gate = await createTollgate({
    state: folder,
    tools: [tool],
    concurrentRunsMax: setting.runsAtOnce,
  })
  const policy = definePolicy(policyOf(setting), { tools: [tool] })
  const held: Tollgate[] = []
  return {
    async run({ source, input, principal = 'local' }: GuestRun) {
      const options: RunOptions = { code: moduleOf(source), input: input ?? null, policy, principal }
      const asked = reuse === undefined ? options : { ...options, reuse }
      const { status, value, error } = await gate.run(asked)
      if (status !== 'done') throw new Error(`${error?.code ?? status}: ${error?.message ?? ''}`)
      return value
    },
    async hold(count) {
      held.push(await createTollgate({ state: ':memory:', spareCages: count }))
      await wait(count * SPARE_START_MS)
    },
    async close() {
      await Promise.all([gate, ...held].map((one) => one.close({ force: true })))
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
