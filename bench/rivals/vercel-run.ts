import { loadRival, type GuestRun, type Opened, type Rival, type Setting } from './rival.ts'

type Result = { readonly status: string; readonly value?: unknown }
type Library = {
  readonly run: (input: object) => Promise<Result>
  readonly setMaxWorkers: (count: number) => void
}

const MB = 1024 * 1024
const CALLS_MAX = 100_000

const wrap = ({ source, input }: GuestRun): string =>
  `return await (${source})(
    ${input === undefined ? 'undefined' : `JSON.parse(${JSON.stringify(JSON.stringify(input))})`},
    (value) => host.door(value),
  )`

const open = async ({ deadlineMs, memoryMb, runsAtOnce, call }: Setting): Promise<Opened> => {
  const { run, setMaxWorkers } = await loadRival<Library>('run')
  setMaxWorkers(Math.max(runsAtOnce, 1))
  const limits = {
    timeoutMs: deadlineMs,
    memoryLimitBytes: memoryMb * MB,
    maxResultBytes: 4 * MB,
    maxSourceBytes: 4 * MB,
    maxBridgeRequests: CALLS_MAX,
    maxInFlightBridgeRequests: 256,
  }
  return {
    async run(guest) {
      const { status, value } = await run({
        source: wrap(guest),
        hostFunctions: { host: { door: async (argument: unknown) => (await call(argument)) ?? null } },
        limits,
      })
      if (status !== 'completed') throw new Error(`ended as ${status}`)
      return value
    },
    close: () => Promise.resolve(),
  }
}

export const vercelRun: Rival = {
  name: 'run (Vercel)',
  npm: 'run',
  isolation: 'QuickJS in WebAssembly, in a thread for each run',
  scalesBy: 'runs at once',
  open,
}
