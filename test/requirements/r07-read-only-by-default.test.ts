import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { askShop, openShop, shopPolicy } from '../capabilities/db/shops.ts'
import { callFiles, filePolicy, openFolder, type FileCall } from '../harness/files.ts'
import { LOOPBACK } from '../harness/gate.ts'
import { openSite } from '../harness/site.ts'
import { openGateOf } from '../run/gates.ts'

it('R7: a domain that is merely listed may be read and nothing else', async () => {
  await using site = await openSite()
  await using gate = await openGateOf({})
  const code = `const outcomes = {}
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      try { outcomes[method] = (await http.request({ method, url: input })).status } catch ({ code, gate }) { outcomes[method] = code + '@' + gate }
    }
    return outcomes`
  const policy = { permissions: { http: { allowed_domains: [site.origin], ...LOOPBACK } } }
  const { value } = await gate.run({ code, input: site.origin, policy })
  const { GET, HEAD, ...rest } = value as Record<string, unknown>
  expect([GET, HEAD]).toEqual([200, 200])
  for (const outcome of Object.values(rest))
    expect(outcome).toMatch(/^(DENIED_METHOD@authorize|GUEST_ARGUMENTS@decode)$/)
  expect(new Set(site.requests.map(({ method }) => method))).toEqual(new Set(['GET', 'HEAD']))
})

it('R7: a host tool that does not say that it only reads is taken for the worst, and asks', async () => {
  let performed = 0
  const silent = defineTool({
    name: 'silent',
    description: 'Says nothing of its effect.',
    input: z.strictObject({}),
    output: z.number(),
    perform: () => (performed += 1),
  })
  const reader = defineTool({
    name: 'reader',
    description: 'Reads.',
    input: z.strictObject({}),
    output: z.number(),
    effect: 'read',
    perform: () => 7,
  })
  await using gate = await openGateOf({ tools: [silent, reader] })
  const code =
    'const read = await tools.reader({}); try { await tools.silent({}) } catch ({ code, gate }) { return [read, code, gate] }'
  const { value } = await gate.run({ code, policy: { permissions: { tools: { silent: {}, reader: {} } } } })
  expect(value).toEqual([7, 'APPROVAL_UNAVAILABLE', 'approve'])
  expect(performed).toBe(0)
})

it('R7: a mount that says only that it is read cannot be written, whatever the verb', async () => {
  using folder = openFolder({ 'a.txt': 'kept' })
  await using gate = await openGateOf({})
  const mount = { path: '/in', source: folder.path, mode: 'read', allow: ['**'] }
  const calls: FileCall[] = [
    ['readText', '/in/a.txt'],
    ['write', '/in/a.txt', 'x'],
    ['write', '/in/b.txt', 'x'],
    ['append', '/in/a.txt', 'x'],
    ['remove', '/in/a.txt'],
    ['rename', '/in/a.txt', '/in/b.txt'],
    ['mkdir', '/in/c'],
    ['readText', '/in/a.txt'],
  ]
  const alone = (await callFiles(gate, filePolicy([mount]), calls)).found
  expect(alone).toEqual(['kept', ...calls.slice(2).map(() => 'no such member at undefined'), 'kept'])
  // Beside a mount that can be written, the verbs are there.
  const beside = filePolicy([mount, { path: '/tmp', mode: 'scratch' }])
  const { found } = await callFiles(gate, beside, calls)
  expect(found).toEqual(['kept', ...calls.slice(2).map(() => 'DENIED_FILE_MODE at authorize'), 'kept'])
})

it('R7: a database that says only what may be read is not changed', async () => {
  using shop = openShop()
  await using gate = await openGateOf({})
  const before = shop.snapshot()
  const writes = [
    'update orders set total = 0',
    'delete from orders',
    'insert into orders values (9, 9, 9)',
    'drop table orders',
    'create table more (id)',
  ]
  const { verdicts } = await askShop(gate, shopPolicy(shop), ['select count(*) from orders', ...writes])
  expect(verdicts[0]).toEqual([[3]])
  expect(new Set(verdicts.slice(1))).toEqual(new Set(['DENIED_STATEMENT at authorize']))
  expect(shop.snapshot()).toEqual(before)
})
