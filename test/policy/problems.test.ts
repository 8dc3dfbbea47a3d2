import { describe, expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy.ts'
import {
  compile,
  compileText,
  problemsOf,
  put,
  richDocument,
  type Data,
  type Value,
} from './sample-policies.ts'

const told = (text: string): string[] => problemsOf(() => compileText(text)).map(formatProblem)

const BROKEN = `version: 2
permisions: {}
permissions:
  http:
    allowed_domains:
      - "*.co.uk"
      - domain: api.company.com
        methods: [GTE, POST]
        pahts: ["/v1"]
    max_response_size_kb: "512"
  tools:
    send_emial: {}
    send_email:
      args: { too: { pattern: "*@company.com" }, text: {} }
limits:
  max_tool_calls: -1
  max_cost_usd: .nan
  max_duration_seconds: null
secrets:
  key: { from: "vault:x" }
human_in_loop: send_email
`

describe('the problems of a policy', () => {
  test('are told all at once, in the order of the text, with line, column, path and the nearest key', () => {
    expect(told(BROKEN)).toMatchInlineSnapshot(`
      [
        "1:1 version: must be 1",
        "2:1 permisions: is an unknown key; did you mean permissions?",
        "6:9 permissions.http.allowed_domains[0].domain: anybody can own a sub-domain of the public suffix co.uk",
        "8:19 permissions.http.allowed_domains[1].methods[0]: must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS; did you mean GET?",
        "9:9 permissions.http.allowed_domains[1].pahts: is an unknown key; did you mean paths?",
        "10:5 permissions.http.max_response_size_kb: must be a number, not text ("512")",
        "12:5 permissions.tools.send_emial: the host has no tool of that name; did you mean send_email?",
        "14:15 permissions.tools.send_email.args.too: is no argument of send_email; did you mean to?",
        "14:50 permissions.tools.send_email.args.text: give pattern or one_of",
        "16:3 limits.max_tool_calls: must be at least 0",
        "17:3 limits.max_cost_usd: must be a finite number, not NaN",
        "18:3 limits.max_duration_seconds: must be a number, not null",
        "20:10 secrets.key.from: must be env:NAME, file:PATH or provider:NAME",
        "21:1 human_in_loop: must be a list, not text ("send_email")",
      ]
    `)
  })

  test('carry what a program needs: code, path, line, column, suggestion', () => {
    expect(problemsOf(() => parsePolicy('limits:\n  max_tool_call: 5'))).toEqual([
      {
        code: 'CONFIG_POLICY_INVALID',
        path: 'limits.max_tool_call',
        message: 'is an unknown key',
        line: 2,
        column: 3,
        suggestion: 'max_tool_calls',
      },
    ])
  })

  test('stand in one error that names the gravest code, the gate and each of them', () => {
    const attempt = (): unknown => parsePolicy('limits: { max_tool_calls: x }\nflows: [{}]\nbudgets: [{}]')
    expect(attempt).toThrow(expect.objectContaining({ code: 'CONFIG_POLICY_INVALID', gate: 'policy' }))
    expect(attempt).toThrow(/3 problems:\n.*1:11 limits\.max_tool_calls.*\n.*flows.*\n.*budgets/)
    expect(() => parsePolicy('flows: [{}]')).toThrow(expect.objectContaining({ code: 'CONFIG_NOT_BUILT' }))
  })

  test('tell every form that a choice can have, and no list of hundreds of words', () => {
    expect(told('permissions: { code_exec: true, filesystem: nonne }')).toEqual([
      '1:16 permissions.code_exec: must be false or a mapping, not true or false (true)',
      '1:33 permissions.filesystem: must be false or none or a list, not text ("nonne"); did you mean none?',
    ])
    expect(told('permissions: { db: { shop: { engine: sqlite, file: a.db, functions: [cuont] } } }')).toEqual(
      [expect.stringMatching(/must be one of \d+ words, which .* lists; did you mean count\?$/)],
    )
  })

  test('name what no schema can say, at its place: unknown secrets and tools, words of human_in_loop', () => {
    expect(told('permissions: { http: { allowed_domains: [{ domain: a.com, auth: kee }] } }')).toEqual([
      '1:59 permissions.http.allowed_domains[0].auth: no secret is named kee',
    ])
    expect(told('permissions: { tools: { other: {}, lookup_ordr: {} } }')).toEqual([
      '1:25 permissions.tools.other: the host has no tool of that name',
      '1:36 permissions.tools.lookup_ordr: the host has no tool of that name; did you mean lookup_order?',
    ])
    expect(told('human_in_loop:\n  - effect:irreversibel')).toEqual([
      '2:5 human_in_loop[0]: names the effect "irreversibel", and there are only read, write, irreversible; did you mean effect:irreversible?',
    ])
  })
})

const SHOP = { engine: 'sqlite', file: './shop.db' }

/** Each key that is not built, the values that say so, and some that would ask for what is not there. */
const NOT_BUILT: Readonly<Record<string, { accepts: Value[]; refuses: Value[] }>> = {
  'permissions.db': {
    accepts: [null, {}, { shop: SHOP }, { shop: { ...SHOP, write: {}, label: [], transaction: 'run' } }],
    refuses: [
      { shop: { ...SHOP, label: ['secret:crm'] } },
      { shop: { ...SHOP, read: { customers: { show: ['id'], seal: ['phone'] } } } },
    ],
  },
  'permissions.mcp': { accepts: [null, {}], refuses: [{ github: {} }, []] },
  budgets: { accepts: [null, []], refuses: [[{ scope: 'principal' }], {}] },
  flows: { accepts: [null, []], refuses: [[{ after: 'secret:crm' }], {}] },
  declassify: { accepts: [null, []], refuses: [[{}], true] },
  'approval.hold_seconds': { accepts: [null], refuses: [30, 0] },
  'approval.notify': { accepts: [null, []], refuses: [[{ webhook: 'https://a.com' }]] },
  'approval.approvers': { accepts: [1], refuses: [2, 0, null] },
  'output.redact': { accepts: [[], ['secrets']], refuses: [['pii'], ['secrets', 'pii']] },
  'output.sanitize': { accepts: [null, false], refuses: [true] },
  'output.spotlight': { accepts: [null, false], refuses: ['datamark', true] },
  'output.classifiers': { accepts: [null, []], refuses: [[{ builtin: 'injection' }]] },
  'output.on_classifier_error': { accepts: [null], refuses: ['deny'] },
  'security.require_deployment': { accepts: [null, false], refuses: [true] },
  'security.accepts_code': { accepts: [null, true], refuses: [false] },
}

const codesWith = (path: string, value: Value): string[] => {
  const document = richDocument()
  put(document, path.split('.'), value)
  return problemsOf(() => compile(document)).map(({ code }) => code)
}

describe('a key that is not built', () => {
  test.for(Object.entries(NOT_BUILT))(
    '%s may only say that nothing is asked',
    ([path, { accepts, refuses }]) => {
      const codes = (value: Value): Set<string> => new Set(codesWith(path, value))
      expect(accepts.map(codes)).toEqual(accepts.map(() => new Set()))
      expect(refuses.map(codes)).toEqual(refuses.map(() => new Set(['CONFIG_NOT_BUILT'])))
    },
  )

  test('label of an entry is known and refused', () => {
    const document: Data = {
      permissions: { http: { allowed_domains: [{ domain: 'a.com', label: ['secret:crm'] }] } },
    }
    expect(problemsOf(() => compile(document))).toMatchObject([
      { code: 'CONFIG_NOT_BUILT', path: 'permissions.http.allowed_domains[0].label' },
    ])
  })
})
