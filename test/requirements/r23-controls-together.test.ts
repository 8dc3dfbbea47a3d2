import { expect, it } from 'vitest'
import { LOOPBACK } from '../harness/gate.ts'
import { openSite } from '../harness/site.ts'
import { openGateOf } from '../run/gates.ts'
import { MESSAGE, Outbox } from '../run/mail.ts'

it('R23: granular permissions, a domain allow-list, a human in the loop and a full audit log work together in one run', async () => {
  await using allowed = await openSite()
  await using other = await openSite()
  const outbox = new Outbox()
  let asked = 0
  await using gate = await openGateOf({
    tools: [outbox.tool],
    approve: () => ({ approve: (asked += 1) === 1, by: 'alice' }),
  })
  const policy = {
    name: 'support',
    permissions: {
      http: { allowed_domains: [allowed.origin], ...LOOPBACK },
      tools: { send_email: { max_calls: 2 } },
    },
    limits: { max_tool_calls: 20, max_duration_seconds: 120, max_cost_usd: 0.5 },
    human_in_loop: ['send_email'],
  }
  const code = `const outcomes = []
    const acts = [
      () => http.get(input.allowed), () => http.post(input.allowed, 'x'), () => http.get(input.other),
      () => tools.send_email(input.message), () => tools.send_email(input.message),
    ]
    for (const act of acts) { try { await act(); outcomes.push('done') } catch ({ code, gate }) { outcomes.push(code + '@' + gate) } }
    return outcomes`
  const result = await gate.run({
    code,
    input: { allowed: allowed.origin, other: other.origin, message: MESSAGE },
    policy,
  })
  expect(result.value).toEqual([
    'done',
    'DENIED_METHOD@authorize',
    'DENIED_DOMAIN@authorize',
    'done',
    'APPROVAL_DENIED@approve',
  ])
  expect([allowed.requests.length, other.connections, outbox.sent.length]).toEqual([1, 0, 1])

  const records = await gate.audit.read({ runId: result.runId })
  expect(
    records.map(({ event, facts }) =>
      [event, facts['verdict'] ?? facts['state'] ?? facts['status']].filter(Boolean).join(' '),
    ),
  ).toEqual([
    'run.started',
    'call allow',
    'call deny',
    'call deny',
    'approval asked',
    'approval approved',
    'approval used',
    'call.intended',
    'call allow',
    'approval asked',
    'approval denied',
    'call deny',
    'run.ended done',
  ])
  expect(await gate.audit.verify()).toMatchObject({ intact: true, records: records.length })
})
