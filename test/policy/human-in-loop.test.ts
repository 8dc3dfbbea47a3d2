import { describe, expect, test } from 'vitest'
import { checkPolicy } from '../../src/policy.ts'
import { decide, type Request } from './decisions.ts'
import { compile, problemsOf, type Data, type Value } from './sample-policies.ts'
import { hostTools } from './sample-tools.ts'

const base: Data = {
  permissions: {
    http: {
      allowed_domains: [
        { domain: 'api.company.com', methods: ['GET', 'POST', 'DELETE'] },
        { domain: 'pay.company.com', methods: ['POST'], category: ['payment'], ask: 'never' },
      ],
    },
    tools: { send_email: { ask: 'never' }, lookup_order: {}, delete_record: { ask: 'never' } },
  },
}

const http = (method: string, url: string): Request => ({ op: 'http.request', args: { method, url } })
const REQUESTS = {
  get: http('GET', 'https://api.company.com/v1/orders'),
  post: http('POST', 'https://api.company.com/v1/orders'),
  postElsewhere: http('POST', 'https://api.company.com/v2'),
  delete: http('DELETE', 'https://api.company.com/v1/orders'),
  pay: http('POST', 'https://pay.company.com/'),
  mail: { op: 'tools.send_email', args: { to: 'a@company.com', text: 'x' } },
  lookup: { op: 'tools.lookup_order', args: { id: '1' } },
  remove: { op: 'tools.delete_record', args: { id: '1' } },
} satisfies Record<string, Request>

/** The requests that a human is asked about under these entries. */
const asked = (...entries: string[]): string[] => {
  const policy = compile({ ...base, human_in_loop: entries })
  return Object.entries(REQUESTS).flatMap(([name, request]) =>
    decide(policy, request)?.ask === 2 ? [name] : [],
  )
}

const warningsOf = (...entries: string[]): string[] =>
  compile({ ...base, human_in_loop: entries }).warnings.map(({ message }) => message)

describe('an entry of human_in_loop', () => {
  test('asks for what it names, also where the grant says never', () => {
    expect(asked()).toEqual([])
    expect(asked('send_email')).toEqual(['mail'])
    expect(asked('send_email', 'delete_record')).toEqual(['mail', 'remove'])
    expect(asked('tools.send_email')).toEqual(['mail'])
    expect(asked('http.request')).toEqual(['get', 'post', 'postElsewhere', 'delete', 'pay'])
    expect(asked('http.POST')).toEqual(['post', 'postElsewhere', 'pay'])
    expect(asked('http.POST api.company.com/v1/**')).toEqual(['post'])
    expect(asked('*')).toEqual(Object.keys(REQUESTS))
  })

  test('warns of a place that nothing granted can reach: a slip in the host asks for nothing', () => {
    expect(warningsOf('http.POST api.company.com/v1/**')).toEqual([])
    expect(warningsOf('http.POST api.compny.com/v1/**').join()).toContain(
      'names nothing that this policy grants',
    )
    expect(warningsOf('http.POST api.company.com:8443').join()).toContain(
      'names nothing that this policy grants',
    )
  })

  test('names groups: a capability, its effects, any effect, a category', () => {
    expect(asked('tools.*')).toEqual(['mail', 'lookup', 'remove'])
    expect(asked('http.write')).toEqual(['post', 'postElsewhere', 'delete', 'pay'])
    expect(asked('tools.write')).toEqual(['mail', 'remove'])
    expect(asked('effect:read')).toEqual(['get', 'lookup'])
    expect(asked('effect:write')).toEqual(['post', 'postElsewhere', 'delete', 'pay', 'mail', 'remove'])
    expect(asked('effect:irreversible')).toEqual(['mail'])
    expect(asked('category:payment', 'category:message')).toEqual(['pay', 'mail'])
  })

  test.for<[string, string]>([
    ['SEND_EMAIL', 'send_email'],
    ['Tools.Send_Email', 'send_email'],
    ['  send_email  ', 'send_email'],
    ['HTTP.post API.company.com/v1/**', 'http.POST api.company.com/v1/**'],
    ['Http.Write', 'http.write'],
    ['Effect:Irreversible', 'effect:irreversible'],
    ['effect: irreversible', 'effect:irreversible'],
    ['CATEGORY:Payment', 'category:payment'],
  ])('written as %j asks as %j does: case and blanks are no way around it (H49)', ([variant, plain]) => {
    expect(asked(plain)).not.toEqual([])
    expect(asked(variant)).toEqual(asked(plain))
    expect(warningsOf(variant)).toEqual([])
  })

  test('names the entry that asks as the rule', () => {
    const policy = compile({ ...base, human_in_loop: ['http.POST', 'send_email'] })
    const judgement = policy.grants.get('tools')?.judge('tools.send_email', REQUESTS.mail.args)
    expect(judgement && policy.needsApproval(judgement)).toEqual({
      rule: 'human_in_loop[1]',
      oncePerRun: false,
    })
  })

  test('asks each time, also where the grant asks once a run', () => {
    const once = { tools: { send_email: { ask: 'once_per_run' } } }
    const ask = (entries: Value[]) =>
      decide(compile({ permissions: once, human_in_loop: entries }), REQUESTS.mail)?.ask
    expect([ask([]), ask(['send_email'])]).toEqual([1, 2])
  })

  test('grants nothing by naming it', () => {
    const policy = compile({ human_in_loop: ['send_email', 'http.request', '*'] })
    expect([...policy.grants.keys()]).toEqual([])
  })
})

describe('an entry that names nothing known', () => {
  test('is a warning that suggests the nearest name', () => {
    expect(warningsOf('send_emial')).toEqual([
      '"send_emial" names nothing that this policy grants, so nothing asks because of it; did you mean send_email?',
    ])
    expect(warningsOf('launch_rocket')).toEqual([
      '"launch_rocket" names nothing that this policy grants, so nothing asks because of it',
    ])
    expect(warningsOf('db.write')).toHaveLength(1)
  })

  test('fails when strict, with its place', async () => {
    const text =
      'permissions: { tools: { lookup_order: {} } }\nhuman_in_loop:\n  - lookup_order\n  - lookup_ordr'
    const loose = await checkPolicy({ text }, { tools: hostTools })
    expect(loose).toMatchObject({
      ok: true,
      problems: [],
      warnings: [{ path: 'human_in_loop[1]', line: 4, column: 5 }],
    })
    const strict = await checkPolicy({ text }, { tools: hostTools, strict: true })
    expect(strict).toMatchObject({ ok: false, problems: [{ path: 'human_in_loop[1]', line: 4, column: 5 }] })
  })

  test('is an error where the words are a closed set: effects and categories', () => {
    for (const entry of ['effect:writes', 'effect:', 'category:money', 'category: ']) {
      const problems = problemsOf(() => compile({ ...base, human_in_loop: [entry] }))
      expect(problems).toMatchObject([{ path: 'human_in_loop[0]' }])
    }
  })

  test('is an error where it is no action at all: empty, not text, or more than one line', () => {
    const entries: Value[] = ['', 5, null, { effect: 'write' }, 'a\nb', 'a\u202eb', 'x'.repeat(301)]
    const compiles = (entry: Value): boolean =>
      problemsOf(() => compile({ ...base, human_in_loop: [entry] })).length === 0
    expect(entries.filter(compiles)).toEqual([])
  })
})
