import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Judgement } from '../../../src/capabilities/capability.ts'
import { defineTool } from '../../../src/capabilities/host-tool.ts'
import { definePolicy, policyProblems, type CompiledPolicy } from '../../../src/policy.ts'

const recipients = z.union([
  z.string(),
  z.array(z.string()),
  z.array(z.array(z.string())),
  z.object({ at: z.string() }),
])

const tool = defineTool({
  name: 'send_email',
  description: 'Sends a message.',
  input: z.object({
    to: recipients.optional(),
    copies: z.union([z.int(), z.string()]).default(1),
    urgent: z.boolean().default(false),
  }),
  output: z.null(),
  effect: 'write',
  category: 'message',
  costUsd: 0.001,
  perform: () => null,
})

const taking = (name: string, input: z.ZodType) =>
  defineTool({ name, description: 'Takes what it gets.', input, output: z.null(), perform: () => null })

const loose = taking('loose', z.looseObject({ to: z.string() }))
const piped = taking(
  'piped',
  z.object({ a: z.string() }).transform(({ a }) => ({ b: a })),
)
const odd = taking('odd', z.any())

const granting = (entry: object, name = 'send_email'): CompiledPolicy =>
  definePolicy({ permissions: { tools: { [name]: entry } } }, { tools: [tool, loose, piped] })

const judge = (entry: object, args: unknown, name = 'send_email'): Judgement => {
  const grant = granting(entry, name).grants.get('tools')
  const parsed = grant?.ops[0]?.arguments.parse(args)
  if (grant === undefined) throw new Error('tools are not granted')
  return grant.judge(`tools.${name}`, parsed)
}

const denied = (code: string, rule?: string): Error =>
  expect.objectContaining({
    code,
    ...(rule !== undefined && { facts: expect.objectContaining({ rule }) as object }),
  }) as Error

describe('a granted tool', () => {
  test('is judged by its name, with its arguments as its own schema made them', () => {
    expect(judge({}, { to: 'a@company.com' })).toMatchObject({
      op: 'tools.send_email',
      rule: 'permissions.tools.send_email',
      effect: 'write',
      categories: ['message'],
      subject: 'send_email',
      request: { tool: 'send_email', arguments: { to: 'a@company.com', copies: 1, urgent: false } },
      costMicroUsd: 1000,
      idempotency: 'at_most_once',
    })
    expect(judge({}, { a: 'x' }, 'piped').request).toEqual({ tool: 'piped', arguments: { b: 'x' } })
  })

  test('is the only one: any other op is not granted', () => {
    const grant = granting({}).grants.get('tools')
    for (const op of [
      'tools.loose',
      'tools.',
      'send_email',
      'tools.SEND_EMAIL',
      'tools.__proto__',
      'tools.constructor',
    ]) {
      expect(() => grant?.judge(op, {})).toThrow(denied('DENIED_NOT_GRANTED'))
    }
  })

  test('keeps what it declares: effect, price and categories can be raised, never lowered', () => {
    expect(judge({ effect: 'irreversible', cost_usd: 0.002, category: ['payment'] }, {})).toMatchObject({
      effect: 'irreversible',
      costMicroUsd: 2000,
      categories: ['message', 'payment'],
    })
    expect(judge({ effect: 'read', cost_usd: 0, category: [] }, {})).toMatchObject({
      effect: 'write',
      costMicroUsd: 1000,
      categories: ['message'],
    })
    expect(granting({ effect: 'read' }).warnings).toMatchObject([
      { path: 'permissions.tools.send_email.effect' },
    ])
  })

  test('draws on max_calls of its task', () => {
    const quota = { meter: 'tools.send_email.calls', amount: 1, max: 3, code: 'LIMIT_OP_CALLS' }
    expect(judge({ max_calls: 3 }, {}).quotas).toMatchObject([quota])
    expect(judge({ max_calls: 0 }, {}).quotas).toMatchObject([{ max: 0 }])
    expect(judge({}, {}).quotas).toEqual([])
  })

  test('asks as the entry says, and else by effect and category', () => {
    const asks = (entry: object) => granting(entry).needsApproval(judge(entry, {}))
    expect(asks({})).toMatchObject({ rule: 'default: the category message asks' })
    expect(asks({ effect: 'irreversible' })).toMatchObject({ rule: 'default: irreversible effects ask' })
    expect(asks({ ask: 'never' })).toBeUndefined()
    expect(asks({ ask: 'once_per_run' })).toMatchObject({ oncePerRun: true })
  })

  test('refuses arguments that cannot be approved and recorded as they are', () => {
    const grant = definePolicy({ permissions: { tools: { odd: {} } } }, { tools: [odd] }).grants.get('tools')
    for (const args of [new Map(), { at: new Date() }, { n: Number.NaN }, () => 1]) {
      expect(() => grant?.judge('tools.odd', args)).toThrow(denied('CONFIG_USAGE'))
    }
  })
})

