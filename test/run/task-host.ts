/**
 * A host in a process of its own that makes runs of one task: `node task-host.ts STATE TASK RUNS CALLS [WAY]`. Each run makes so
 * many calls. Prints one line of JSON for each run; WAY `stays` keeps the last run going after it has said `staying`.
 */
import { z } from 'zod'
import { createTollgate, defineTool } from '../../src/index.ts'

const [state = '', task = '', runs = '0', calls = '0', way] = process.argv.slice(2)
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.strictObject({}),
  output: z.null(),
  effect: 'read',
  costUsd: 0.01,
  perform: () => null,
})
const policy = {
  permissions: { tools: { look: {} } },
  limits: { max_tool_calls: 20, max_cost_usd: 10, max_duration_seconds: 100 },
  cost_alerts: [0.005, 0.015],
}

await using gate = await createTollgate({ state, tools: [look] })
for (let run = 0; run < Number(runs); run += 1) {
  const stays = way === 'stays' && run === Number(runs) - 1
  const code = `for (let i = 0; i < ${calls}; i += 1) await tools.look({}); ${stays ? 'console.log("staying"); await new Promise(() => undefined)' : ''}`
  const onEvent = (event: { kind: string; text?: string }): void =>
    void (event.kind === 'log' && console.log(event.text))
  const { status, error, costAlerts, usage } = await gate.run({ code, policy, task, onEvent })
  console.log(
    JSON.stringify({ status, code: error?.code, gate: error?.gate, costAlerts, calls: usage.calls }),
  )
}
