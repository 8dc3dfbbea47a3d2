import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunResult, type Tollgate, type TollgateOptions } from '../../src/index.ts'
import { openGateOf } from './gates.ts'
import { startHost } from './other-host.ts'
import { until } from './until.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-tasks-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const POLICY = {
  permissions: { tools: { look: {} } },
  limits: { max_tool_calls: 20, max_cost_usd: 10, max_duration_seconds: 100 },
  cost_alerts: [0.005, 0.015],
}
const tool = (effect: 'read' | 'write' = 'read', perform: () => null | Promise<null> = () => null) =>
  defineTool({
    name: 'look',
    description: 'Looks.',
    input: z.strictObject({}),
    output: z.null(),
    effect,
    costUsd: 0.01,
    perform,
  })
const openGate = (options: TollgateOptions = {}): Promise<Tollgate> =>
  openGateOf({ state: folder, tools: [tool()], ...options })
const look = (gate: Tollgate, calls: number, more: object = {}): Promise<RunResult> =>
  gate.run({
    code: `for (let i = 0; i < ${calls}; i += 1) await tools.look({})`,
    policy: POLICY,
    task: 'task',
    ...more,
  })

type Line = { status: string; code?: string; gate?: string; costAlerts: number[]; calls: number }
const elsewhere = async (runs: number, calls: number): Promise<Line[]> => {
  const { output } = await startHost('task-host.ts', [folder, 'task', String(runs), String(calls)]).ended
  return output.split('\n').map((line) => JSON.parse(line) as Line)
}

/** The ledger of the task as it rests in the state. */
const kept = (): { meters: Record<string, number>; alerted: number[] } | undefined => {
  const database = new DatabaseSync(join(folder, 'tollgate.db'), { readOnly: true })
  const row = database.prepare('SELECT ledger FROM tasks').get() as { ledger: string | null } | undefined
  database.close()
  return row === undefined || row.ledger === null
    ? undefined
    : (JSON.parse(row.ledger) as { meters: Record<string, number>; alerted: number[] })
}

describe('a task over several processes', () => {
  it('refuses its 21st call, wherever the first twenty were made', { timeout: 60_000 }, async () => {
    const here = await openGate()
    for (let run = 0; run < 7; run += 1) expect((await look(here, 1)).status).toBe('done')
    await here.close()
    expect((await elsewhere(7, 1)).map(({ status }) => status)).toEqual(Array(7).fill('done'))
    await using again = await openGate()
    for (let run = 0; run < 6; run += 1) expect((await look(again, 1)).status).toBe('done')
    expect((await look(again, 1)).error).toMatchObject({ code: 'LIMIT_TOOL_CALLS', gate: 'decode' })
    await again.close()
    expect(await elsewhere(1, 1)).toMatchObject([
      { status: 'failed', code: 'LIMIT_TOOL_CALLS', gate: 'decode', calls: 0 },
    ])
  })

  it('raises each cost alert once, wherever it is reached', { timeout: 60_000 }, async () => {
    const here = await openGate()
    const alerts = [
      (await look(here, 4)).costAlerts,
      (await look(here, 2)).costAlerts,
      (await look(here, 2)).costAlerts,
    ]
    await here.close()
    const there = await elsewhere(2, 4)
    expect(alerts).toEqual([[], [0.005], []])
    expect(there.map(({ costAlerts }) => costAlerts)).toEqual([[], [0.015]])
  })

  it(
    'is run by one of them at a time: the other hears LIMIT_TASK_BUSY, and another task is free',
    { timeout: 60_000 },
    async () => {
      const host = startHost('task-host.ts', [folder, 'task', '1', '2', 'stays'])
      expect(await host.line()).toBe('staying')
      await using gate = await openGate()
      expect((await look(gate, 1)).error).toMatchObject({
        code: 'LIMIT_TASK_BUSY',
        gate: 'reserve',
        retryable: true,
      })
      expect((await look(gate, 1, { task: 'other' })).status).toBe('done')
      expect((await look(gate, 1, { principal: 'eve' })).status).toBe('done')
      host.process.kill('SIGKILL')
      await host.ended
    },
  )

  it(
    'that was killed left behind what it had spent, and the lease runs out',
    { timeout: 60_000 },
    async () => {
      const host = startHost('task-host.ts', [folder, 'task', '1', '12', 'stays'])
      expect(await host.line()).toBe('staying')
      await until(() => kept()?.meters['calls'] === 12)
      host.process.kill('SIGKILL')
      await host.ended
      const soon = await openGate()
      expect((await look(soon, 1)).error?.code).toBe('LIMIT_TASK_BUSY')
      await soon.close()
      await using later = await openGate({ powers: { now: () => Date.now() + 20_000 } })
      const { error, usage } = await look(later, 9)
      expect([error?.code, usage.calls]).toEqual(['LIMIT_TOOL_CALLS', 8])
    },
  )
})

describe('a task that another process has taken over', () => {
  const takenOver = async (
    effect: 'read' | 'write',
    code: string,
  ): Promise<{ result: RunResult; performed: number }> => {
    let performed = 0
    const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<null>()]
    const acting = tool(effect, () => ((performed += 1), begun.resolve(), goOn.promise))
    await using one = await openGateOf({ state: folder, tools: [acting] })
    await using two = await openGate({ powers: { now: () => Date.now() + 20_000 } })
    const running = one.run({ code, policy: POLICY, task: 'task' })
    await begun.promise
    expect((await look(two, 3)).status).toBe('done')
    const staying = two.run({
      code: 'await new Promise(() => undefined)',
      policy: POLICY,
      task: 'task',
      signal: AbortSignal.timeout(8_000),
    })
    goOn.resolve(null)
    const result = await running
    await two.close({ force: true })
    await staying
    return { result, performed }
  }

  it('lets no more effects happen here', async () => {
    const code =
      'await tools.look({}); try { await tools.look({}) } catch ({ code, gate }) { return [code, gate] }'
    const { result, performed } = await takenOver('write', code)
    // The second act is refused, unless the loss of the task was noticed even before.
    const { error, value } = result
    expect(error === undefined ? value : [error.code, error.gate]).toEqual(['LIMIT_TASK_BUSY', 'reserve'])
    expect(performed).toBe(1)
  })

  it('ends the runs that go on here', async () => {
    const { result } = await takenOver('read', 'await tools.look({}); await new Promise(() => undefined)')
    expect(result.error).toMatchObject({ code: 'LIMIT_TASK_BUSY', gate: 'reserve' })
  })
})

describe('the ledger of a task', () => {
  it('forgets what single runs had to themselves, so it does not grow with their number', async () => {
    const gate = await openGate()
    for (let run = 0; run < 5; run += 1) await look(gate, 1)
    await gate.close()
    expect(Object.keys(kept()?.meters ?? {}).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'calls',
      'cost',
      'cpu',
    ])
  })

  it('is each principal its own, under the same name', async () => {
    await using gate = await openGate()
    for (const principal of ['a', 'b']) expect((await look(gate, 20, { principal })).status).toBe('done')
    for (const principal of ['a', 'b'])
      expect((await look(gate, 1, { principal })).error?.code).toBe('LIMIT_TOOL_CALLS')
  })

  it('is none for runs without a task: each counts for itself', async () => {
    await using gate = await openGate()
    for (let run = 0; run < 3; run += 1) {
      const result = await look(gate, 20, { task: undefined })
      expect([result.status, result.task]).toEqual(['done', result.runId])
    }
    expect(kept()).toBeUndefined()
  })
})
