import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Tollgate } from '../../src/index.ts'
import { openGateOf, withSetting } from '../run/gates.ts'
import { PAY_POLICY, World } from '../run/payments.ts'
import { until } from '../run/until.ts'

let folder: string
let world: World
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-h55-'))
  world = new World(join(folder, 'world'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const openGate = (options = {}): Promise<Tollgate> =>
  openGateOf({ state: join(folder, 'state'), tools: [world.tool()], ...options })
/** Pays each amount of the input under the key `key`, one after the other or all at once. */
const PAY = `export default async ({ amounts, atOnce }, { tools }) => {
  const pay = async (n) => {
    try { return await tools.pay({ n }, { idempotencyKey: 'key' }) } catch ({ code, gate }) { return code + '@' + gate }
  }
  if (atOnce) return Promise.all(amounts.map(pay))
  const outcomes = []
  for (const n of amounts) outcomes.push(await pay(n))
  return outcomes
}`
const payWith = (gate: Tollgate, amounts: number[], atOnce = false) =>
  gate.run({ code: PAY, input: { amounts, atOnce }, policy: PAY_POLICY })
const fifty = Array<number>(50).fill(7)

describe('a key of a call', () => {
  it('with the same payload gives the stored result, with another a conflict; nothing is executed for either', async () => {
    await using gate = await openGate()
    const first = await payWith(gate, [7, 7, 8, 7])
    const later = await payWith(gate, [7, 8])
    expect(first.value).toEqual([7, 7, 'IDEMPOTENCY_CONFLICT@recall', 7])
    expect(later.value).toEqual([7, 'IDEMPOTENCY_CONFLICT@recall'])
    expect(world.paid).toEqual([7])
    // What is recalled costs nothing, and counts as a call.
    expect([first.usage.calls, first.usage.costUsd, later.usage.costUsd]).toEqual([4, 0.001, 0])
  })

  it('still stands after a restart', async () => {
    for (let start = 0; start < 2; start += 1) {
      await using gate = await openGate()
      expect((await payWith(gate, [7])).value).toEqual([7])
    }
    expect(world.paid).toEqual([7])
  })

  it('used fifty times at once is one effect, within a run', async () => {
    await using gate = await openGate()
    expect((await payWith(gate, fifty, true)).value).toEqual(fifty)
    expect(world.paid).toEqual([7])
  })

  it('used by many runs at once is one effect, also from two hosts', async () => {
    await using one = await openGate({ concurrentRunsMax: 4 })
    await using two = await openGate({ concurrentRunsMax: 4 })
    const runs = await Promise.all(
      [one, two, one, two, one, two].map((gate) => payWith(gate, fifty.slice(0, 9), true)),
    )
    const outcomes = new Set(runs.flatMap(({ value }) => value as unknown[]))
    // The other host may find the payment under way, and then does not know.
    for (const outcome of outcomes)
      expect([7, 'IDEMPOTENCY_UNCERTAIN@recall', 'IDEMPOTENCY_UNCERTAIN@intend']).toContain(outcome)
    expect(world.paid).toEqual([7])
  })

  it('whose effect failed half-way is uncertain, and whose effect never began is free', async () => {
    let fails = true
    const tool = world.tool({
      before: () => {
        if (fails) throw new Error('the line went dead')
      },
    })
    await using gate = await openGateOf({ state: join(folder, 'state'), tools: [tool] })
    const failed = await payWith(gate, [7])
    fails = false
    const again = await payWith(gate, [7])
    expect([failed.value, again.value]).toEqual([
      ['UPSTREAM_TOOL_FAILED@perform'],
      ['IDEMPOTENCY_UNCERTAIN@recall'],
    ])
    expect(world.paid).toEqual([])
  })

  it('negative control: pays each time where receipts are forgotten', async () => {
    const forgetful = withSetting(({ store }) => ({
      store: { ...store, receipts: { ...store.receipts, get: () => undefined, intend: () => true } },
      underWay: new Map(),
    }))
    await using gate = await openGateOf({ tools: [world.tool()] }, forgetful)
    await payWith(gate, [7, 7, 8])
    expect(world.paid).toEqual([7, 7, 8])
  })
})

describe('a call that waits for another under the same key', () => {
  it('does not outlive its own run', async () => {
    const started = Promise.withResolvers<void>()
    const finish = Promise.withResolvers<void>()
    const tool = world.tool({
      before: () => {
        started.resolve()
        return finish.promise
      },
    })
    await using gate = await openGateOf({ tools: [tool], concurrentRunsMax: 4 })
    const first = payWith(gate, [7])
    await started.promise
    const cancel = new AbortController()
    const second = gate.run({
      code: PAY,
      input: { amounts: [7] },
      policy: PAY_POLICY,
      signal: cancel.signal,
    })
    const records = async () =>
      (await gate.audit.read()).filter(({ event }) => event === 'run.started').length
    await until(async () => (await records()) >= 2)
    setTimeout(() => cancel.abort(), 50)
    expect((await second).status).toBe('cancelled')
    finish.resolve()
    expect((await first).value).toEqual([7])
    expect(world.paid).toEqual([7])
  })

  it('hears of its refusal as its own', async () => {
    const tool = world.tool({
      before: () => {
        throw new Error('the line went dead')
      },
    })
    await using gate = await openGateOf({ tools: [tool] })
    const { value, usage } = await payWith(gate, [7, 7], true)
    expect(value).toEqual(['UPSTREAM_TOOL_FAILED@perform', 'UPSTREAM_TOOL_FAILED@recall'])
    expect(usage.byOp['tools.pay']).toMatchObject({ calls: 2, denied: 2, costUsd: 0.001 })
  })
})

describe('a key of a run', () => {
  const options = { code: PAY, input: { amounts: [7] }, policy: PAY_POLICY, idempotencyKey: 'run' }

  it('with the same request gives the stored result, also after a restart', async () => {
    const results = []
    for (let start = 0; start < 2; start += 1) {
      await using gate = await openGate()
      results.push(await gate.run(options), await gate.run(options))
    }
    for (const result of results) expect(result).toEqual(results[0])
    expect(world.paid).toEqual([7])
  })

  it.each([
    { input: { amounts: [8] } },
    { code: `${PAY} // other` },
    { policy: { ...PAY_POLICY, name: 'other' } },
  ])('with another request is a conflict, and nothing of it is executed: %j', async (other) => {
    await using gate = await openGate()
    await gate.run(options)
    const { status, error, usage } = await gate.run({ ...options, ...other })
    expect(status).toBe('failed')
    expect(error).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', gate: 'recall' })
    expect(usage.calls).toBe(0)
    expect(world.paid).toEqual([7])
    expect(await gate.runs.list()).toHaveLength(1)
  })

  it('used fifty times at once is one run', async () => {
    await using gate = await openGate()
    const results = await Promise.all(fifty.map(() => gate.run(options)))
    expect(new Set(results.map(({ runId }) => runId)).size).toBe(1)
    expect(world.paid).toEqual([7])
  })

  it('used from two hosts at once is one run', async () => {
    await using one = await openGate()
    await using two = await openGate()
    const results = await Promise.all([one, two, one, two].map((gate) => gate.run(options)))
    const codes = new Set(results.map(({ status, error }) => error?.code ?? status))
    for (const code of codes) expect(['done', 'IDEMPOTENCY_UNCERTAIN']).toContain(code)
    expect(world.paid).toEqual([7])
  })
})
