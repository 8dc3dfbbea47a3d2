import { describe, expect, test } from 'vitest'
import {
  assertBounds,
  definePolicy,
  explainPolicy,
  parsePolicy,
  policyProblems,
  policyJsonSchema,
} from '../../src/policy.ts'
import type { PolicyExplanation } from '../../src/policy.ts'
import {
  compile,
  compileText,
  richDocument,
  richText,
  usersExampleText,
  type Data,
} from './sample-policies.ts'

const asText = ({ sections }: PolicyExplanation): string =>
  sections
    .map(({ title, sentences }) => `${title}\n${sentences.map((one) => `  ${one}`).join('\n')}`)
    .join('\n')

const sectionOf = (explanation: PolicyExplanation, start: string): readonly string[] =>
  explanation.sections.find(({ title }) => title.startsWith(start))?.sentences ?? []

describe('the explanation of a policy', () => {
  test("says in plain words what the user's example grants, and what not", () => {
    expect(asText(explainPolicy(parsePolicy(usersExampleText)))).toMatchSnapshot()
  })

  test('says it of a rich policy as well', () => {
    expect(asText(explainPolicy(compileText(richText)))).toMatchSnapshot()
  })

  test('of the empty policy: nothing but compute', () => {
    const explanation = explainPolicy(definePolicy({}))
    expect(sectionOf(explanation, 'What the tool may do')).toEqual([
      'Nothing but compute: no capability is granted.',
    ])
    expect(explanation.notGranted).toEqual(['http', 'tools', 'filesystem', 'db', 'code_exec', 'kv', 'mcp'])
    expect(explanation.worstCase.run).toMatchObject({
      performedCallsMax: 0,
      costMicroUsdMax: 0,
      egressBytesTotalMax: 0,
    })
  })

  test('has a sentence for every capability that a policy could name', () => {
    const { permissions } = policyJsonSchema()['properties'] as Record<
      string,
      { anyOf: { properties: object }[] }
    >
    const keys = Object.keys(permissions?.anyOf[0]?.properties ?? {})
    expect(keys).toHaveLength(8)
    // db_write says how a database may be used, and is none.
    const { notGranted } = explainPolicy(definePolicy({}))
    expect(new Set(notGranted)).toEqual(new Set(keys.filter((key) => key !== 'db_write')))
  })

  test('says of each mount where it lies, what may be done there, and who approves', () => {
    const { grants } = explainPolicy(
      compile({
        permissions: {
          filesystem: [
            { path: '/in', source: './data', mode: 'read', allow: ['**/*.csv'] },
            { path: '/out', source: './out', mode: 'write', allow: ['**'], max_total_kb: 64 },
            { path: '/tmp', mode: 'scratch', ask: 'once_per_run' },
          ],
        },
      }),
    )
    expect(grants['filesystem']).toMatchSnapshot()
  })

  test.for<[string, Data, string]>([
    [
      'a category',
      { methods: ['POST'], category: ['payment'] },
      'Counts as write (payment). A human approves each.',
    ],
    ['an irreversible effect', { effect: 'irreversible' }, 'Counts as irreversible. A human approves each.'],
    ['a read', {}, 'Counts as read.'],
    ['its own word', { category: ['payment'], ask: 'never' }, 'No human is asked by default.'],
    [
      'a keyed effect',
      { methods: ['PUT'], idempotency: 'keyed', key_ttl_seconds: 60 },
      'Counts as write. The other side knows a repetition by its key for 60 s.',
    ],
    [
      'a repeatable effect',
      { methods: ['PUT'], idempotency: 'idempotent' },
      'Doing it again is as good as once.',
    ],
  ])('says of an entry what %s means', ([, entry, sentence]) => {
    const http = { allowed_domains: [{ domain: 'a.com', ...entry }] }
    const [first = ''] = explainPolicy(compile({ permissions: { http } })).grants['http'] ?? []
    expect(first.endsWith(sentence)).toBe(true)
  })

  test('is JSON data, and the same for the same policy', () => {
    const explanation = explainPolicy(compileText(richText))
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation)
    expect(explainPolicy(compileText(richText))).toEqual(explanation)
  })

  test('names credentials, where they come from and may go, never a value', () => {
    const value = 'hunter2-hunter2'
    process.env['COMPANY_API_KEY'] = value
    const explanation = explainPolicy(compileText(richText))
    delete process.env['COMPANY_API_KEY']
    expect(explanation.credentials).toEqual([
      {
        name: 'company_api',
        from: 'env:COMPANY_API_KEY',
        sentAs: 'Authorization: Bearer',
        hosts: ['api.company.com', '*.api.company.com'],
      },
      {
        name: 'crm',
        from: 'env:CRM_REFRESH_TOKEN',
        sentAs: 'Authorization: Bearer, an access token from auth.company.com for the client support',
        hosts: ['crm.company.com'],
      },
      { name: 'crm_client', from: 'env:CRM_CLIENT_SECRET', sentAs: '', hosts: undefined },
    ])
    expect(JSON.stringify(explanation)).not.toContain(value)
  })

  test('marks the entries of human_in_loop that name nothing', () => {
    expect(sectionOf(explainPolicy(compileText(richText)), 'What a human approves').slice(0, 3)).toEqual([
      'What human_in_loop names as "http.DELETE".',
      'What human_in_loop names as "effect:irreversible".',
      'What human_in_loop names as "notify_nobody". It names nothing that is granted.',
    ])
  })
})

