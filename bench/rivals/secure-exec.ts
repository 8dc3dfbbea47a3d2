import { loadRival, withinMs, type GuestRun, type Opened, type Rival, type Setting } from './rival.ts'

type Ended = { readonly code: number; readonly errorMessage?: string }
type Driver = { exec(code: string, options: object): Promise<Ended>; dispose(): void }
type Library = {
  readonly createNodeDriver: (options: object) => { readonly runtime: object }
  readonly NodeExecutionDriver: new (options: object) => Driver
}

/** Its host functions block the guest until they answer, so a call is never beside another. */
const wrap = ({ source, input }: GuestRun): string =>
  `const { door, finish } = SecureExec.bindings;
  (${source})(
    ${input === undefined ? 'undefined' : `JSON.parse(${JSON.stringify(JSON.stringify(input))})`},
    async (value) => JSON.parse(door(JSON.stringify(value))),
  ).then((value) => finish(JSON.stringify(value ?? null)))`

const open = async ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> => {
  const { createNodeDriver, NodeExecutionDriver } = await loadRival<Library>('secure-exec')
  const system = createNodeDriver({})
  const door = async (json: unknown): Promise<string> =>
    JSON.stringify((await call(JSON.parse(String(json)))) ?? null)
  const runOnce = async (guest: GuestRun): Promise<unknown> => {
    let answer: string | undefined
    const finish = (json: unknown): void => {
      answer = String(json)
    }
    const driver = new NodeExecutionDriver({
      system,
      runtime: { process: { cwd: '/root', env: {} }, os: { homedir: '/root', tmpdir: '/tmp' } },
      memoryLimit: memoryMb,
      cpuTimeLimitMs: deadlineMs,
      bindings: { door, finish },
    })
    try {
      const { code, errorMessage } = await driver.exec(wrap(guest), { cpuTimeLimitMs: deadlineMs })
      if (answer === undefined) throw new Error(errorMessage ?? `ended with ${code} and no value`)
      return JSON.parse(answer)
    } finally {
      driver.dispose()
    }
  }
  return {
    run: (guest) => withinMs(runOnce(guest), deadlineMs * 2, () => undefined),
    close: () => Promise.resolve(),
  }
}

/** A V8 isolate in a side process that all runs share, with Node's API emulated inside. */
export const secureExec: Rival = {
  name: 'secure-exec',
  npm: 'secure-exec',
  isolation: 'V8 isolate in a side process that all runs share',
  scalesBy: 'opening twice',
  cannot: { callsAtOnce: 'its host functions block the guest, so a call is never beside another' },
  open,
}
