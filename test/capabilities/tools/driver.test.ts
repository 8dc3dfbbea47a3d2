import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Judgement, PerformTerms } from '../../../src/capabilities/capability.ts'
import { defineTool, type HostTool, type HostToolCall } from '../../../src/capabilities/host-tool.ts'
import { openToolsDriver } from '../../../src/capabilities/tools/driver.ts'
import { TollgateError } from '../../../src/errors/tollgate-error.ts'

type Perform = (args: { id: string }, call: HostToolCall) => unknown

const toolThat = (perform: Perform): HostTool =>
  defineTool({
    name: 'lookup',
    description: 'Looks up.',
    input: z.object({ id: z.string() }),
    output: z.object({ found: z.boolean() }),
    perform: perform as (args: { id: string }, call: HostToolCall) => { found: boolean },
  })

const judgement: Judgement = {
  op: 'tools.lookup',
  rule: 'permissions.tools.lookup',
  effect: 'read',
  categories: [],
  subject: 'lookup',
  request: Object.freeze({ tool: 'lookup', arguments: Object.freeze({ id: '7' }) }),
  costMicroUsd: 0,
  quotas: [],
  idempotency: 'idempotent',
}

const settingWith = (signal: AbortSignal): PerformTerms => ({
  signal,
  runId: 'run',
  seq: 1,
  taskId: 'task',
  principal: 'alice',
  idempotencyKey: 'key',
  draw: () => undefined,
  asks: () => false,
  assertPermitted: () => undefined,
})

const perform = (run: Perform, signal = new AbortController().signal) =>
  openToolsDriver(new Map([['lookup', toolThat(run)]]), new Map()).perform(judgement, settingWith(signal))

describe('the driver of host tools', () => {
  test('hands over the judged arguments, frozen, and who asks', async () => {
    let seen: unknown
    const outcome = await perform((args, call) => {
      seen = { args, frozen: Object.isFrozen(args), principal: call.principal, key: call.idempotencyKey }
      return { found: true }
    })
    expect(outcome).toEqual({ value: { found: true }, ingressBytes: 0, egressBytes: 0 })
    expect(seen).toEqual({ args: { id: '7' }, frozen: true, principal: 'alice', key: 'key' })
  })

  test('reports what the tool charged, rounded up, and refuses what is no price', async () => {
    const charged = await perform((_, { charge }) => {
      charge(0.0000015)
      charge(0.001)
      return { found: true }
    })
    expect(charged.costMicroUsd).toBe(1002)
    for (const price of [-1, Number.NaN, Infinity]) {
      const run = perform((_, { charge }) => charge(price))
      await expect(run).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
    }
  })

  test('does not trust the result: it must fit the output schema', async () => {
    await expect(perform(() => ({ found: 'yes' }))).rejects.toMatchObject({ code: 'UPSTREAM_TOOL_RESULT' })
    await expect(perform(() => undefined)).rejects.toMatchObject({ code: 'UPSTREAM_TOOL_RESULT' })
  })

  test('tells a failure without its text, and keeps an error of Tollgate as it is', async () => {
    const failing = perform(() => {
      throw new Error('password=hunter2')
    })
    await expect(failing).rejects.toMatchObject({
      code: 'UPSTREAM_TOOL_FAILED',
      message: 'The host tool lookup failed.',
    })
    const own = perform(() => Promise.reject(new TollgateError('UPSTREAM_UNREACHABLE', 'no route')))
    await expect(own).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' })
  })

  test('leaves a tool behind that does not answer before the deadline', async () => {
    const deadline = new AbortController()
    const never = (): Promise<never> => {
      deadline.abort()
      return Promise.withResolvers<never>().promise
    }
    const run = perform(never, deadline.signal)
    await expect(run).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
  })

  test('does not begin after the deadline', async () => {
    let began = false
    const run = perform(() => (began = true), AbortSignal.abort())
    await expect(run).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT', facts: { notPerformed: true } })
    expect(began).toBe(false)
  })

  test('knows only the tools of its host', async () => {
    const run = openToolsDriver(new Map(), new Map()).perform(
      judgement,
      settingWith(new AbortController().signal),
    )
    await expect(run).rejects.toMatchObject({ code: 'CONFIG_HOST_TOOL_UNKNOWN' })
  })
})
