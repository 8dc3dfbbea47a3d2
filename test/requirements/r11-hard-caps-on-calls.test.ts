import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { openGateOf } from '../run/gates.ts'

const looker = (looked: number[]) =>
  defineTool({
    name: 'look',
    description: 'Looks.',
    input: z.strictObject({}),
    output: z.number(),
    effect: 'read',
    perform: () => looked.push(1),
  })
const policy = { permissions: { tools: { look: {} } }, limits: { max_tool_calls: 20 } }

it('R11: the 21st call of a run is refused and ends the run, also when the tool catches every error', async () => {
  const looked: number[] = []
  await using gate = await openGateOf({ tools: [looker(looked)] })
  const { status, error, usage } = await gate.run({
    code: 'for (;;) { try { await tools.look({}) } catch {} }',
    policy,
  })
  expect(status).toBe('failed')
  expect(error).toMatchObject({ code: 'LIMIT_TOOL_CALLS', gate: 'decode', rule: 'limits.max_tool_calls' })
  expect([usage.calls, looked.length]).toEqual([20, 20])
})

it('R11: the 21st call of a task is refused across 21 runs of one call each', async () => {
  const looked: number[] = []
  await using gate = await openGateOf({ tools: [looker(looked)] })
  const results = []
  for (let run = 0; run < 21; run += 1)
    results.push(await gate.run({ code: 'return await tools.look({})', policy, task: 'looking' }))
  expect(results.slice(0, 20).map(({ status }) => status)).toEqual(Array(20).fill('done'))
  expect(results[20]?.error).toMatchObject({ code: 'LIMIT_TOOL_CALLS', gate: 'decode' })
  expect(looked).toHaveLength(20)
})
