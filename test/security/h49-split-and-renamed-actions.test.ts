import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { CompiledPolicy, RunResult, Ticket } from '../../src/index.ts'
import { defineTool } from '../../src/index.ts'
import { LOOPBACK } from '../harness/gate.ts'
import { openSite, type Site } from '../harness/site.ts'
import { openGateOf, type Replace } from '../run/gates.ts'
import { mailPolicy, MESSAGE, Outbox, SEND_ONE } from '../run/mail.ts'

const refund = (paid: number[]) =>
  defineTool({
    name: 'refund',
    description: 'Pays money back.',
    input: z.strictObject({ cents: z.number() }),
    output: z.number(),
    effect: 'write',
    costUsd: 0.01,
    perform: ({ cents }) => paid.push(cents),
  })

const TRY_MANY = `const codes = []
  for (let i = 0; i < 10; i += 1) {
    try { await tools.refund({ cents: 1 }); codes.push('ok') } catch ({ code, gate }) { codes.push(code + '@' + gate) }
  }
  return codes`
const repeat = (text: string, count: number): string[] => Array<string>(count).fill(text)

describe('one large effect as many small ones', () => {
  it('meets max_calls of its grant, which counts over the runs of a task', async () => {
    const paid: number[] = []
    await using gate = await openGateOf({ tools: [refund(paid)] })
    const policy = {
      permissions: { tools: { refund: { max_calls: 3 } } },
      limits: { max_tool_calls: 100, max_cost_usd: 9 },
    }
    const options = { code: TRY_MANY, policy, task: 'refunds' }
    const runs = [await gate.run(options), await gate.run(options)]
    expect(runs.map(({ value }) => value)).toEqual([
      [...repeat('ok', 3), ...repeat('LIMIT_OP_CALLS@reserve', 7)],
      repeat('LIMIT_OP_CALLS@reserve', 10),
    ])
    expect(paid).toHaveLength(3)
  })

  it('meets max_cost_usd, which counts over the runs of a task and ends the run', async () => {
    const paid: number[] = []
    await using gate = await openGateOf({ tools: [refund(paid)] })
    const policy = {
      permissions: { tools: { refund: {} } },
      limits: { max_tool_calls: 100, max_cost_usd: 0.05 },
    }
    const options = { code: TRY_MANY, policy, task: 'refunds' }
    const runs = [await gate.run(options), await gate.run(options)]
    expect(runs.map(({ error }) => [error?.code, error?.gate])).toEqual(
      repeat('', 2).map(() => ['LIMIT_COST', 'reserve']),
    )
    expect(paid).toHaveLength(5)
  })

  it('meets max_egress_kb, which counts over all requests to one destination', async () => {
    await using site = await openSite()
    await using gate = await openGateOf({})
    const code = `const codes = []
      for (let i = 0; i < 10; i += 1) {
        try { await http.post(input, 'x'.repeat(400)); codes.push('ok') } catch ({ code, gate }) { codes.push(code + '@' + gate) }
      }
      return codes`
    const http = {
      allowed_domains: [{ domain: site.origin, methods: ['POST'], ask: 'never' }],
      max_egress_kb: 2,
      ...LOOPBACK,
    }
    const { value } = await gate.run({
      code,
      input: site.origin,
      policy: { permissions: { http }, limits: { max_tool_calls: 100 } },
    })
    expect(value).toEqual([
      ...repeat('ok', site.requests.length),
      ...repeat('LIMIT_EGRESS@reserve', 10 - site.requests.length),
    ])
    expect(site.requests.length).toBeLessThanOrEqual(5)
  })

  it('is asked about each time', async () => {
    const outbox = new Outbox()
    const tickets: Ticket[] = []
    const approve = (ticket: Ticket): boolean => tickets.push(ticket) <= 2
    await using gate = await openGateOf({ tools: [outbox.tool], approve })
    const code = `const send = ${SEND_ONE.replace('export default', '')}
      export default async (m, c) => [await send(m, c), await send(m, c), await send(m, c), await send(m, c)]`
    const { value } = await gate.run({ code, input: MESSAGE, policy: mailPolicy() })
    expect(value).toEqual([
      'mail-1',
      'mail-2',
      ['APPROVAL_DENIED', 'approve'],
      ['APPROVAL_DENIED', 'approve'],
    ])
    expect(tickets).toHaveLength(4)
  })

  it('negative control: passes in runs that no task joins', async () => {
    const paid: number[] = []
    await using gate = await openGateOf({ tools: [refund(paid)] })
    const policy = {
      permissions: { tools: { refund: { max_calls: 3 } } },
      limits: { max_tool_calls: 100, max_cost_usd: 9 },
    }
    for (let run = 0; run < 2; run += 1) await gate.run({ code: TRY_MANY, policy })
    expect(paid).toHaveLength(6)
  })
})

