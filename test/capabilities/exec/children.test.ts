import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createRegistry } from '../../../src/capabilities/registry.ts'
import { defineTool, type RunOptions, type Ticket } from '../../../src/index.ts'
import { withNotes, type Notebook } from '../../harness/notes.ts'
import { openGateOf } from '../../run/gates.ts'
import { MESSAGE, Outbox } from '../../run/mail.ts'

const policyOf = (permissions: object = {}, rest: object = {}): RunOptions['policy'] => ({
  permissions: { code_exec: {}, ...permissions },
  ...rest,
})

/** Runs `input` as a child; the value is that of the child, or code, gate and message of the error. */
const RUN = `export default async (order, { exec }) => {
  try {
    return (await exec.run(order)).value
  } catch ({ code, gate, message, hint }) {
    return { code, gate, message, hint }
  }
}`

describe('exec.run', () => {
  it('runs a body or a module, in JavaScript or TypeScript, on the input that it is handed', async () => {
    await using gate = await openGateOf({})
    const values = []
    for (const code of [
      'return input.n + 1',
      'export default ({ n }) => n + 1',
      'export default ({ n }: { n: number }): number => n + 1',
      'let sum = 0; for (const one of input.list) sum += one; return sum + 36',
    ])
      values.push(
        (
          await gate.run({
            code: RUN,
            input: { code, input: { n: 41, list: [1, 2, 3] } },
            policy: policyOf(),
          })
        ).value,
      )
    expect(values).toEqual([42, 42, 42, 42])
  })

  it('answers with a status and a value, and null where there is none', async () => {
    await using gate = await openGateOf({})
    const { value } = await gate.run({
      code: "return [await exec.run({ code: '' + ';' }), await exec.run({ code: 'return input' })]",
      policy: policyOf(),
    })
    expect(value).toEqual([
      { status: 'done', value: null },
      { status: 'done', value: null },
    ])
  })

  it.each([
    ['throw new TypeError("boo")', 'GUEST_THREW: TypeError: boo'],
    ['return (', 'GUEST_SYNTAX: The tool does not parse'],
    ['return () => 1', 'GUEST_UNPASSABLE'],
    ['import "node:fs"', 'GUEST_IMPORT'],
    ['export const a = 1', 'GUEST_NO_DEFAULT_EXPORT'],
    ['return "x".repeat(300 * 1024)', 'LIMIT_OUTPUT'],
  ])('throws an error of the guest that says how its child failed: %s', async (code, said) => {
    await using gate = await openGateOf({})
    const { value, status } = await gate.run({ code: RUN, input: { code }, policy: policyOf() })
    expect(status).toBe('done')
    expect(value).toMatchObject({
      code: 'GUEST_CHILD_FAILED',
      gate: 'perform',
      message: expect.stringContaining(`The child ended with ${said}`) as string,
    })
    const uncaught = await gate.run({
      code: 'return exec.run({ code: input })',
      input: code,
      policy: policyOf(),
    })
    expect(uncaught.error).toMatchObject({ code: 'GUEST_CHILD_FAILED', op: 'exec.run', gate: 'perform' })
  })

  it('shows what a child prints among the lines of its parent, within the same bound', async () => {
    await using gate = await openGateOf({})
    const { logs } = await gate.run({
      code: "console.log('before'); await exec.run({ code: 'console.warn(\"inside\")' }); console.log('after')",
      policy: policyOf(),
    })
    expect(logs).toEqual([
      { level: 'info', text: 'before' },
      { level: 'warn', text: 'inside' },
      { level: 'info', text: 'after' },
    ])
    const flood = await gate.run({
      code: `for (let n = 0; n < 3; n += 1) await exec.run({ code: 'console.log("x".repeat(800))' })`,
      policy: policyOf({}, { limits: { max_log_kb: 1 } }),
    })
    expect(flood.logs.length).toBe(2)
  })

  it('stands in the audit as a run of its own, with the run and the call that began it', async () => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool] })
    const result = await gate.run({
      code: `await exec.run({ code: 'return 1' })
        return exec.run({ code: 'return tools.send_email(input)', input, grants: ['tools'] })`,
      input: MESSAGE,
      policy: policyOf({ tools: { send_email: { ask: 'never' } } }),
      task: 'mailing',
    })
    expect(result).toMatchObject({ status: 'done', task: 'mailing' })
    expect(result.parent).toBeUndefined()
    const calls = (await gate.audit.read({ runId: result.runId })).filter(({ event }) => event === 'call')
    expect(calls.map(({ facts }) => facts['op'])).toEqual(['exec.run', 'exec.run'])
    const child = String(calls[1]?.facts['child'])
    const records = await gate.audit.read({ runId: child })
    expect(records[0]).toMatchObject({
      event: 'run.started',
      facts: { parent: result.runId, parent_call: 2, task: 'mailing', principal: 'local' },
    })
    expect(records.map(({ event }) => event)).toEqual(['run.started', 'call.intended', 'call', 'run.ended'])
    expect(records[2]?.facts).toMatchObject({ op: 'tools.send_email', verdict: 'allow' })
    expect(await gate.runs.get(child)).toMatchObject({
      status: 'done',
      parent: { runId: result.runId, call: 2 },
      value: { id: 'mail-1' },
    })
    expect(await gate.audit.verify()).toMatchObject({ intact: true, runs: 3 })
  })

  it('adds what its child used to the usage of the run', async () => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool] })
    const { usage } = await gate.run({
      code: "return exec.run({ code: 'for (let n = 0; n < 3; n += 1) await tools.send_email(input)', input, grants: ['tools'], limits: { max_tool_calls: 3, max_cost_usd: 0.03 } })",
      input: MESSAGE,
      policy: policyOf({ tools: { send_email: { ask: 'never' } } }),
    })
    expect(usage).toMatchObject({ calls: 4, costUsd: 0.03 })
    expect(usage.byOp['tools.send_email']).toMatchObject({ calls: 3, costUsd: 0.03 })
  })

  it('raises the cost alerts of its parent while a child spends', async () => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool] })
    const { costAlerts } = await gate.run({
      code: "return exec.run({ code: 'await tools.send_email(input)', input, grants: ['tools'], limits: { max_cost_usd: 0.01 } })",
      input: MESSAGE,
      policy: policyOf(
        { tools: { send_email: { ask: 'never' } } },
        { limits: { max_cost_usd: 0.02 }, cost_alerts: [0.5] },
      ),
    })
    expect(costAlerts).toEqual([0.5])
  })

  it('asks a human for what a child does, with a ticket of the child, and does not bill the wait', async () => {
    const outbox = new Outbox()
    const tickets: Ticket[] = []
    await using gate = await openGateOf({
      tools: [outbox.tool],
      approve: async (ticket) => {
        tickets.push(ticket)
        await sleep(3_100)
        return tickets.length === 1
      },
    })
    const order = { code: 'return tools.send_email(input)', input: MESSAGE, grants: ['tools'] }
    const policy = policyOf({ tools: { send_email: {} } }, { limits: { max_duration_seconds: 3 } })
    const asked = await gate.run({ code: RUN, input: order, policy })
    expect(asked.value).toEqual({ id: 'mail-1' })
    expect(asked.approvals).toMatchObject([{ op: 'tools.send_email', state: 'used' }])
    expect(tickets[0]).toMatchObject({ op: 'tools.send_email' })
    expect(tickets[0]?.runId).not.toBe(asked.runId)
    const denied = await gate.run({ code: RUN, input: order, policy })
    expect(denied.value).toMatchObject({ message: expect.stringContaining('APPROVAL_DENIED') as string })
    expect(outbox.sent).toHaveLength(1)
  })

  it('sees the same store and the same memory of files as its parent', async () => {
    await using gate = await openGateOf({})
    const { value } = await gate.run({
      code: `await fs.write('/tmp/a', 'from the parent')
        return (await exec.run({ code: "return fs.readText('/tmp/a')", grants: ['fs.read'] })).value`,
      policy: policyOf({ filesystem: [{ path: '/tmp', mode: 'scratch' }] }),
    })
    expect(value).toBe('from the parent')
  })
})

