import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { LOOPBACK } from '../harness/gate.ts'
import { openSite } from '../harness/site.ts'
import { openGateOf } from '../run/gates.ts'

const CATEGORIES = ['message', 'payment', 'delete', 'credential', 'publish', 'admin'] as const

it.each(CATEGORIES)(
  'R15: an action of the category %s is held back until a human agrees, without a word in the policy',
  async (category) => {
    let performed = 0
    const act = defineTool({
      name: 'act',
      description: 'Acts.',
      input: z.strictObject({}),
      output: z.number(),
      effect: 'write',
      category,
      perform: () => (performed += 1),
    })
    await using gate = await openGateOf({ tools: [act] })
    const code = 'try { return await tools.act({}) } catch ({ code, gate }) { return [code, gate] }'
    const run = (entry: object, approve?: () => boolean) =>
      gate.run({
        code,
        policy: { permissions: { tools: { act: entry } } },
        ...(approve !== undefined && { approve }),
      })
    expect((await run({})).value).toEqual(['APPROVAL_UNAVAILABLE', 'approve'])
    expect((await run({}, () => false)).value).toEqual(['APPROVAL_DENIED', 'approve'])
    expect(performed).toBe(0)
    expect((await run({}, () => true)).value).toBe(1)
    expect((await run({ ask: 'never' })).value).toBe(2)
  },
)

it('R15: a policy may put a category on a tool or a domain that has none, and ask for it', async () => {
  await using site = await openSite()
  const plain = defineTool({
    name: 'act',
    description: 'Acts.',
    input: z.strictObject({}),
    output: z.null(),
    effect: 'write',
    perform: () => null,
  })
  await using gate = await openGateOf({ tools: [plain] })
  const code = `const outcomes = []
    for (const act of [() => tools.act({}), () => http.post(input, '{}')]) { try { await act(); outcomes.push('done') } catch ({ code }) { outcomes.push(code) } }
    return outcomes`
  const domain = { domain: site.origin, methods: ['POST'], category: ['payment'] }
  const policy = {
    permissions: {
      tools: { act: { category: ['admin'] } },
      http: { allowed_domains: [domain], ...LOOPBACK },
    },
  }
  expect((await gate.run({ code, input: site.origin, policy })).value).toEqual([
    'APPROVAL_UNAVAILABLE',
    'APPROVAL_UNAVAILABLE',
  ])
  expect(site.connections).toBe(0)
})
