import { loadRival, type GuestRun, type Opened, type Rival, type Setting } from './rival.ts'

type Handle = { dispose(): void }
type Deferred = {
  readonly handle: Handle
  readonly settled: Promise<void>
  resolve(value: Handle): void
  reject(value: Handle): void
}
type Realm = {
  readonly runtime: Runtime
  readonly global: Handle
  newString(text: string): Handle
  newFunction(name: string, body: (text: Handle) => Handle): Handle
  newPromise(): Deferred
  setProp(target: Handle, name: string, value: Handle): void
  getString(handle: Handle): string
  evalCode(code: string): object
  unwrapResult(result: object): Handle
  resolvePromise(handle: Handle): Promise<object>
  dispose(): void
}
type Runtime = {
  setMemoryLimit(bytes: number): void
  setInterruptHandler(handler: () => boolean): void
  newContext(): Realm
  executePendingJobs(): object
  dispose(): void
  readonly alive: boolean
}
type Library = {
  getQuickJS(): Promise<{ newRuntime(): Runtime }>
  shouldInterruptAfterDeadline(atMs: number): () => boolean
}

/** Text in, text out, as with every engine that does not share the heap of the host. */
const wrap = ({ source, input }: GuestRun): string =>
  `(async () => JSON.stringify(await (${source})(
    ${input === undefined ? 'undefined' : 'JSON.parse(input)'},
    async (value) => JSON.parse(await door(JSON.stringify(value))),
  )) ?? 'null')()`

/** The deadline interrupts computing; a guest that waits for the host for ever would be for the embedder to end. */
const runIn = async (realm: Realm, guest: GuestRun, call: Setting['call']): Promise<unknown> => {
  const { runtime } = realm
  const failure = Promise.withResolvers<never>()
  const drain = (): void => {
    const result = runtime.executePendingJobs() as { error?: Handle }
    if (result.error === undefined) return
    result.error.dispose()
    failure.reject(new Error('interrupted'))
  }
  const door = realm.newFunction('door', (text) => {
    const answered = realm.newPromise()
    const argument: unknown = JSON.parse(realm.getString(text))
    void call(argument).then((value) => {
      if (!runtime.alive) return
      const json = realm.newString(JSON.stringify(value ?? null))
      answered.resolve(json)
      json.dispose()
      drain()
    })
    return answered.handle
  })
  realm.setProp(realm.global, 'door', door)
  door.dispose()
  const input = realm.newString(JSON.stringify(guest.input ?? null))
  realm.setProp(realm.global, 'input', input)
  input.dispose()
  const promise = realm.unwrapResult(realm.evalCode(wrap(guest)))
  const resolved = realm.resolvePromise(promise)
  promise.dispose()
  drain()
  const value = realm.unwrapResult(await Promise.race([resolved, failure.promise]))
  const text = realm.getString(value)
  value.dispose()
  return JSON.parse(text)
}

const open = async ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> => {
  const library = await loadRival<Library>('quickjs-emscripten')
  const engine = await library.getQuickJS()
  const held: Realm[] = []
  const start = (): Realm => {
    const runtime = engine.newRuntime()
    runtime.setMemoryLimit(memoryMb * 1024 * 1024)
    return runtime.newContext()
  }
  return {
    async run(guest) {
      const realm = start()
      realm.runtime.setInterruptHandler(library.shouldInterruptAfterDeadline(Date.now() + deadlineMs))
      let isClean = false
      try {
        const value = await runIn(realm, guest, call)
        isClean = true
        return value
      } finally {
        // The engine aborts when a realm is disposed of that was interrupted with values still in use.
        if (isClean) {
          realm.dispose()
          realm.runtime.dispose()
        }
      }
    },
    hold(count) {
      for (let n = 0; n < count; n += 1) held.push(start())
      return Promise.resolve()
    },
    close: () => Promise.resolve(),
  }
}

export const quickjsEmscripten: Rival = {
  name: 'quickjs-emscripten',
  npm: 'quickjs-emscripten',
  isolation: 'QuickJS in WebAssembly, in the host process; a runtime of its own for each run',
  scalesBy: 'opening twice',
  open,
}