describe('what a child stages', () => {
  const open = async () => {
    const book: Notebook = { committed: {} }
    const code_exec = createRegistry({}).filter(({ name }) => name === 'code_exec')
    const gate = await openGateOf({ approve: () => true }, withNotes(book, false, code_exec))
    const run = (code: string) => gate.run({ code, policy: { permissions: { notes: {}, code_exec: {} } } })
    return { book, gate, run, [Symbol.asyncDispose]: () => gate.close() }
  }
  const ADD = "await capabilities.notes.add({ store: 'a', text: 'child' })"
  const CHILD = (code: string): string => `exec.run({ code: ${JSON.stringify(code)}, grants: ['notes'] })`

  it('is committed with what its parent stages', async () => {
    await using notes = await open()
    const result = await notes.run(
      `await capabilities.notes.add({ store: 'a', text: 'parent' }); await ${CHILD(ADD)}`,
    )
    expect(result.status).toBe('done')
    expect(notes.book.committed).toEqual({ a: ['parent', 'child'] })
  })

  it('under one key is one thing, also when its siblings stage it again', async () => {
    await using notes = await open()
    const add = "return capabilities.notes.add({ store: 'a', text: 'once' }, { idempotencyKey: 'k' })"
    const result = await notes.run(
      `const told = []; for (const n of [1, 2]) told.push((await ${CHILD(add)}).value); return told`,
    )
    expect(result).toMatchObject({ status: 'done' })
    const [first, second] = result.value as unknown[]
    expect(second).toEqual(first)
    expect(notes.book.committed).toEqual({ a: ['once'] })
  })

  it('is discarded when its parent fails', async () => {
    await using notes = await open()
    await notes.run(`await ${CHILD(ADD)}; throw new Error('no')`)
    expect(notes.book.committed).toEqual({})
  })

  it('is half a thing when the child fails, so nothing is committed, though the parent says nothing of it', async () => {
    await using notes = await open()
    const result = await notes.run(
      `await capabilities.notes.add({ store: 'b', text: 'parent' }); await ${CHILD(`${ADD}; throw new Error('no')`)}.catch(() => undefined)`,
    )
    expect(result).toMatchObject({ status: 'failed', error: { code: 'GUEST_CHILD_FAILED', gate: 'intend' } })
    expect(notes.book.committed).toEqual({})
  })

  it('does not hinder the parent when a child fails that staged nothing', async () => {
    await using notes = await open()
    const result = await notes.run(
      `await capabilities.notes.add({ store: 'b', text: 'parent' }); await ${CHILD("throw new Error('no')")}.catch(() => undefined)`,
    )
    expect(result.status).toBe('done')
    expect(notes.book.committed).toEqual({ b: ['parent'] })
  })
})

