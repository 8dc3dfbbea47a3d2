import { expect, it } from 'vitest'
import { openGateOf } from '../run/gates.ts'
import { mailPolicy, MESSAGE, Outbox } from '../run/mail.ts'

const HELD =
  'return Object.entries(capabilities).flatMap(([name, held]) => Object.keys(held).map((op) => `${name}.${op}`))'

it('R3: each task holds what its own policy grants, whatever another task of the same host may do', async () => {
  const outbox = new Outbox()
  await using gate = await openGateOf({ tools: [outbox.tool] })
  const mailing = await gate.run({ code: HELD, policy: mailPolicy(), task: 'mailing' })
  const reading = await gate.run({
    code: HELD,
    policy: { permissions: { http: { allowed_domains: ['api.company.com'] } } },
    task: 'reading',
  })
  const idle = await gate.run({ code: HELD, policy: {}, task: 'idle' })
  expect(mailing.value).toEqual(['tools.send_email'])
  expect(reading.value).toContain('http.get')
  expect(reading.value).not.toContain('tools.send_email')
  expect(idle.value).toEqual([])
})

it('R3: what a task has used up does not burden another, and is not given to it', async () => {
  const outbox = new Outbox()
  await using gate = await openGateOf({ tools: [outbox.tool] })
  const policy = mailPolicy({ ask: 'never', max_calls: 1 })
  const code = 'try { return (await tools.send_email(input)).id } catch ({ code }) { return code }'
  const values = []
  for (const task of ['a', 'a', 'b', 'b'])
    values.push((await gate.run({ code, input: MESSAGE, policy, task })).value)
  expect(values).toEqual(['mail-1', 'LIMIT_OP_CALLS', 'mail-2', 'LIMIT_OP_CALLS'])
})
