import { loadRival, type Opened, type Rival, type Setting } from './rival.ts'

type Ref = { release(): void }
type Realm = {
  readonly global: { setSync(name: string, value: unknown): void }
  eval(code: string, options: object): Promise<unknown>
  release(): void
}
type Isolate = {
  createContext(): Promise<Realm>
  createContextSync(): Realm
  dispose(): void
  readonly isDisposed: boolean
}
type Engine = {
  readonly default: {
    readonly Isolate: new (options: { memoryLimit: number }) => Isolate
    readonly Reference: new (value: unknown) => Ref
  }
}

/** Wraps a guest so that JSON text goes in and comes out: the cheapest way through this door. */
const wrap = (source: string): string =>
  `(async () => JSON.stringify(await (${source})(
    input === undefined ? undefined : JSON.parse(input),
    async (value) => JSON.parse(await door.apply(undefined, [JSON.stringify(value)], { result: { promise: true, copy: true } })),
  )))()`

const open = async ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> => {
  const { default: ivm } = await loadRival<Engine>('isolated-vm')
  const held: Isolate[] = []
  const door = async (json: string): Promise<string> => JSON.stringify((await call(JSON.parse(json))) ?? null)
  return {
    async run({ source, input }) {
      const isolate = new ivm.Isolate({ memoryLimit: memoryMb })
      try {
        const realm = await isolate.createContext()
        realm.global.setSync('door', new ivm.Reference(door))
        realm.global.setSync('input', input === undefined ? undefined : JSON.stringify(input))
        const text = await realm.eval(wrap(source), { timeout: deadlineMs, promise: true, copy: true })
        return typeof text === 'string' ? (JSON.parse(text) as unknown) : undefined
      } finally {
        if (!isolate.isDisposed) isolate.dispose()
      }
    },
    hold(count) {
      for (let n = 0; n < count; n += 1) {
        const isolate = new ivm.Isolate({ memoryLimit: memoryMb })
        isolate.createContextSync()
        held.push(isolate)
      }
      return Promise.resolve()
    },
    close() {
      for (const isolate of held) isolate.dispose()
      return Promise.resolve()
    },
  }
}

/** The engine that Tollgate's cages use, by itself: no process around it, no policy, no journal. */
export const isolatedVm: Rival = {
  name: 'isolated-vm',
  npm: 'isolated-vm',
  isolation: 'V8 isolate in the host process',
  scalesBy: 'opening twice',
  open,
}
