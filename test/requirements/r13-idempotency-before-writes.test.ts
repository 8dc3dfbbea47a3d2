import { expect, it } from 'vitest'
import { openGateOf } from '../run/gates.ts'
import { mailPolicy, MESSAGE, Outbox } from '../run/mail.ts'

it('R13: a write under a key that was used is not done again: the first outcome is returned', async () => {
  const outbox = new Outbox()
  await using gate = await openGateOf({ tools: [outbox.tool] })
  const code = `const send = async (message) => {
      try { return (await tools.send_email(message, { idempotencyKey: 'report-7' })).id } catch ({ code, gate }) { return [code, gate] }
    }
    return [await send(input), await send(input), await send({ ...input, to: 'eve@example.com' })]`
  const first = await gate.run({ code, input: MESSAGE, policy: mailPolicy({ ask: 'never' }) })
  const retried = await gate.run({ code, input: MESSAGE, policy: mailPolicy({ ask: 'never' }) })
  expect(first.value).toEqual(['mail-1', 'mail-1', ['IDEMPOTENCY_CONFLICT', 'recall']])
  expect(retried.value).toEqual(first.value)
  expect(outbox.sent).toEqual([MESSAGE])
})
