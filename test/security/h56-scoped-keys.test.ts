import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type Tollgate } from '../../src/index.ts'
import { openGateOf, withSetting } from '../run/gates.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-h56-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const payer = (name: string, paid: string[]) =>
  defineTool({
    name,
    description: 'Pays.',
    input: z.strictObject({ to: z.string() }),
    output: z.string(),
    effect: 'write',
    perform: ({ to }, { principal }) => `${name} ${paid.push(`${principal} ${to}`)}`,
  })
const POLICY = { permissions: { tools: { pay: {}, refund: {} } } }
const PAY = `export default async ({ tool, to, key }, { tools }) => {
  try { return await tools[tool]({ to }, { idempotencyKey: key }) } catch ({ code, gate }) { return code + '@' + gate }
}`
type Asked = {
  readonly principal?: string
  readonly code?: string
  readonly tool?: string
  readonly to?: string
  readonly key?: string
}

const pay = async (
  gate: Tollgate,
  { principal = 'alice', code = PAY, tool = 'pay', to = 'bob', key = 'key' }: Asked,
): Promise<unknown> => (await gate.run({ code, input: { tool, to, key }, policy: POLICY, principal })).value

const openGate = (paid: string[], replace?: Parameters<typeof openGateOf>[1]): Promise<Tollgate> =>
  openGateOf({ state: folder, tools: [payer('pay', paid), payer('refund', paid)] }, replace)

describe('a key of a call', () => {
  it('means nothing to another principal, tool program or op', async () => {
    const paid: string[] = []
    await using gate = await openGate(paid)
    const others: Asked[] = [
      {},
      { principal: 'eve' },
      { code: `${PAY} // other` },
      { tool: 'refund' },
      { key: 'key2' },
    ]
    const outcomes = []
    for (const asked of others) outcomes.push(await pay(gate, asked))
    expect(outcomes).toEqual(['pay 1', 'pay 2', 'pay 3', 'refund 4', 'pay 5'])
  })

  it('tells another principal nothing: no conflict, no stored result', async () => {
    const paid: string[] = []
    await using gate = await openGate(paid)
    await pay(gate, { principal: 'alice', to: 'bob' })
    expect(await pay(gate, { principal: 'eve', to: 'mallory' })).toBe('pay 2')
    expect(paid).toEqual(['alice bob', 'eve mallory'])
  })

  it.each(['a","key', '","', 'alice', '["key"]', '\\", \\"', "' OR 1=1 --", ' key', 'key '])(
    'cannot be chosen to be that of others: %s',
    async (key) => {
      const paid: string[] = []
      await using gate = await openGate(paid)
      await pay(gate, { principal: 'a', key: 'key' })
      expect(await pay(gate, { principal: 'b', key })).toBe('pay 2')
      expect(await pay(gate, { principal: 'a","b', key })).toBe('pay 3')
    },
  )

  it('is not kept as it is: what stands in the state is a hash', async () => {
    const paid: string[] = []
    await using gate = await openGate(paid)
    await pay(gate, { key: 'a-telling-key' })
    const database = new DatabaseSync(join(folder, 'tollgate.db'), { readOnly: true })
    const [receipt] = database.prepare('SELECT scope FROM receipts').all() as { scope: string }[]
    database.close()
    expect(receipt?.scope).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.stringify(await gate.audit.read())).not.toContain('a-telling-key')
  })

  it.each(['', 'x'.repeat(201), 'new\nline', 'ü', '\u0000', 7, {}, null])(
    'that is no short printable text is refused before it leaves: %j',
    async (key) => {
      const paid: string[] = []
      await using gate = await openGate(paid)
      const code = PAY.replace("return code + '@' + gate", 'return code')
      const { value } = await gate.run({ code, input: { tool: 'pay', to: 'bob', key }, policy: POLICY })
      expect(value).toBe('GUEST_ARGUMENTS')
      expect(paid).toEqual([])
    },
  )

  it('negative control: collides where every receipt stands under one scope', async () => {
    const paid: string[] = []
    const shared = withSetting(({ store }) => ({
      store: {
        ...store,
        receipts: {
          get: () => store.receipts.get('one'),
          intend: (intent, events) => store.receipts.intend({ ...intent, scope: 'one' }, events),
          settle: (_, ...rest) => store.receipts.settle('one', ...rest),
        },
      },
    }))
    await using gate = await openGate(paid, shared)
    await pay(gate, { principal: 'alice' })
    expect(await pay(gate, { principal: 'eve' })).toBe('pay 1')
    expect(await pay(gate, { principal: 'eve', to: 'mallory' })).toBe('IDEMPOTENCY_CONFLICT@recall')
  })
})

describe('a key of a run', () => {
  it('means nothing to another principal', async () => {
    const paid: string[] = []
    await using gate = await openGate(paid)
    const options = {
      code: PAY,
      input: { tool: 'pay', to: 'bob', key: 'key' },
      policy: POLICY,
      idempotencyKey: 'run',
    }
    const alice = await gate.run({ ...options, principal: 'alice' })
    const eve = await gate.run({ ...options, principal: 'eve' })
    const mallory = await gate.run({
      ...options,
      principal: 'mallory',
      input: { ...options.input, to: 'mallory' },
    })
    expect(new Set([alice, eve, mallory].map(({ runId }) => runId)).size).toBe(3)
    expect(paid).toEqual(['alice bob', 'eve bob', 'mallory mallory'])
  })

  it.each(['principal', 'task', 'idempotencyKey'])(
    'or a name that a store could not tell from others is refused: %s',
    async (option) => {
      await using gate = await openGate([])
      for (const name of ['a\ud800', 'a\udfff', '', 'a\nb', 'a\u0000', 'x'.repeat(257), 7]) {
        await expect(gate.run({ code: 'return 1', policy: POLICY, [option]: name })).rejects.toMatchObject({
          code: 'CONFIG_USAGE',
        })
      }
    },
  )
})
