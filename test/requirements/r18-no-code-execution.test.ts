import { expect, it } from 'vitest'
import { openGateOf } from '../run/gates.ts'

const GENERATE = `const make = (sample) => Object.getPrototypeOf(sample).constructor
  const attempts = {
    eval: () => eval('1 + 1'),
    indirectEval: () => (0, eval)('1 + 1'),
    Function: () => Function('return 2')(),
    newFunction: () => new Function('return 2')(),
    constructor: () => (() => undefined).constructor('return 2')(),
    AsyncFunction: () => make(async () => undefined)('return 2')(),
    GeneratorFunction: () => make(function* () {})('yield 2')().next().value,
    AsyncGeneratorFunction: () => make(async function* () {})('yield 2')().next(),
    bound: () => Function.bind(null, 'return 2')()(),
    reflected: () => Reflect.construct(Function, ['return 2'])(),
    subclass: () => new (class extends Function {})('return 2')(),
    timer: () => setTimeout('globalThis.evil = 1', 0),
    wasm: () => new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
    import: () => import('data:text/javascript,export default 2'),
    capability: () => capabilities.exec.run('1 + 1'),
    child: () => capabilities.code.exec('ls'),
  }
  const outcomes = {}
  for (const [name, attempt] of Object.entries(attempts)) {
    try { await attempt(); outcomes[name] = 'executed' } catch { outcomes[name] = 'closed' }
  }
  return outcomes`

it.each([{}, { permissions: { code_exec: false } }])(
  'R18: code_exec false leaves no way to make code from text or to start a program: %j',
  async (policy) => {
    await using gate = await openGateOf({})
    const { value } = await gate.run({ code: GENERATE, policy })
    expect(Object.entries(value as object).filter(([, outcome]) => outcome !== 'closed')).toEqual([])
  },
)

it('R18: code_exec true, which this version could not bound, is refused', async () => {
  await using gate = await openGateOf({})
  await expect(
    gate.run({ code: GENERATE, policy: { permissions: { code_exec: true } } }),
  ).rejects.toMatchObject({ code: 'CONFIG_NOT_BUILT' })
})
