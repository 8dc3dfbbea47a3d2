import { afterAll, describe, expect, it } from 'vitest'
import { CageDriver, type Reply, type SeenCall } from './cage-driver.ts'

const driver = new CageDriver()
afterAll(() => driver.close())

const ops = ['tools.add', 'tools.echo', 'tools.fail']
const refusal = {
  code: 'DENIED_NOT_GRANTED',
  message: 'not yours',
  gate: 'authorize',
  hint: 'ask for it',
  retryable: false,
}
const answer = ({ op, text }: SeenCall): Reply => {
  if (op === 'tools.fail') return { error: refusal }
  if (op === 'tools.echo') return { json: text }
  const { a, b } = JSON.parse(text) as { a: number; b: number }
  return { value: a + b }
}

describe('a call', () => {
  it('carries op, arguments and key, and resolves to its result', async () => {
    const body = 'return await capabilities.tools.add({ a: 2, b: 3 }, { idempotencyKey: "order-1" })'
    const outcome = await driver.run({
      code: `export default async (input, capabilities) => { ${body} }`,
      ops,
      answer,
    })
    expect(outcome).toMatchObject({ ok: true, value: 5 })
    expect(outcome.calls).toEqual([{ seq: 1, op: 'tools.add', text: '{"a":2,"b":3}', key: 'order-1' }])
  })

  it('without arguments carries an empty object, and no key when none is given', async () => {
    const code =
      'export default async (_, { tools }) => [await tools.echo(), await tools.echo(null), await tools.echo({}, {})]'
    const outcome = await driver.run({ code, ops, answer })
    expect(outcome.calls.map(({ text, key }) => [text, key])).toEqual([
      ['{}', undefined],
      ['null', undefined],
      ['{}', undefined],
    ])
  })

  it('is numbered when its stub is called: 1, 2, 3, without a gap', async () => {
    const code = `export default async (_, { tools }) => {
      for (let i = 0; i < 5; i += 1) await tools.add({ a: i, b: 0 })
      await tools.fail().catch(() => null)
      await tools.add({ a: () => 1 }).catch(() => null)
      await tools.add({ a: 9, b: 0 })
    }`
    const outcome = await driver.run({ code, ops, answer })
    expect(outcome.calls.map(({ seq, op }) => `${seq} ${op}`)).toEqual([
      '1 tools.add',
      '2 tools.add',
      '3 tools.add',
      '4 tools.add',
      '5 tools.add',
      '6 tools.fail',
      '7 tools.add',
    ])
  })

  it('runs beside others: a hundred at once, answered in another order', async () => {
    const code = `export default async (_, { tools }) => {
      const order = []
      const one = (i) => tools.echo(i).then((value) => { order.push(value); return value })
      const values = await Promise.all(Array.from({ length: 100 }, (_, i) => one(i)))
      return { values, order }
    }`
    const waiting: (() => void)[] = []
    const outcome = await driver.run({
      code,
      ops,
      answer: ({ text }) =>
        new Promise((resolve) => {
          waiting.push(() => resolve({ json: text }))
          if (waiting.length === 100) setImmediate(() => waiting.toReversed().forEach((go) => go()))
        }),
    })
    const numbers = Array.from({ length: 100 }, (_, i) => i)
    expect(outcome.calls.map(({ seq }) => seq)).toEqual(numbers.map((i) => i + 1))
    expect(outcome.value).toEqual({ values: numbers, order: numbers.toReversed() })
  })

  it('leaves in its own crossing: each delivery runs its reactions before the next is handed over', async () => {
    const code = `export default async (_, { tools }) => {
      const seen = []
      const one = async (name) => { await tools.echo(name); seen.push(name + 1); await null; await null; seen.push(name + 2) }
      await Promise.all([one('a'), one('b')])
      return seen
    }`
    const held: (() => void)[] = []
    const outcome = await driver.run({
      code,
      ops,
      answer: ({ text }) =>
        new Promise((resolve) => {
          held.push(() => resolve({ json: text }))
          if (held.length === 2) for (const go of held) go()
        }),
    })
    expect(outcome.value).toEqual(['a1', 'a2', 'b1', 'b2'])
  })
})

