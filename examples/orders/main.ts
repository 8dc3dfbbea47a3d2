/** A tool reads two tables of a database, finds a masked column NULL, is denied a third table, and adds a row after a human has agreed. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createTollgate } from 'tollgate'
import { formatReport } from 'tollgate/report'

const here = import.meta.dirname
const file = join(here, 'shop.db')
rmSync(file, { force: true })
const shop = new DatabaseSync(file)
shop.exec(`
  CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, tenant TEXT);
  INSERT INTO customers VALUES (1, 'ada', 'ada@example.com', 'north'), (2, 'bob', 'bob@example.com', 'south');
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total REAL);
  INSERT INTO orders VALUES (1, 1, 9.5);
  CREATE TABLE cards (id INTEGER PRIMARY KEY, number TEXT);
  INSERT INTO cards VALUES (1, '4111');
`)

let willApprove = true
await using gate = await createTollgate({
  state: ':memory:',
  approve(ticket) {
    console.log(`asked: ${ticket.subject}\n  answer: ${willApprove ? 'yes' : 'no'}`)
    return { approve: willApprove, by: 'alice' }
  },
})
const add = async (id: number) => {
  const result = await gate.run({
    file: join(here, 'tool.ts'),
    input: { id, customer: 'ada', total: 20 },
    policy: join(here, 'policy.yaml'),
    principal: 'north',
  })
  console.log(`\n${formatReport(result, await gate.audit.read({ runId: result.runId }))}\n`)
  return result
}
const orders = (): unknown =>
  shop
    .prepare('SELECT id FROM orders')
    .all()
    .map(({ id }) => id)

const added = await add(2)
assert.equal(added.status, 'done')
assert.deepEqual(added.value, {
  customers: [{ name: 'ada', email: null }],
  denied: 'DENIED_NAME',
  added: 1,
  orders: 2,
})
assert.deepEqual(orders(), [1, 2])

willApprove = false
const refused = await add(3)
assert.equal(refused.error?.code, 'APPROVAL_DENIED')
assert.deepEqual(orders(), [1, 2])

shop.close()
rmSync(file)
console.log(
  'As expected: one row was added, after a human had agreed; hidden tables, columns and rows stayed so.',
)
