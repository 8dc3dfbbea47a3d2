import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import { defineTool, type RunEvent, type RunOptions, type RunResult, type Tollgate } from '../../src/index.ts'
import { openGateOf } from './gates.ts'
import { mailPolicy, MESSAGE, Outbox, SEND_ONE } from './mail.ts'
import { until } from './until.ts'

const POLICY = { limits: { max_duration_seconds: 100, max_cpu_seconds: 100 } }

/** What must hold of every run that was cancelled, and of the gate afterwards. */
const expectCancelled = async (gate: Tollgate, result: RunResult): Promise<void> => {
  expect(result.status).toBe('cancelled')
  expect([result.value, result.error]).toEqual([undefined, undefined])
  const records = await gate.audit.read({ runId: result.runId })
  expect(records.at(-1)).toMatchObject({ event: 'run.ended', facts: { status: 'cancelled' } })
  expect(await gate.runs.get(result.runId)).toEqual(result)
  expect((await gate.run({ code: 'return "next"', policy: POLICY })).value).toBe('next')
  expect(await gate.audit.verify()).toMatchObject({ intact: true })
}

describe('a run that is cancelled', () => {
  it('before it begins runs nothing', async () => {
    await using gate = await openGateOf({})
    const result = await gate.run({ code: 'console.log("ran")', policy: POLICY, signal: AbortSignal.abort() })
    expect(result.logs).toEqual([])
    await expectCancelled(gate, result)
  })

  it('while it waits for a place leaves the queue', async () => {
    await using gate = await openGateOf({ concurrentRunsMax: 1 })
    const [first, second] = [new AbortController(), new AbortController()]
    const hog = gate.run({ code: 'await new Promise(() => undefined)', policy: POLICY, signal: first.signal })
    const waiting = gate.run({ code: 'return 1', policy: POLICY, signal: second.signal })
    const third = gate.run({ code: 'return 3', policy: POLICY })
    await until(async () => (await gate.audit.read()).length >= 3)
    second.abort()
    const cancelled = await waiting
    first.abort()
    expect((await hog).status).toBe('cancelled')
    expect((await third).value).toBe(3)
    await expectCancelled(gate, cancelled)
  })

  it('while its cage starts does not wait for it', async () => {
    const launched: Cage[] = []
    // A cage that never becomes ready: its frames go nowhere.
    const launchCageThatHangs = (): Cage => {
      const cage = launchCage()
      launched.push(cage)
      return launched.length === 1 ? Object.assign(cage, { send: () => undefined }) : cage
    }
    await using gate = await openGateOf({ powers: { launchCage: launchCageThatHangs } })
    const cancel = new AbortController()
    const running = gate.run({ code: 'return 1', policy: POLICY, signal: cancel.signal })
    await until(() => launched.length > 0)
    cancel.abort()
    await expectCancelled(gate, await running)
  })

  it.each([
    'for (;;);',
    'for (;;) await null',
    'await new Promise(() => undefined)',
    'new Array(2 ** 32 - 1).indexOf(1)',
  ])('while it computes or waits is stopped: %s', async (rest) => {
    await using gate = await openGateOf({})
    const cancel = new AbortController()
    const onEvent = ({ kind }: RunEvent): void => void (kind === 'log' && setImmediate(() => cancel.abort()))
    const result = await gate.run({
      code: `console.log('begun'); await new Promise((resolve) => setTimeout(resolve, 1)); ${rest}`,
      policy: POLICY,
      signal: cancel.signal,
      onEvent,
    })
    expect(result.logs).toEqual([{ level: 'info', text: 'begun' }])
    await expectCancelled(gate, result)
  })

  it('in a call tells the host tool, and does not wait for one that does not listen', async () => {
    const heard = Promise.withResolvers<void>()
    const cancel = new AbortController()
    const slow = defineTool({
      name: 'slow',
      description: 'Never ends.',
      input: z.strictObject({}),
      output: z.null(),
      effect: 'read',
      perform: (_, { signal }) => {
        signal.addEventListener('abort', () => heard.resolve())
        setImmediate(() => cancel.abort())
        return Promise.withResolvers<null>().promise
      },
    })
    await using gate = await openGateOf({ tools: [slow] })
    const policy = { ...POLICY, permissions: { tools: { slow: {} } } }
    const result = await gate.run({ code: 'await tools.slow({})', policy, signal: cancel.signal })
    await heard.promise
    await expectCancelled(gate, result)
  })

  it.each(['asked', 'approved', 'used'])(
    'while a human decides sends nothing: in the event %s',
    async (state) => {
      const outbox = new Outbox()
      const cancel = new AbortController()
      const onEvent = (event: RunEvent): void =>
        void (event.kind === 'approval' && event.state === state && cancel.abort())
      await using gate = await openGateOf({ tools: [outbox.tool], approve: () => true })
      const result = await gate.run({
        code: SEND_ONE,
        input: MESSAGE,
        policy: mailPolicy(),
        signal: cancel.signal,
        onEvent,
      })
      expect(outbox.sent).toEqual([])
      expect(result.usage.costUsd).toBe(0)
      await expectCancelled(gate, result)
    },
  )

  it('while nobody answers the ticket does not wait for the human', async () => {
    const outbox = new Outbox()
    const cancel = new AbortController()
    const asked: AbortSignal[] = []
    const approve = (_: unknown, signal: AbortSignal): Promise<boolean> => {
      asked.push(signal)
      setImmediate(() => cancel.abort())
      return Promise.withResolvers<boolean>().promise
    }
    await using gate = await openGateOf({ tools: [outbox.tool], approve })
    const result = await gate.run({
      code: SEND_ONE,
      input: MESSAGE,
      policy: mailPolicy(),
      signal: cancel.signal,
    })
    expect([asked.length, asked[0]?.aborted]).toEqual([1, true])
    await expectCancelled(gate, result)
  })

  it('after it has ended is not touched any more', async () => {
    await using gate = await openGateOf({})
    const cancel = new AbortController()
    const result = await gate.run({ code: 'return 1', policy: POLICY, signal: cancel.signal })
    cancel.abort()
    expect(result.value).toBe(1)
    expect(await gate.runs.get(result.runId)).toEqual(result)
  })

  it('while it waits for the same run under its key stops waiting; the run itself goes on', async () => {
    const release = Promise.withResolvers<null>()
    const begun = Promise.withResolvers<void>()
    const tool = defineTool({
      name: 'wait',
      description: 'Waits.',
      input: z.strictObject({}),
      output: z.null(),
      effect: 'read',
      perform: () => (begun.resolve(), release.promise),
    })
    await using gate = await openGateOf({ tools: [tool] })
    const options: RunOptions = {
      code: 'await tools.wait({}); return "done"',
      policy: { permissions: { tools: { wait: {} } } },
      idempotencyKey: 'k',
    }
    const first = gate.run(options)
    await begun.promise
    const cancel = new AbortController()
    const joined = gate.run({ ...options, signal: cancel.signal })
    setImmediate(() => cancel.abort())
    expect((await joined).status).toBe('cancelled')
    release.resolve(null)
    expect((await first).value).toBe('done')
  })
})

describe('a signal that many runs share', () => {
  it('cancels them all, and is left without listeners and warnings', async () => {
    const warnings: string[] = []
    const onWarning = ({ name }: Error): void => void warnings.push(name)
    process.on('warning', onWarning)
    await using gate = await openGateOf({ concurrentRunsMax: 2 })
    const shared = new AbortController()
    for (let n = 0; n < 30; n += 1)
      await gate.run({ code: 'return 1', policy: POLICY, signal: shared.signal })
    const running = Array.from({ length: 30 }, () =>
      gate.run({ code: 'await new Promise(() => undefined)', policy: POLICY, signal: shared.signal }),
    )
    await until(async () => (await gate.audit.read({ limit: 1 }))[0]?.event === 'run.started')
    shared.abort()
    expect(new Set((await Promise.all(running)).map(({ status }) => status))).toEqual(new Set(['cancelled']))
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    expect(warnings.filter((name) => name === 'MaxListenersExceededWarning')).toEqual([])
    expect(getEventListeners(shared.signal, 'abort')).toEqual([])
  })
})
