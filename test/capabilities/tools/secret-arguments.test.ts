import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineTool, type HostTool, type Ticket } from '../../../src/index.ts'
import { explainPolicy, definePolicy } from '../../../src/policy.ts'
import { openGate, refusalsOf } from '../../harness/gate.ts'

const KEY = 'sk-live-4f9a1c7be2d84c50'

/** Remembers what it was handed. */
const mailer = (input: z.ZodType = z.strictObject({ to: z.string(), apiKey: z.string() })) => {
  const handed: unknown[] = []
  const tool = defineTool({
    name: 'mail',
    description: 'Sends mail.',
    effect: 'write',
    input,
    output: z.string(),
    perform(args) {
      handed.push(args)
      return `sent with ${(args as { apiKey: string }).apiKey}`
    },
  })
  return { handed, tool }
}

const policyOf = (entry: object = { secrets: { apiKey: 'mail_key' } }, secret: object = {}): object => ({
  permissions: { tools: { mail: entry } },
  secrets: { mail_key: { from: 'env:MAIL_KEY', ...secret } },
})

const run = async (tool: HostTool, args: string, policy: object = policyOf(), value = KEY) => {
  const tickets: Ticket[] = []
  await using gate = await openGate({
    tools: [tool],
    powers: { env: { MAIL_KEY: value } },
    approve: (ticket) => tickets.push(ticket) > 0,
  })
  const result = await gate.run({ code: `return await tools.mail(${args})`, policy })
  const audit = JSON.stringify(await gate.audit.read())
  return { result, tickets, refusals: await refusalsOf(gate, result), audit }
}

describe('an argument that the host fills', () => {
  it('reaches the tool, and neither guest, ticket nor record', async () => {
    const { handed, tool } = mailer()
    const policy = policyOf({ secrets: { apiKey: 'mail_key' }, ask: 'always' })
    const { result, tickets, audit } = await run(tool, `{ to: 'ada' }`, policy)
    expect(handed).toEqual([{ to: 'ada', apiKey: KEY }])
    expect(result.value).toBe('sent with [redacted:mail_key]')
    expect(tickets.map(({ request }) => request)).toEqual([
      { tool: 'mail', arguments: { to: 'ada' }, secrets: { apiKey: 'mail_key' } },
    ])
    expect(JSON.stringify([result, tickets, audit])).not.toContain(KEY)
  })

  it.each(["'mine'", 'null', 'undefined ?? 0', "''"])(
    'is refused from the guest, whatever it gives: %s',
    async (value) => {
      const { handed, tool } = mailer()
      const { result, refusals } = await run(tool, `{ to: 'ada', apiKey: ${value} }`)
      expect(result.error).toMatchObject({ code: 'DENIED_ARGUMENT', gate: 'authorize' })
      expect(refusals[0]).toMatchObject({ rule: 'permissions.tools.mail.secrets.apiKey' })
      expect(handed).toEqual([])
    },
  )

  it('is the guest’s to give where the policy names no secret for it', async () => {
    const { handed, tool } = mailer()
    const { result } = await run(tool, `{ to: 'ada', apiKey: 'mine' }`, policyOf({}))
    expect([result.status, handed]).toEqual(['done', [{ to: 'ada', apiKey: 'mine' }]])
  })

  it('cannot be had through the prototype, nor by another name', async () => {
    const { handed, tool } = mailer()
    const given = await run(tool, `{ to: 'ada', ['__proto__']: { apiKey: 'mine' } }`)
    expect(given.result.error?.code).toBe('GUEST_ARGUMENTS')
    const cased = await run(tool, `{ to: 'ada', apikey: 'mine' }`)
    expect(cased.result.error?.code).toBe('GUEST_ARGUMENTS')
    expect(handed).toEqual([])
  })

  it('that the tool does not take is CONFIG_SECRET_MISSING, and says nothing of the value', async () => {
    const { handed, tool } = mailer(z.strictObject({ to: z.string(), apiKey: z.string().max(9) }))
    const { result, audit } = await run(tool, `{ to: 'ada' }`)
    expect(result.error).toMatchObject({ code: 'CONFIG_SECRET_MISSING', gate: 'perform' })
    expect([handed, audit.includes(KEY)]).toEqual([[], false])
  })
})

describe('a policy that names secrets for arguments', () => {
  const { tool } = mailer()
  const problem = (entry: object, secret?: object, given: HostTool = tool): string => {
    try {
      definePolicy(policyOf(entry, secret), { tools: [given] })
      return 'none'
    } catch (error) {
      return (error as Error).message
    }
  }

  it.each<[string, object, object, RegExp]>([
    ['an unknown secret', { secrets: { apiKey: 'other' } }, {}, /no secret is named other/],
    ['an unknown argument', { secrets: { apikey: 'mail_key' } }, {}, /is no argument of mail/],
    [
      'a secret bound to hosts',
      { secrets: { apiKey: 'mail_key' } },
      { hosts: ['api.company.com'] },
      /where a tool sends it, nobody knows/,
    ],
    [
      'an argument with a rule for the guest',
      { secrets: { apiKey: 'mail_key' }, args: { apiKey: { pattern: '*' } } },
      {},
      /is an argument of the guest/,
    ],
  ])('is refused for %s', (_, entry, secret, message) => {
    expect(problem(entry, secret)).toMatch(message)
  })

  it('is refused for a tool whose input has rules over the whole', () => {
    const whole = z.strictObject({ to: z.string(), apiKey: z.string() }).refine(() => true)
    expect(problem({ secrets: { apiKey: 'mail_key' } }, {}, mailer(whole).tool)).toMatch(
      /rules over all arguments/,
    )
  })

  it('is explained: who gets which', () => {
    const explained = explainPolicy(definePolicy(policyOf(), { tools: [tool] }))
    expect(explained.grants['tools']?.[0]).toContain(
      'with apiKey filled by the host with the secret mail_key',
    )
    expect(explained.sections.find(({ title }) => title === 'Credentials')?.sentences[0]).toContain(
      'goes into no request',
    )
  })

  it('cannot send a secret that does not say how in a request', () => {
    const document = {
      permissions: { http: { allowed_domains: [{ domain: 'api.company.com', auth: 'mail_key' }] } },
      secrets: { mail_key: { from: 'env:MAIL_KEY' } },
    }
    expect(() => definePolicy(document)).toThrow(/does not say how it is sent/)
  })
})
