import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type Ticket } from '../../src/index.ts'
import { LOOPBACK } from '../harness/gate.ts'
import { openSite } from '../harness/site.ts'
import { openGateOf, type Replace } from '../run/gates.ts'
import { MESSAGE, Outbox } from '../run/mail.ts'

const harmless = defineTool({
  name: 'look_up',
  description: 'Looks something up.',
  input: z.strictObject({ to: z.string(), body: z.string() }),
  output: z.strictObject({ id: z.string() }),
  effect: 'write',
  perform: () => ({ id: 'harmless' }),
})

/** Asks nobody about a hop: the driver is told that no policy would. */
const unasked: Replace = (parts) => ({
  ...parts,
  prepare: {
    ...parts.prepare,
    compile: async (document) => ({
      ...(await parts.prepare.compile(document)),
      needsApproval: () => undefined,
    }),
  },
})

describe('an allowed page that redirects to what needs an approval', () => {
  const follow = async (replace?: Replace): Promise<{ value: unknown; urls: string[]; tickets: number }> => {
    await using site = await openSite(({ url }, response) => {
      if (url === '/page') response.writeHead(302, { location: '/admin/delete-everything' })
      response.end(url)
    })
    let tickets = 0
    const approve = (): boolean => (tickets += 1) < 0
    await using gate = await openGateOf({ approve }, replace)
    const code =
      'try { return await (await http.get(input)).text() } catch ({ code, gate }) { return [code, gate] }'
    const policy = {
      permissions: { http: { allowed_domains: [site.origin], ...LOOPBACK } },
      human_in_loop: [`http.GET ${site.origin}/admin/**`],
    }
    const { value } = await gate.run({ code, input: `${site.origin}/page`, policy })
    return { value, urls: site.requests.map(({ url }) => url), tickets }
  }

  it('is not followed there', async () => {
    expect(await follow()).toEqual({ value: ['DENIED_REDIRECT', 'perform'], urls: ['/page'], tickets: 0 })
  })

  it('negative control: is followed where nothing needs an approval', async () => {
    const { urls } = await follow(unasked)
    expect(urls).toEqual(['/page', '/admin/delete-everything'])
  })
})

const BOTH = `export default async (message, { tools }) => {
  const outcomes = []
  const attempt = async (name, options) => {
    try { outcomes.push((await tools[name](message, options)).id) } catch ({ code, gate }) { outcomes.push([code, gate]) }
  }
  await attempt('look_up', { idempotencyKey: 'one' })
  await attempt('send_email', { idempotencyKey: 'one' })
  await attempt('look_up', { idempotencyKey: 'one' })
  return outcomes
}`

describe('an approval and a receipt of one tool', () => {
  it('stand for no other tool, also with equal arguments and an equal key', async () => {
    const outbox = new Outbox()
    const asked: string[] = []
    const approve = ({ op }: Ticket): boolean => {
      asked.push(op)
      return op === 'tools.look_up'
    }
    await using gate = await openGateOf({ tools: [outbox.tool, harmless], approve })
    const policy = { permissions: { tools: { send_email: {}, look_up: { ask: 'once_per_run' } } } }
    const { value } = await gate.run({ code: BOTH, input: MESSAGE, policy })
    expect(value).toEqual(['harmless', ['APPROVAL_DENIED', 'approve'], 'harmless'])
    expect(asked).toEqual(['tools.look_up', 'tools.send_email'])
    expect(outbox.sent).toEqual([])
  })

  it('negative control: are of use where both are granted without a question', async () => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool, harmless] })
    const policy = { permissions: { tools: { send_email: { ask: 'never' }, look_up: {} } } }
    const { value } = await gate.run({ code: BOTH, input: MESSAGE, policy })
    expect(value).toEqual(['harmless', 'mail-1', 'harmless'])
  })
})

describe('a tool that is handed to a callback of another', () => {
  it('keeps its own rule: the guest can only pass data', async () => {
    const outbox = new Outbox()
    await using gate = await openGateOf({ tools: [outbox.tool, harmless] })
    const code = `try { await tools.look_up({ to: tools.send_email, body: 'x' }) } catch ({ code, gate }) { return [code, gate] }`
    const policy = { permissions: { tools: { send_email: {}, look_up: {} } } }
    const { value } = await gate.run({ code, policy })
    expect(value).toEqual(['GUEST_UNPASSABLE', 'decode'])
    expect(outbox.sent).toEqual([])
  })
})
