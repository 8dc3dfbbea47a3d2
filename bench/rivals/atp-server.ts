import { loadRival, type GuestRun, type Opened, type Rival, type Setting } from './rival.ts'

type Result = {
  readonly status: string
  readonly result?: unknown
  readonly error?: { readonly message: string }
}
type Executor = { execute(code: string, config: object): Promise<Result> }
type Log = { readonly initializeLogger: (config: { level: string }) => void }
type Library = { readonly SandboxExecutor: new (config: object, groups: readonly object[]) => Executor }

const MB = 1024 * 1024

const wrap = ({ source, input }: GuestRun): string =>
  `return await (${source})(
    ${input === undefined ? 'undefined' : `JSON.parse(${JSON.stringify(JSON.stringify(input))})`},
    async (value) => (await api.host.door({ value })).value,
  )`

const open = async ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> => {
  const { SandboxExecutor } = await loadRival<Library>('@mondaydotcomorg/atp-server')
  const { initializeLogger } = await loadRival<Log>('@mondaydotcomorg/atp-runtime')
  initializeLogger({ level: 'error' })
  const bytes = memoryMb * MB
  const executor = new SandboxExecutor(
    {
      defaultTimeout: deadlineMs,
      maxTimeout: deadlineMs,
      defaultMemoryLimit: bytes,
      maxMemoryLimit: bytes,
      defaultLLMCallLimit: 0,
      maxLLMCallLimit: 0,
    },
    [
      {
        name: 'host',
        type: 'custom',
        functions: [
          {
            name: 'door',
            description: 'A function of the host.',
            inputSchema: { type: 'object', properties: { value: {} } },
            handler: async ({ value }: { value: unknown }) => ({ value: (await call(value)) ?? null }),
          },
        ],
      },
    ],
  )
  const config = {
    timeout: deadlineMs,
    maxMemory: bytes,
    maxLLMCalls: 0,
    allowedAPIs: [],
    allowLLMCalls: false,
  }
  return {
    async run(guest) {
      const { status, result, error } = await executor.execute(wrap(guest), config)
      if (status !== 'completed') throw new Error(`${status}: ${error?.message ?? ''}`)
      return result
    },
    close: () => Promise.resolve(),
  }
}

export const atpServer: Rival = {
  name: '@mondaydotcomorg/atp-server',
  npm: '@mondaydotcomorg/atp-server',
  isolation: 'V8 isolate in the host process (isolated-vm, set to 7.0.1)',
  scalesBy: 'opening twice',
  open,
}
