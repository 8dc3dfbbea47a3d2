import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../src/index.ts'
import { openGateOf } from './gates.ts'
import { mailPolicy, MESSAGE, Outbox, SEND_ONE } from './mail.ts'

const POLICY = mailPolicy({}, { cost_alerts: [0.05], limits: { max_cost_usd: 0.1 } })
const CODE = SEND_ONE.replace('try {', "try { console.log('before');")

const textOf = (event: RunEvent): string => {
  if (event.kind === 'approval') return `approval ${event.state}`
  if (event.kind === 'call') return `call ${event.seq} ${event.verdict}`
  if (event.kind === 'cost_alert') return `cost_alert ${event.threshold}`
  return `log ${event.text}`
}

describe('events', () => {
  it('come in the order in which things happen, to the gate and to the run', async () => {
    const [ofGate, ofRun] = [[] as RunEvent[], [] as RunEvent[]]
    await using gate = await openGateOf({
      tools: [new Outbox().tool],
      approve: () => true,
      onEvent: (event) => void ofGate.push(event),
    })
    const { runId } = await gate.run({
      code: CODE,
      input: MESSAGE,
      policy: POLICY,
      onEvent: (event) => void ofRun.push(event),
    })
    expect(ofRun.map(textOf)).toEqual([
      'log before',
      'approval asked',
      'approval approved',
      'approval used',
      'cost_alert 0.05',
      'call 1 allow',
    ])
    expect(ofGate).toEqual(ofRun)
    expect(new Set(ofRun.map((event) => event.runId))).toEqual(new Set([runId]))
  })

  it('go to the run that they belong to, and all of them to the gate', async () => {
    const ofGate: RunEvent[] = []
    await using gate = await openGateOf({ onEvent: (event) => void ofGate.push(event), concurrentRunsMax: 4 })
    const own = await Promise.all(
      [1, 2, 3, 4].map(async (n) => {
        const events: RunEvent[] = []
        const { runId } = await gate.run({
          code: `console.log(${n}); await null; console.log(${n})`,
          policy: {},
          onEvent: (event) => void events.push(event),
        })
        return { n, runId, events }
      }),
    )
    for (const { n, runId, events } of own)
      expect(events.map((event) => [event.runId, textOf(event)])).toEqual(Array(2).fill([runId, `log ${n}`]))
    expect(ofGate).toHaveLength(8)
  })
})

describe('a callback that fails', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('not my day')
      },
    ],
    ['rejects', () => Promise.reject(new Error('not my day'))],
    [
      'throws what is no error',
      () => {
        // oxlint-disable-next-line typescript/only-throw-error -- what is no error is what an embedder may throw as well
        throw 7
      },
    ],
  ])('because it %s ends no run and no host, and a warning says so', async (_, onEvent) => {
    const warnings: string[] = []
    const onWarning = ({ name, message }: Error): void =>
      void (name === 'TollgateWarning' && warnings.push(message))
    process.on('warning', onWarning)
    const listener: (event: RunEvent) => unknown = onEvent
    await using gate = await openGateOf({ onEvent: listener })
    const heard: RunEvent[] = []
    const { value } = await gate.run({
      code: 'console.log("x"); return 1',
      policy: {},
      onEvent: (event) => void heard.push(event),
    })
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    expect([value, heard.length]).toEqual([1, 1])
    expect(warnings).toEqual([expect.stringContaining('onEvent')])
  })
})

describe('an approve callback that fails', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no one home')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no one home'))],
  ])('because it %s refuses the call, and its words stay in the host', async (_, approve) => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool], approve })
    const code =
      'try { await tools.send_email(input) } catch (error) { return { ...error, text: String(error), stack: error.stack } }'
    const { value, runId } = await gate.run({ code, input: MESSAGE, policy: mailPolicy() })
    expect(value).toMatchObject({ code: 'APPROVAL_UNAVAILABLE', gate: 'approve' })
    expect(JSON.stringify(value)).not.toContain('no one home')
    expect(outbox.sent).toEqual([])
    expect((await gate.runs.get(runId))?.approvals).toMatchObject([{ state: 'unavailable' }])
  })
})
