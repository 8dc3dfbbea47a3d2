/** A tool edits a folder, and nothing in it changes before a human has read the changes; refused, all stays as it was. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTollgate, type RunResult, type Ticket } from 'tollgate'
import { formatReport } from 'tollgate/report'

const NOTES = { 'monday.md': 'Met Ann.\nTODO call Bob\n', 'tuesday.md': 'TODO pay\nRain.\n' }

const folder = await mkdtemp(join(tmpdir(), 'tollgate-example-'))
const read = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(folder))
        .toSorted()
        .map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
    ),
  )

const policy = {
  permissions: {
    filesystem: [{ path: '/notes', source: folder, mode: 'overlay', allow: ['*.md'], ask: 'always' }],
  },
}
const tickets: Ticket[] = []
let answer = false
await using gate = await createTollgate({
  state: ':memory:',
  approve(ticket) {
    tickets.push(ticket)
    console.log(`asked: ${ticket.subject}\n  answer: ${answer ? 'yes' : 'no'}\n`)
    return { approve: answer, by: 'alice' }
  },
})
const run = async (): Promise<RunResult> => {
  const result = await gate.run({ file: join(import.meta.dirname, 'tool.ts'), policy })
  console.log(`${formatReport(result, await gate.audit.read({ runId: result.runId }))}\n`)
  return result
}

try {
  for (const [name, text] of Object.entries(NOTES)) await writeFile(join(folder, name), text)
  const refused = await run()
  assert.equal(refused.error?.code, 'APPROVAL_DENIED')
  assert.deepEqual(await read(), NOTES)

  answer = true
  const done = await run()
  assert.equal(done.value, 2)
  assert.deepEqual(
    done.commits?.map(({ op, state }) => [op, state]),
    [['fs.commit', 'done']],
  )
  assert.deepEqual(await read(), {
    'monday.md': 'Met Ann.\nLISTED call Bob\n',
    'todo.md': '- call Bob\n- pay\n',
    'tuesday.md': 'LISTED pay\nRain.\n',
  })
  assert.match(JSON.stringify(tickets[1]?.request), /-TODO pay\\n\+LISTED pay/)
} finally {
  await rm(folder, { recursive: true })
}
console.log(
  'As expected: refused, the notes stayed as they were; approved, all three files changed together.',
)
