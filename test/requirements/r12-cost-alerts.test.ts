import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunEvent } from '../../src/index.ts'
import { openGateOf } from '../run/gates.ts'

const buy = defineTool({
  name: 'buy',
  description: 'Costs ten cents.',
  input: z.strictObject({}),
  output: z.null(),
  effect: 'write',
  costUsd: 0.1,
  perform: () => null,
})

it('R12: each threshold of cost_alerts raises one event, stands in the result and in the audit', async () => {
  const alerts: RunEvent[] = []
  await using gate = await openGateOf({
    tools: [buy],
    onEvent: (event) => void (event.kind === 'cost_alert' && alerts.push(event)),
  })
  const policy = { permissions: { tools: { buy: {} } }, limits: { max_cost_usd: 1 }, cost_alerts: [0.5, 0.8] }
  const result = await gate.run({ code: 'for (let i = 0; i < 10; i += 1) await tools.buy({})', policy })
  const records = await gate.audit.read({ runId: result.runId })
  expect(result.costAlerts).toEqual([0.5, 0.8])
  expect(alerts).toMatchObject([
    { threshold: 0.5, costUsd: 0.5, limitUsd: 1 },
    { threshold: 0.8, costUsd: 0.8, limitUsd: 1 },
  ])
  expect(
    records.filter(({ event }) => event === 'cost_alert').map(({ facts }) => facts['threshold']),
  ).toEqual([0.5, 0.8])
})