describe('the end of a parent', () => {
  const waits = () => {
    const { promise: called, resolve } = Promise.withResolvers<void>()
    const aborted = Promise.withResolvers<void>()
    const tool = defineTool({
      name: 'wait',
      description: 'Waits until it is given up.',
      input: z.strictObject({}),
      output: z.null(),
      effect: 'read',
      perform: (_, { signal }) =>
        new Promise<null>((done) => {
          signal.addEventListener('abort', () => {
            aborted.resolve()
            done(null)
          })
          resolve()
        }),
    })
    return { tool, called, aborted: aborted.promise }
  }
  const CHILD = "exec.run({ code: 'await tools.wait({})', grants: ['tools'] })"

  it('ends its children, also when it does not wait for them', async () => {
    const { tool, called, aborted } = waits()
    await using gate = await openGateOf({ tools: [tool] })
    const running = gate.run({
      code: `${CHILD}.catch(() => undefined); await tools.wait({}).catch(() => undefined)`,
      policy: policyOf({ tools: { wait: {} } }, { limits: { max_duration_seconds: 1 } }),
    })
    await called
    expect(await running).toMatchObject({ status: 'failed', error: { code: 'LIMIT_DURATION' } })
    await aborted
    const [child] = (await gate.runs.list({})).filter(({ parent }) => parent !== undefined)
    expect(child?.status).not.toBe('done')
  })

  it('by its caller ends its children at once', async () => {
    const { tool, called, aborted } = waits()
    await using gate = await openGateOf({ tools: [tool] })
    const cancel = new AbortController()
    const running = gate.run({
      code: `return ${CHILD}`,
      policy: policyOf({ tools: { wait: {} } }, { limits: { max_duration_seconds: 100 } }),
      signal: cancel.signal,
    })
    await called
    cancel.abort()
    expect(await running).toMatchObject({ status: 'cancelled' })
    await aborted
    const [child] = (await gate.runs.list({})).filter(({ parent }) => parent !== undefined)
    expect(child?.status).toBe('cancelled')
    expect(await gate.audit.verify()).toMatchObject({ intact: true })
  })
})
