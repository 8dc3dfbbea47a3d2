import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineTool } from '../../src/index.ts'
import { openGate } from '../harness/gate.ts'
import { openGateOf, withGrant } from './gates.ts'

const echo = defineTool({
  name: 'echo',
  description: 'Says it again.',
  input: z.strictObject({ text: z.string() }),
  output: z.string(),
  effect: 'read',
  perform: ({ text }) => text,
})

const POLICY = { permissions: { kv: {}, tools: { echo: {} } }, limits: { max_tool_calls: 200 } }

/** Says what became of each promise: its value, or `CODE at gate`. */
const TELL = `const told = (promises) => Promise.all(promises.map((one) => one.then(
    (value) => value === undefined ? 'ok' : value, ({ code, gate }) => code + ' at ' + gate)));`

describe('only()', () => {
  it('works', async () => {
    await using gate = await openGate({ tools: [echo] })
    const code = `${TELL}
      const own = kv.only({ prefix: 'a/' })
      const twice = own.only({ prefix: 'a/b/', calls: 2 })
      const out = await told([own.put('a/x', 1), own.put('b/x', 2), own.list('a/'), own.list(''), twice.get('a/x'), twice.put('a/b/c', 3), twice.get('a/b/c'), twice.get('a/b/c'),
        kv.only({ foo: 1 }).get('x'), kv.only({ mode: 'read'}).put('x', 1)])
      own.revoke()
      out.push(...await told([own.get('a/x'), twice.get('a/b/c'), kv.get('a/x'), tools.only({ names: ['x']}).echo({text: 'a'}), tools.only({ names: 'echo'}).echo({text: 'a'})]))
      return out`
    const result = await gate.run({ code, policy: POLICY })
    console.log(JSON.stringify(result, null, 1))
    console.log((await gate.audit.read({ runId: result.runId })).map(({ event, facts }) => JSON.stringify([event, facts])).join('\n'))
    expect(result.status).toBe('done')
    void withGrant, openGateOf
  })
})
