/** A host tool that sends mail asks a human first: what was approved is sent, once, byte for byte; what was not is not. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTollgate, type Ticket } from 'tollgate'
import { formatReport } from 'tollgate/report'
import { outbox, sendEmail } from './tools.ts'

const here = import.meta.dirname
const tickets: Ticket[] = []
await using gate = await createTollgate({
  state: ':memory:',
  tools: [sendEmail],
  // The human of this example reads the address and approves the first message only.
  approve(ticket) {
    tickets.push(ticket)
    const approve = tickets.length === 1
    console.log(
      `asked: ${ticket.subject}\n  because of ${ticket.rule}\n  ${JSON.stringify(ticket.request)}\n  answer: ${approve ? 'yes, once' : 'no'}`,
    )
    return { approve, by: 'alice', ...(!approve && { reason: 'the first message said it all' }) }
  },
})

const messages = JSON.parse(await readFile(join(here, 'messages.json'), 'utf8')) as unknown[]
const result = await gate.run({
  file: join(here, 'tool.ts'),
  input: messages,
  policy: join(here, 'policy.yaml'),
})
console.log(`\n${formatReport(result, await gate.audit.read({ runId: result.runId }))}\n`)

assert.equal(result.status, 'done')
assert.deepEqual(result.value, { sent: ['mail-1'], refused: ['APPROVAL_DENIED'] })
assert.deepEqual(outbox, [messages[0]])
assert.deepEqual(tickets[0]?.request, { tool: 'send_email', arguments: messages[0] })
assert.equal(tickets.length, 2)
assert.notEqual(tickets[0]?.digest, tickets[1]?.digest)
assert.equal(result.approvals.length, 2)
console.log('As expected: one message left, exactly the one that was approved; the second was refused.')