describe('the worst case', () => {
  const worst = (document: Data) => explainPolicy(compile(document)).worstCase

  test('of calls is max_tool_calls, or what the grants add up to when that is less', () => {
    expect(worst({ permissions: { http: { allowed_domains: ['a.com'] } } }).run).toMatchObject({
      toolCallsMax: 20,
      performedCallsMax: 20,
    })
    const three = { tools: { send_email: { max_calls: 2 }, delete_record: { max_calls: 1 } } }
    expect(worst({ permissions: three }).run).toMatchObject({ toolCallsMax: 20, performedCallsMax: 3 })
  })

  test('of dollars is the dearest calls and all CPU time, cut to max_cost_usd', () => {
    const entry = { domain: 'a.com', cost_usd: 0.002 }
    const document = {
      permissions: { http: { allowed_domains: [entry] } },
      limits: { max_tool_calls: 10, max_cpu_seconds: 5 },
      prices: { cpu_second_usd: 0.001 },
    }
    expect(worst(document).run.costMicroUsdMax).toBe(10 * 2000 + 5 * 1000)
    const capped = { ...document, limits: { ...document.limits, max_cost_usd: 0.01 } }
    expect(worst(capped).run.costMicroUsdMax).toBe(10_000)
  })

  test('of dollars is max_cost_usd where the price of a host tool is not known', () => {
    const unknown = parsePolicy('permissions: { tools: { anything: {} } }')
    expect(explainPolicy(unknown).worstCase.run.costMicroUsdMax).toBe(100_000)
  })

  test('of bytes is counted by destination, and in a task for as many runs as there can be calls', () => {
    const http = {
      allowed_domains: ['a.com', 'b.com', { domain: 'c.com', max_egress_kb: 1 }],
      max_egress_kb: 8,
    }
    const { run, task } = worst({ permissions: { http }, limits: { max_tool_calls: 5 } })
    expect(run.egressBytesMax).toEqual({ 'a.com': 8192, 'b.com': 8192, 'c.com': 1024 })
    expect(run.egressBytesTotalMax).toBe(17_408)
    expect(task.egressBytesMax).toEqual({ 'a.com': 40_960, 'b.com': 40_960, 'c.com': 5120 })
  })

  test('of unattended effects counts what no human sees first', () => {
    const attended = { tools: { send_email: { max_calls: 3 }, lookup_order: {} } }
    expect(worst({ permissions: attended }).run.unattendedEffectsMax).toBe(0)
    const silent = { tools: { send_email: { max_calls: 3, ask: 'never' }, lookup_order: {} } }
    expect(worst({ permissions: silent }).run.unattendedEffectsMax).toBe(3)
    const post = { http: { allowed_domains: [{ domain: 'a.com', methods: ['POST'] }] } }
    expect(worst({ permissions: post }).run.unattendedEffectsMax).toBe(20)
  })

  test('of a day has no bound', () => {
    expect(worst({}).day).toBe('unbounded')
  })
})

describe('a bound on the worst case', () => {
  const policy = compile(richDocument())
  const problemsOf = (...bounds: string[]): string[] => {
    try {
      assertBounds(policy, bounds)
      return []
    } catch (error) {
      return policyProblems(error).map(({ path, message }) => `${path}: ${message}`)
    }
  }

  test('that is kept passes', () => {
    expect(problemsOf()).toEqual([])
    expect(
      problemsOf('max_cost_usd=1', 'max_tool_calls=10', 'task.max_duration_seconds=30', 'tool_calls=50'),
    ).toEqual([])
    expect(
      problemsOf('max_cost_usd=0.05', 'max_memory_mb=32', 'max_cpu_seconds=5.0', 'max_unattended_effects=10'),
    ).toEqual([])
  })

  test('that is not kept is a problem; all of them are told', () => {
    expect(problemsOf('max_tool_calls=9', 'max_cost_usd=0.03', 'egress_kb=47', 'max_log_kb=31')).toEqual([
      'limits.max_tool_calls: max_tool_calls of a run can come to 10, and at most 9 was demanded',
      'limits.max_cost_usd: max_cost_usd of a run can come to 0.03144, and at most 0.03 was demanded',
      'permissions: max_egress_kb of a run can come to 40960, and at most 47 was demanded',
      'limits.max_log_kb: max_log_kb of a run can come to 32, and at most 31 was demanded',
    ])
  })

  test('of a task counts all its runs, and of a day is never kept', () => {
    const http = definePolicy({ permissions: { http: { allowed_domains: ['a.com'] } } })
    expect(() => assertBounds(http, ['max_egress_kb=64'])).not.toThrow()
    expect(() => assertBounds(http, ['task.max_egress_kb=64'])).toThrow(/can come to 1280/)
    expect(() => assertBounds(http, ['day.max_cost_usd=1000'])).toThrow(/max_cost_usd of a day has no bound/)
  })

  test.for([
    'max_cots_usd=1',
    'max_cost_usd',
    'max_cost_usd=',
    'max_cost_usd=-1',
    'max_cost_usd=NaN',
    'max_cost_usd=1e9',
    'hour.max_cost_usd=1',
    '',
    '=',
    '__proto__=1',
    'constructor=1',
  ])('that cannot be read (%s) is a mistake of usage, never a bound that is kept', (bound) => {
    expect(() => assertBounds(policy, [bound])).toThrow(expect.objectContaining({ code: 'CONFIG_USAGE' }))
  })

  test('that is misspelt names the nearest', () => {
    expect(() => assertBounds(policy, ['max_cots_usd=1'])).toThrow(/Did you mean max_cost_usd\?/)
  })
})
