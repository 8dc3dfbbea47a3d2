import { loadRival, type GuestRun, type Opened, type Rival, type Setting } from './rival.ts'

type Answer = { readonly ok: boolean; readonly data?: unknown; readonly error?: { readonly message: string } }
type Inside = { evalCode(code: string): Promise<Answer> }
type Library = {
  readonly loadQuickJs: (variant: unknown) => Promise<{
    readonly runSandboxed: (body: (inside: Inside) => Promise<Answer>, options: object) => Promise<Answer>
  }>
}
type Variant = { readonly RELEASE_SYNC: unknown }

/** Its own door copies objects; text is what it passes fastest. */
const wrap = ({ source, input }: GuestRun): string =>
  `const input = ${input === undefined ? 'undefined' : 'JSON.parse(env.input)'}
  const call = async (value) => JSON.parse(await env.door(JSON.stringify(value)))
  export default JSON.stringify((await (${source})(input, call)) ?? null)`

const open = async ({ deadlineMs, memoryMb, call }: Setting): Promise<Opened> => {
  const { loadQuickJs } = await loadRival<Library>('@sebastianwessel/quickjs')
  const { RELEASE_SYNC } = await loadRival<Variant>('quickjs-emscripten')
  const { runSandboxed } = await loadQuickJs(RELEASE_SYNC)
  const door = async (json: string): Promise<string> => JSON.stringify((await call(JSON.parse(json))) ?? null)
  const options = {
    executionTimeout: deadlineMs,
    memoryLimit: memoryMb * 1024 * 1024,
    allowFetch: false,
    allowFs: false,
  }
  return {
    async run(guest) {
      const env = { door, input: JSON.stringify(guest.input ?? null) }
      const { ok, data, error } = await runSandboxed((inside) => inside.evalCode(wrap(guest)), {
        ...options,
        env,
      })
      if (!ok) throw new Error(error?.message ?? 'failed without a message')
      return JSON.parse(String(data)) as unknown
    },
    close: () => Promise.resolve(),
  }
}

export const sebastianwesselQuickjs: Rival = {
  name: '@sebastianwessel/quickjs',
  npm: '@sebastianwessel/quickjs',
  isolation: 'QuickJS in WebAssembly, in the host process',
  scalesBy: 'opening twice',
  open,
}
