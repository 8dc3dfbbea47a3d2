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

it('R18: code_exec true, which would say nothing of how much, is refused', async () => {
  await using gate = await openGateOf({})
  await expect(
    gate.run({ code: GENERATE, policy: { permissions: { code_exec: true } } }),
  ).rejects.toMatchObject({ code: 'CONFIG_POLICY_INVALID' })
})

const CHILDREN = { permissions: { code_exec: { max_children: 2 } } }

it('R18: with code_exec granted the same ways stay closed, in the tool and in its child; a child is the only one', async () => {
  await using gate = await openGateOf({})
  const inTool = await gate.run({
    code: GENERATE.replace("capabilities.exec.run('1 + 1')", 'undefined.nothing'),
    policy: CHILDREN,
  })
  const inChild = await gate.run({
    code: 'return (await exec.run({ code: input })).value',
    input: GENERATE,
    policy: CHILDREN,
  })
  for (const { value } of [inTool, inChild])
    expect(Object.entries(value as object).filter(([, outcome]) => outcome !== 'closed')).toEqual([])
  expect(
    (await gate.run({ code: "return exec.run({ code: 'return 1 + 1' })", policy: CHILDREN })).value,
  ).toEqual({
    status: 'done',
    value: 2,
  })
})

it('R18: a tool that tries all the same is told where code may run', async () => {
  await using gate = await openGateOf({})
  const attempts = ["eval('1')", 'new Function("return 1")()', "exec.run({ code: '1' })", "import('node:fs')"]
  for (const attempt of attempts) {
    const { error } = await gate.run({ code: `await ${attempt}`, policy: {} })
    expect(error).toMatchObject({ code: 'GUEST_THREW', hint: expect.stringContaining('code_exec') as string })
  }
})
