import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type Ticket } from '../../src/index.ts'
import { openGateOf } from '../run/gates.ts'

const tool = (name: string, done: string[]) =>
  defineTool({
    name,
    description: 'Does something.',
    input: z.strictObject({ id: z.number() }),
    output: z.string(),
    effect: 'write',
    perform: () => (done.push(name), name),
  })
const CODE = `const outcomes = []
  for (const name of ['send_email', 'delete_record', 'look_up']) {
    try { outcomes.push(await tools[name]({ id: 7 })) } catch ({ code }) { outcomes.push(code) }
  }
  return outcomes`

it('R21: exactly the actions that human_in_loop lists need an approval', async () => {
  const [done, asked] = [[] as string[], [] as Ticket[]]
  const approve = (ticket: Ticket): boolean => (asked.push(ticket), ticket.op === 'tools.send_email')
  await using gate = await openGateOf({
    tools: ['send_email', 'delete_record', 'look_up'].map((name) => tool(name, done)),
    approve,
  })
  const policy = {
    permissions: { tools: { send_email: {}, delete_record: {}, look_up: {} } },
    human_in_loop: ['send_email', 'delete_record'],
  }
  const result = await gate.run({ code: CODE, policy })
  expect(result.value).toEqual(['send_email', 'APPROVAL_DENIED', 'look_up'])
  expect(asked.map(({ op, rule }) => [op, rule])).toEqual([
    ['tools.send_email', 'human_in_loop[0]'],
    ['tools.delete_record', 'human_in_loop[1]'],
  ])
  expect(result.approvals.map(({ op, state }) => [op, state])).toEqual([
    ['tools.send_email', 'used'],
    ['tools.delete_record', 'denied'],
  ])
  expect(done).toEqual(['send_email', 'look_up'])
})

it('R21: an action that names nothing known is shown as a warning and grants nothing', async () => {
  await using gate = await openGateOf({})
  const { warnings, value } = await gate.run({
    code: 'return Object.keys(capabilities)',
    policy: { human_in_loop: ['send_email', 'delete_record'] },
  })
  expect(warnings).toHaveLength(2)
  expect(warnings[0]).toContain('human_in_loop[0]')
  expect(value).toEqual([])
})
