import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
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
