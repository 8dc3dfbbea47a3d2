/**
 * A host in a process of its own whose run writes to a database: `node writing-host.ts FILE TRANSACTION`. It says `written` when the
 * run has, and waits.
 */
import { createTollgate } from '../../src/index.ts'

const [file, transaction] = process.argv.slice(2)
const gate = await createTollgate({ state: ':memory:' })
const shop = {
  engine: 'sqlite',
  file,
  transaction,
  read: { orders: '*', notes: ['id', 'text'] },
  write: { orders: ['insert', 'update'], notes: ['insert'] },
}
const code = `await db.shop.execute('update orders set total = 0')
  for (let i = 0; i < 20; i += 1) await db.shop.execute('insert into notes (text) values (?)', [i + 'x'.repeat(50000)])
  console.log('written'); await new Promise(() => setTimeout(() => undefined, 60000))`
const policy = { permissions: { db: { shop }, db_write: true }, limits: { max_tool_calls: 100 } }
await gate.run({ code, policy, onEvent: ({ kind }) => void (kind === 'log' && console.log('written')) })
