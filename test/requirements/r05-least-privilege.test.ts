import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { openGateOf } from '../run/gates.ts'
import { Outbox } from '../run/mail.ts'

const deleteRecord = defineTool({
  name: 'delete_record',
  description: 'Deletes.',
  input: z.strictObject({ id: z.number() }),
  output: z.null(),
  category: 'delete',
  perform: () => null,
})

it('R5: a research tool has no e-mail, no database write and no code execution, though the host has the tools', async () => {
  const outbox = new Outbox()
  await using gate = await openGateOf({ tools: [outbox.tool, deleteRecord] })
  const code = `const attempts = {
      mail: () => tools.send_email({ to: 'a', body: 'b' }),
      delete: () => capabilities.tools.delete_record({ id: 1 }),
      file: () => capabilities.fs.readText('/in/a.txt'),
      memory: () => kv.put('a', 1),
      namedDatabase: () => db.shop.query('select 1'),
      database: () => capabilities.db.query('delete from orders'),
      code: () => new Function('return 1')(),
      process: () => process.exit(),
    }
    const outcomes = {}
    for (const [name, attempt] of Object.entries(attempts)) {
      try { await attempt(); outcomes[name] = 'done' } catch (error) { outcomes[name] = error.name }
    }
    return { held: Object.keys(capabilities), outcomes }`
  const { value, usage } = await gate.run({
    code,
    policy: { permissions: { http: { allowed_domains: ['en.wikipedia.org'] } } },
  })
  expect(value).toEqual({
    held: ['http'],
    outcomes: {
      mail: 'TypeError',
      delete: 'TypeError',
      file: 'TypeError',
      memory: 'TypeError',
      namedDatabase: 'TypeError',
      database: 'TypeError',
      code: 'TypeError',
      process: 'ReferenceError',
    },
  })
  expect([usage.calls, outbox.sent.length]).toEqual([0, 0])
})

it('R5: a child is given less than its parent holds: what it is not handed is not there, and cannot be asked for', async () => {
  const outbox = new Outbox()
  await using gate = await openGateOf({ tools: [outbox.tool, deleteRecord], approve: () => true })
  const code = `const { value } = await exec.run({ code: input, grants: ['tools.send_email'] })
    return value`
  const { value } = await gate.run({
    code,
    input:
      'return [Object.keys(capabilities), Object.keys(tools), await tools.send_email({ to: "a", body: "b" })]',
    policy: { permissions: { tools: { send_email: {}, delete_record: {} }, code_exec: {} } },
  })
  expect(value).toEqual([['tools'], ['send_email'], { id: 'mail-1' }])
  const { error } = await gate.run({
    code,
    input: 'return 1',
    policy: { permissions: { tools: { delete_record: {} }, code_exec: {} } },
  })
  expect(error).toMatchObject({ code: 'DENIED_NOT_GRANTED', gate: 'perform', op: 'exec.run' })
})