describe('the rule of an argument', () => {
  const to = { args: { to: { pattern: '*@company.com' } } }

  test('lets through what fits, each element of a list included', () => {
    expect(judge(to, { to: 'a@company.com' })).toBeDefined()
    expect(judge(to, { to: ['a@company.com', 'b@company.com'] })).toBeDefined()
    expect(judge({ args: { copies: { one_of: [1, 2] } } }, { copies: 2 })).toBeDefined()
    expect(judge({ args: { urgent: { one_of: [false] } } }, {})).toBeDefined()
  })

  test.for<[string, unknown]>([
    ['another text', { to: 'a@evil.example' }],
    ['a list with one that does not fit', { to: ['a@company.com', 'a@evil.example'] }],
    ['a list in a list', { to: [['a@company.com']] }],
    ['a mapping', { to: { at: 'a@company.com' } }],
    ['nothing at all', {}],
  ])('denies %s', ([, args]) => {
    expect(() => judge(to, args)).toThrow(denied('DENIED_ARGUMENT', 'permissions.tools.send_email.args.to'))
  })

  test('of a closed set compares without conversion', () => {
    const copies = { args: { copies: { one_of: [1, '2'] } } }
    expect(judge(copies, { copies: '2' })).toBeDefined()
    expect(() => judge(copies, { copies: 2 })).toThrow(denied('DENIED_ARGUMENT'))
    expect(() => judge(copies, { copies: '1' })).toThrow(denied('DENIED_ARGUMENT'))
  })

  test('with a pattern and a set demands both', () => {
    const both = { args: { to: { pattern: 'a*', one_of: ['ab', 'b'] } } }
    expect(judge(both, { to: 'ab' })).toBeDefined()
    expect(() => judge(both, { to: 'ac' })).toThrow(denied('DENIED_ARGUMENT'))
    expect(() => judge(both, { to: 'b' })).toThrow(denied('DENIED_ARGUMENT'))
  })

  test('cannot be met from a prototype', () => {
    const grant = granting(to).grants.get('tools')
    const inherited = Object.create({ to: 'a@company.com' }) as object
    expect(() => grant?.judge('tools.send_email', inherited)).toThrow(denied('DENIED_ARGUMENT'))
  })

  test('must say something, and name an argument that the tool has', () => {
    const problemsOf = (entry: object, name?: string) => {
      try {
        granting(entry, name)
        return []
      } catch (error) {
        return policyProblems(error)
      }
    }
    expect(problemsOf({ args: { to: {} } })).toMatchObject([{ path: 'permissions.tools.send_email.args.to' }])
    expect(problemsOf({ args: { too: { pattern: '*' } } })).toMatchObject([
      {
        path: 'permissions.tools.send_email.args.too',
        message: 'is no argument of send_email',
        suggestion: 'to',
      },
    ])
    expect(problemsOf({ args: { anything: { pattern: '*' } } }, 'piped')).toEqual([])
  })

  test('warns where the tool takes further arguments and the name may be a slip', () => {
    expect(granting({ args: { too: { pattern: '*' } } }, 'loose').warnings).toMatchObject([
      { path: 'permissions.tools.loose.args.too', message: 'loose declares no argument of that name' },
    ])
  })
})

describe('a tool that is not known', () => {
  test('is a problem where the tools of the host are known', () => {
    expect(() => granting({}, 'send_emial')).toThrow(denied('CONFIG_HOST_TOOL_UNKNOWN'))
  })

  test('is a warning where they are not, is taken for irreversible and cannot be performed', () => {
    const policy = definePolicy({ permissions: { tools: { anything: {} } } })
    const judgement = policy.grants.get('tools')?.judge('tools.anything', {})
    expect(policy.warnings).toMatchObject([{ path: 'permissions.tools.anything' }])
    expect(judgement).toMatchObject({ effect: 'irreversible' })
    expect(judgement && policy.needsApproval(judgement)).toBeDefined()
  })
})
