import { loadRival, type GuestRun, type Opened, type Rival, type Setting } from './rival.ts'

type Client = {
  registerManual(manual: object): Promise<unknown>
  callToolChain(
    code: string,
    deadlineMs: number,
    memoryMb: number,
  ): Promise<{ result: unknown; logs: string[] }>
}
type Library = { readonly CodeModeUtcpClient: { create(): Promise<Client> } }
type Direct = {
  readonly addFunctionToUtcpDirectCall: (name: string, body: (...args: unknown[]) => Promise<unknown>) => void
}

const MANUAL = {
  utcp_version: '1.0.0',
  manual_version: '1.0.0',
  tools: [
    {
      name: 'door',
      description: 'A function of the host.',
      inputs: { type: 'object', properties: { value: {} }, required: ['value'] },
      outputs: { type: 'object' },
      tags: [],
      tool_call_template: { name: 'door', call_template_type: 'direct-call', callable_name: 'benchDoor' },
    },
  ],
}

const wrap = ({ source, input }: GuestRun): string =>
  `return await (${source})(
    ${input === undefined ? 'undefined' : `JSON.parse(${JSON.stringify(JSON.stringify(input))})`},
    async (value) => host.door({ value }),
  )`

const open = async ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> => {
  const { addFunctionToUtcpDirectCall } = await loadRival<Direct>('@utcp/direct-call')
  const { CodeModeUtcpClient } = await loadRival<Library>('@utcp/code-mode')
  addFunctionToUtcpDirectCall('benchDoor', (value) =>
    call(typeof value === 'object' && value !== null && 'value' in value ? value.value : value),
  )
  addFunctionToUtcpDirectCall('benchManual', () => Promise.resolve(MANUAL))
  const client = await CodeModeUtcpClient.create()
  await client.registerManual({
    name: 'host',
    call_template_type: 'direct-call',
    callable_name: 'benchManual',
  })
  return {
    async run(guest) {
      const { result, logs } = await client.callToolChain(wrap(guest), deadlineMs, memoryMb)
      const failure = logs.find((line) => line.startsWith('[ERROR]'))
      if (failure !== undefined) throw new Error(failure)
      return result
    },
    close: () => Promise.resolve(),
  }
}

export const codeMode: Rival = {
  name: '@utcp/code-mode',
  npm: '@utcp/code-mode',
  isolation: 'V8 isolate in the host process (isolated-vm)',
  scalesBy: 'opening twice',
  cannot: { callsAtOnce: 'its tools block the guest, so a call is never beside another' },
  open,
}
