import { loadRival, withinMs, type GuestRun, type Opened, type Rival, type Setting } from './rival.ts'

type Ended = { readonly code: number; readonly errorMessage?: string }
type Driver = { run(code: string): Promise<Ended>; dispose(): void }
type Library = {
  readonly createNodeDriver: (options: object) => { readonly runtime: object }
  readonly NodeExecutionDriver: new (options: object) => Driver
}

const GENEROUS_MS = 10_000

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
      // With its own limit each run takes about 100 ms longer, so it is set where the question is about limits only.
      ...(deadlineMs < GENEROUS_MS && { cpuTimeLimitMs: deadlineMs }),
      bindings: { door, finish },
    })
    try {
      // Its `exec` waits another 100 ms for handles of Node's API, which no guest here has.
      const { code, errorMessage } = await driver.run(wrap(guest))
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
