import { describe, expect, it } from 'vitest'
import type { Grant } from '../../src/capabilities/capability.ts'
import type { Ticket } from '../../src/index.ts'
import { openShop, shopPolicy } from '../capabilities/db/shops.ts'
import { openFolder } from '../harness/files.ts'
import { openGateOf, withGrant, type Replace } from '../run/gates.ts'

// Unicode "other" and the separators of lines.
const CONTROLS = /[\p{C}\p{Zl}\p{Zp}]/u
const HOSTILE = '\u001b[2J\r\n\u202e\u200b\u2028"}\n{"event":"run.ended"'
const STOLEN = 'stolen-'.repeat(2_000)

/** Names, keys and comments that carry data; every outcome is told. */
const CODE = `
  const { hostile, stolen } = input, told = []
  const attempt = async (work) => { try { await work(); told.push('done') } catch ({ code, message, hint }) { told.push({ code, message, hint }) } }
  for (const data of [hostile, stolen, stolen.slice(0, 200), encodeURIComponent(hostile)]) {
    await attempt(() => fs.write('/tmp/' + data, 'x'))
    await attempt(() => fs.readText('/in/' + data))
    await attempt(() => fs.rename('/tmp/a', '/tmp/' + data))
    await attempt(() => fs.glob('/in/' + data + '*'))
    await attempt(() => kv.put(data, 1))
    await attempt(() => kv.list(data))
    await attempt(() => db.shop.query('select id from orders /* ' + data.replaceAll('*/', '') + ' */'))
    await attempt(() => db.shop.query('select id from orders -- ' + data))
    await attempt(() => db.shop.query('select "' + data + '" from orders'))
    await attempt(() => db.shop.query('select id as "' + data + '" from nowhere'))
    await attempt(() => db.shop.query('select :' + data, { [data]: 1 }))
    await attempt(() => kv.put('a', 1, { idempotencyKey: data }))
    await attempt(() => fs.write('/tmp/a', 'x', { idempotencyKey: data }))
  }
  return told`

type Told = 'done' | { readonly code: string; readonly message: string; readonly hint?: string }

async function run(replace?: Replace) {
  using shop = openShop()
  using folder = openFolder({ 'kept.txt': '' })
  const tickets: Ticket[] = []
  const approve = (ticket: Ticket): boolean => tickets.push(ticket) > 0
  await using gate = await openGateOf({ approve }, replace)
  const { permissions, limits } = shopPolicy(shop) as { permissions: object; limits: object }
  const filesystem = [
    { path: '/in', source: folder.path, mode: 'read', allow: ['**'] },
    { path: '/tmp', mode: 'scratch' },
  ]
  const policy = { permissions: { ...permissions, filesystem, kv: { ask: 'always' } }, limits }
  const result = await gate.run({ code: CODE, policy, input: { hostile: HOSTILE, stolen: STOLEN } })
  const records = await gate.audit.read({ runId: result.runId })
  expect((await gate.audit.verify()).intact).toBe(true)
  return { told: result.value as Told[], tickets, calls: records.filter(({ event }) => event === 'call') }
}

const textsOf = (records: readonly { facts: Readonly<Record<string, unknown>> }[]): string[] =>
  records.flatMap(({ facts }) => Object.values(facts)).filter((value) => typeof value === 'string')

/** A grant that names what it judges as the guest wrote it. */
const verbatim = (grant: Grant): Grant => ({
  ...grant,
  judge: (op, args) => ({
    ...grant.judge(op, args),
    subject: `${op} ${(args as { key?: string }).key ?? ''}\u001b`,
  }),
})

describe('data in names of files, keys, comments of SQL and idempotency keys', () => {
  it('is short and plain in every error, question and record, and each attempt is on record', async () => {
    const { told, tickets, calls } = await run()
    expect(told).toHaveLength(52)
    expect(told.filter((one) => one === 'done').length).toBeGreaterThan(8)
    for (const one of told) {
      const text = one === 'done' ? '' : `${one.message}${one.hint ?? ''}`
      expect(text).not.toMatch(CONTROLS)
      expect(text.length).toBeLessThan(900)
    }
    for (const { subject } of tickets) {
      expect(subject).not.toMatch(CONTROLS)
      expect(subject.length).toBeLessThan(700)
    }
    expect(tickets.length).toBeGreaterThan(1)
    for (const text of textsOf(calls)) {
      expect(text).not.toMatch(CONTROLS)
      expect(text.length).toBeLessThan(2_000)
    }
    // What the guest's own kernel refuses never became a call.
    const refusedInside = told.filter((one) => one !== 'done' && one.code === 'GUEST_ARGUMENTS').length
    expect(calls.length).toBeGreaterThanOrEqual(told.length - refusedInside)
  })

  it('negative control: would stand in questions as it is written by a grant that shows it so', async () => {
    const { tickets } = await run(withGrant('kv', verbatim))
    expect(tickets.some(({ subject }) => CONTROLS.test(subject))).toBe(true)
  })
})