describe('an action under another spelling', () => {
  it.each([
    'send_email',
    'SEND_EMAIL',
    'tools.send_email',
    'Tools.Send_Email',
    ' send_email ',
    'tools.*',
    'tools.irreversible',
    'effect:irreversible',
    'category:message',
    '*',
  ])('of the policy asks all the same: %s', async (entry) => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool] })
    const { value } = await gate.run({
      code: SEND_ONE,
      input: MESSAGE,
      policy: mailPolicy({ ask: 'never' }, { human_in_loop: [entry] }),
    })
    expect(value).toEqual(['APPROVAL_UNAVAILABLE', 'approve'])
    expect(outbox.sent).toEqual([])
  })

  it('in the guest names nothing', async () => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool] })
    const code =
      'return ["SEND_EMAIL", "Send_Email", "send_email ", "send%5Femail", "sendEmail"].map((name) => typeof tools[name])'
    const { value } = await gate.run({
      code,
      policy: mailPolicy({ ask: 'never' }, { human_in_loop: ['send_email'] }),
    })
    expect(value).toEqual(repeat('undefined', 5))
  })
})

/** Asks the same request under every spelling that a server might take for it. */
const spelt = async (site: Site, replace?: Replace): Promise<{ result: RunResult; tickets: Ticket[] }> => {
  const tickets: Ticket[] = []
  const approve = (ticket: Ticket): boolean => tickets.push(ticket) < 0
  await using gate = await openGateOf({ approve }, replace)
  const code = `const outcomes = []
    const urls = ['/orders', '/%6frders', '/./orders', '/x/../orders', '/orders?x=1', '/orders#x', '/Orders', '/orders/', '//orders', '/orders;x=1', '/orders%2f', '/%2e/orders']
    for (const method of ['DELETE', 'delete', 'DeLeTe']) {
      for (const url of urls) {
        try { outcomes.push((await http.request({ method, url: input + url })).status) } catch ({ code }) { outcomes.push(code) }
      }
    }
    return outcomes`
  const http = { allowed_domains: [{ domain: site.origin, methods: ['DELETE'], ask: 'never' }], ...LOOPBACK }
  const policy = {
    permissions: { http },
    human_in_loop: [`http.DELETE ${site.origin}/orders`],
    limits: { max_tool_calls: 100 },
  }
  return { result: await gate.run({ code, input: site.origin, policy }), tickets }
}

/** Asks only about the spelling that the policy shows. */
const literal: Replace = (parts) => ({
  ...parts,
  prepare: {
    ...parts.prepare,
    compile: async (document): Promise<CompiledPolicy> => ({
      ...(await parts.prepare.compile(document)),
      needsApproval: ({ subject }) =>
        /^DELETE \S+\/orders$/.test(subject) ? { rule: 'literal', oncePerRun: false } : undefined,
    }),
  },
})

describe('a request under another spelling', () => {
  it('is asked about or denied, whatever its method and path look like', async () => {
    await using site = await openSite()
    const { result } = await spelt(site)
    const outcomes = new Set(result.value as string[])
    expect(site.connections).toBe(0)
    expect(outcomes).toContain('APPROVAL_DENIED')
    expect([...outcomes].filter((code) => !/^(APPROVAL_DENIED|DENIED_|GUEST_ARGUMENTS)/.test(code))).toEqual(
      [],
    )
  })

  it('negative control: gets through where only one spelling is asked about', async () => {
    await using site = await openSite()
    await spelt(site, literal)
    expect(site.requests.length).toBeGreaterThan(0)
  })
})
