import { describe, expect, it } from 'vitest'
import { openGateOf } from '../run/gates.ts'
import { mailPolicy, MESSAGE, Outbox, SEND_ONE } from '../run/mail.ts'

describe('the audit of a gate', () => {
  it('is intact before, between and after runs, and its head moves with each', async () => {
    await using gate = await openGateOf({ tools: [new Outbox().tool], approve: () => true })
    const heads = new Set<unknown>()
    for (let n = 0; n < 3; n += 1) {
      const verdict = await gate.audit.verify()
      expect(verdict).toMatchObject({ intact: true, runs: n })
      heads.add((verdict as { head: string }).head)
      await gate.run({ code: SEND_ONE, input: MESSAGE, policy: mailPolicy() })
    }
    expect(heads.size).toBe(3)
  })

  it('is intact while runs are under way', async () => {
    const waiting = Promise.withResolvers<boolean>()
    const asked = Promise.withResolvers<void>()
    const approve = (): Promise<boolean> => (asked.resolve(), waiting.promise)
    await using gate = await openGateOf({ tools: [new Outbox().tool], approve })
    const running = gate.run({ code: SEND_ONE, input: MESSAGE, policy: mailPolicy() })
    await asked.promise
    expect(await gate.audit.verify()).toMatchObject({ intact: true, runs: 1 })
    waiting.resolve(true)
    expect((await running).value).toBe('mail-1')
    expect(await gate.audit.verify()).toMatchObject({ intact: true, runs: 1 })
  })

  it('reads all records, those of one run, or the last ones', async () => {
    await using gate = await openGateOf({ tools: [new Outbox().tool], approve: () => true })
    const options = { code: SEND_ONE, input: MESSAGE, policy: mailPolicy() }
    const [first, second] = [await gate.run(options), await gate.run(options)]
    const all = await gate.audit.read()
    expect(all.map(({ runId }) => runId)).toEqual(
      all.map((_, at) => (at < all.length / 2 ? first.runId : second.runId)),
    )
    const own = await gate.audit.read({ runId: second.runId })
    expect(own.map(({ n }) => n)).toEqual(own.map((_, n) => n))
    expect(own.map(({ prev }) => prev)).toEqual(['', ...own.slice(0, -1).map(({ hash }) => hash)])
    expect((await gate.audit.read({ limit: 2 })).map(({ hash }) => hash)).toEqual(
      all.slice(-2).map(({ hash }) => hash),
    )
  })
})