describe('a refused call', () => {
  it('rejects with an error of the guest’s realm that carries code, gate and hint', async () => {
    const code = `export default async (_, { tools }) => {
      try { await tools.fail() } catch (error) {
        return { isError: error instanceof Error, name: error.name, message: error.message, ...error, stack: error.stack, text: String(error) }
      }
    }`
    const { value } = await driver.run({ code, ops, answer })
    expect(value).toEqual({
      isError: true,
      name: 'CallError',
      message: 'not yours',
      code: 'DENIED_NOT_GRANTED',
      gate: 'authorize',
      hint: 'ask for it',
      retryable: false,
      stack: 'CallError: not yours\n    at default (tool.js:2:25)',
      text: 'CallError: not yours',
    })
  })

  it('left uncaught, names the seq that was refused', async () => {
    const code = 'export default async (_, { tools }) => { await tools.echo(1); await tools.fail() }'
    expect(await driver.run({ code, ops, answer })).toMatchObject({
      fault: 'threw',
      refused: 2,
      error: { name: 'CallError', message: 'not yours' },
    })
  })

  it('names none when the tool throws an error that only looks like a refusal', async () => {
    const forgeries = [
      'const caught = await tools.fail().catch((e) => e); throw Object.assign(new Error("mine"), caught)',
      'const caught = await tools.fail().catch((e) => e); throw Object.setPrototypeOf(new Error("mine"), Object.getPrototypeOf(caught))',
      'const caught = await tools.fail().catch((e) => e); throw Object.create(caught)',
      'const caught = await tools.fail().catch((e) => e); throw new caught.constructor({}, "mine", 1)',
      'const caught = await tools.fail().catch((e) => e); throw Reflect.construct(Error, ["mine"], caught.constructor)',
    ]
    for (const body of forgeries) {
      const outcome = await driver.run({
        code: `export default async (_, { tools }) => { ${body} }`,
        ops,
        answer,
      })
      expect(outcome.fault).toBe('threw')
      expect(outcome.refused).toBe(undefined)
    }
  })
})

describe('a call that cannot leave', () => {
  const inside = (expression: string) =>
    driver.run({
      code: `export default async (_, { tools }) => { try { await ${expression} } catch (e) { return [e.code, e.gate, e.message] } }`,
      ops,
      answer,
    })

  it('is GUEST_UNPASSABLE at the gate decode, says where, and is not numbered', async () => {
    const outcome = await inside('tools.add({ list: [{ when: new Date(0) }] })')
    expect(outcome.calls).toEqual([])
    expect(outcome.value).toEqual([
      'GUEST_UNPASSABLE',
      'decode',
      'The call did not leave: arguments.list[0].when is an object of a class; only plain objects and arrays cross.',
    ])
  })

  it('is GUEST_UNPASSABLE when its arguments are too large', async () => {
    const outcome = await inside('tools.add({ text: "x".repeat(5 * 1024 * 1024) })')
    expect(outcome.calls).toEqual([])
    expect(outcome.value).toEqual(['GUEST_UNPASSABLE', 'decode', expect.stringContaining('too large')])
  })

  it('is GUEST_ARGUMENTS when its key is no key', async () => {
    for (const key of ['""', '"x".repeat(201)', '"a\\nb"', '"ü"', '7', 'null']) {
      const outcome = await inside(`tools.add({ a: 1 }, { idempotencyKey: ${key} })`)
      expect(outcome.calls).toEqual([])
      expect(outcome.value).toEqual(['GUEST_ARGUMENTS', 'decode', expect.stringContaining('idempotencyKey')])
    }
  })

  it('rejects and never throws where it stands', async () => {
    const code = `export default (_, { tools }) => { const made = tools.add({ get a() { throw new Error("mine") } }); return made.catch((e) => e.code) }`
    expect(await driver.run({ code, ops, answer })).toMatchObject({ value: 'GUEST_UNPASSABLE', calls: [] })
  })

  it('on an empty stack fails with an error of the guest’s own, and the numbers stay without a gap', async () => {
    const code = `export default async (_, { tools }) => {
      const failures = new Set(), pending = []
      const dive = () => {
        try { dive() } finally {
          if (pending.length < 200) pending.push(tools.echo(pending.length).catch((error) => {
            failures.add(error.constructor === RangeError ? 'own RangeError' : 'stranger')
            failures.add(/file:|main\\.js|isolated-vm/.test(error.stack) ? 'host path' : 'clean')
          }))
        }
      }
      try { dive() } catch {}
      await Promise.all(pending)
      return [...failures]
    }`
    const outcome = await driver.run({ code, ops, answer })
    expect(outcome.value).toEqual(['own RangeError', 'clean'])
    expect(outcome.calls.map(({ seq }) => seq)).toEqual(outcome.calls.map((_, i) => i + 1))
  })
})

describe('after the end', () => {
  it('no call and no line leaves, and what still runs is cut short', async () => {
    const code = `export default async (_, { tools }) => {
      const later = async () => { for (let i = 0; i < 9; i += 1) await null; console.log('late'); tools.echo('late'); for (;;); }
      later()
      return 'value'
    }`
    const outcome = await driver.run({ code, ops, answer, segmentMs: 5_000 })
    expect(outcome).toMatchObject({ ok: true, value: 'value', calls: [], logs: [] })
    const next = await driver.run({ code: 'export default () => "next"' })
    expect(next.value).toBe('next')
    expect(next.tookMs).toBeLessThan(2_000)
  })

  it('the next run in the same cage sees a clean realm', async () => {
    await driver.run({
      code: 'globalThis.left = 1; Array.prototype.left = 1; Object.prototype.left = 1; export default () => null',
    })
    expect(await driver.valueOf('return [typeof left, typeof [].left, typeof ({}).left]')).toEqual([
      'undefined',
      'undefined',
      'undefined',
    ])
  })
})
