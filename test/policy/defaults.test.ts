import { describe, expect, test } from 'vitest'
import { CATEGORIES } from '../../src/capabilities/capability.ts'
import { definePolicy, type CompiledPolicy } from '../../src/policy.ts'
import { decide, widened } from './decisions.ts'
import {
  compile,
  pathsOf,
  remove,
  richDocument,
  type Data,
  type Path,
  type Value,
} from './sample-policies.ts'

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((one, part) => (one as Record<string | number, unknown> | undefined)?.[part], value)

const parsed = (policy: CompiledPolicy): unknown => JSON.parse(policy.canonical)

describe('what is absent', () => {
  test('is not granted: the empty policy grants nothing', () => {
    for (const document of [{}, { permissions: {} }, { permissions: null }, { version: 1 }]) {
      expect([...definePolicy(document).grants.keys()]).toEqual([])
    }
  })

  test('among the limits is the default of the reference', () => {
    expect(definePolicy({}).limits).toEqual({
      maxToolCalls: 20,
      maxDurationMs: 60_000,
      maxCostMicroUsd: 100_000,
      maxCpuMs: 10_000,
      maxMemoryMb: 64,
      maxConcurrentCalls: 8,
      maxLogBytes: 64 * 1024,
      maxOutputBytes: 256 * 1024,
    })
  })

  test('under http is the default of the reference', () => {
    const http = parsed(definePolicy({ permissions: { http: { allowed_domains: ['a.com'] } } }))
    expect(valueAt(http, ['permissions', 'http'])).toEqual({
      allowed_domains: [{ domain: 'a.com', methods: ['GET', 'HEAD'], headers: [], category: [], label: [] }],
      max_response_size_kb: 512,
      max_request_size_kb: 64,
      max_egress_kb: 64,
      max_redirects: 3,
      timeout_seconds: 30,
      max_concurrent: 4,
      private_networks: [],
    })
  })

  test('elsewhere is free of charge, without alerts, and asks within a day', () => {
    const policy = definePolicy({})
    expect(policy.approval).toEqual({ ttlMs: 86_400_000, requesterMayApprove: false })
    expect(policy.prices).toEqual({ cpuSecondMicroUsd: 0, httpCallMicroUsd: 0, egressMbMicroUsd: 0 })
    expect(policy.costAlerts).toEqual([])
    expect(policy.humanInLoop).toEqual([])
    expect(policy.secrets.size).toBe(0)
  })
})

/** Restrictions of the rich policy, and what each is when it is not there; undefined: no restriction. */
const API = 'permissions.http.allowed_domains.3'
const MAIL = 'permissions.tools.send_email'
const RESTRICTIONS: Readonly<Record<string, Value | undefined>> = {
  [`${API}.methods`]: ['GET', 'HEAD'],
  [`${API}.paths`]: undefined,
  [`${API}.query`]: undefined,
  [`${API}.effect`]: undefined,
  [`${API}.category`]: [],
  [`${API}.idempotency`]: undefined,
  [`${API}.key_ttl_seconds`]: undefined,
  [`${API}.cost_usd`]: undefined,
  [`${API}.ask`]: undefined,
  [`${API}.max_egress_kb`]: undefined,
  'permissions.http.max_response_size_kb': 512,
  'permissions.http.max_request_size_kb': 64,
  'permissions.http.max_egress_kb': 64,
  'permissions.http.max_redirects': 3,
  'permissions.http.max_concurrent': 4,
  'permissions.http.timeout_seconds': 30,
  'permissions.http.rate': undefined,
  [`${MAIL}.max_calls`]: undefined,
  [`${MAIL}.args`]: undefined,
  [`${MAIL}.args.to`]: undefined,
  [`${MAIL}.cost_usd`]: undefined,
  [`${MAIL}.effect`]: undefined,
  [`${MAIL}.category`]: undefined,
  [`${MAIL}.ask`]: undefined,
  'secrets.company_api.hosts': undefined,
  'limits.max_tool_calls': 20,
  'limits.max_duration_seconds': 60,
  'limits.max_cost_usd': 0.1,
  'limits.max_cpu_seconds': 10,
  'limits.max_memory_mb': 64,
  'limits.max_concurrent_calls': 8,
  'limits.max_log_kb': 64,
  'limits.max_output_kb': 256,
  human_in_loop: [],
  'approval.ttl_seconds': 86_400,
  'approval.requester_may_approve': false,
}

const pathOf = (text: string): Path =>
  text.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part))

const without = (text: string): Data => {
  const document = richDocument()
  if (text.endsWith('.idempotency')) remove(document, pathOf(`${API}.key_ttl_seconds`))
  remove(document, pathOf(text))
  return document
}

describe('deleting a restriction', () => {
  test.for(Object.entries(RESTRICTIONS))('%s leaves its default, %j', ([text, expected]) => {
    expect(pathsOf(richDocument()).map((path) => path.join('.'))).toContain(text)
    expect(valueAt(parsed(compile(without(text))), pathOf(text))).toEqual(expected)
  })

  test('of paths is noticed by the battery that the tests of deletion compare with', () => {
    expect(widened(compile(without(`${API}.paths`)), compile(richDocument())).length).toBeGreaterThan(0)
  })

  test('of ask leaves the default by effect and category, which may ask all the same', () => {
    const post = { op: 'http.request', args: { url: 'https://api.company.com/v1/orders', method: 'POST' } }
    expect(decide(compile(without(`${API}.ask`)), post)).toMatchObject({ ask: 2 })
    const mail = { op: 'tools.send_email', args: { to: 'a@company.com', text: 'x', priority: 'low' } }
    const document = without(`${MAIL}.ask`)
    document['human_in_loop'] = []
    expect(decide(compile(document), mail)).toMatchObject({ ask: 2 })
  })
})

describe('the default of ask', () => {
  const http = (entry: Data): CompiledPolicy =>
    compile({
      permissions: {
        http: { allowed_domains: [{ domain: 'api.company.com', methods: ['POST'], ...entry }] },
      },
    })
  const post = { op: 'http.request', args: { url: 'https://api.company.com/', method: 'POST' } }
  const asked = (entry: Data): number | undefined => decide(http(entry), post)?.ask

  test('is never for a write: what was granted was granted', () => {
    expect(asked({})).toBe(0)
  })

  test('is always for an irreversible effect and for each dangerous category', () => {
    expect(asked({ effect: 'irreversible' })).toBe(2)
    expect(CATEGORIES).toEqual(['message', 'payment', 'delete', 'credential', 'publish', 'admin'])
    expect(CATEGORIES.map((category) => asked({ category: [category] }))).toEqual(CATEGORIES.map(() => 2))
  })

  test('gives way to what the entry writes, ask: never included', () => {
    const irreversible = { effect: 'irreversible', category: ['payment'] }
    expect(asked({ ...irreversible, ask: 'never' })).toBe(0)
    expect(asked({ ...irreversible, ask: 'once_per_run' })).toBe(1)
    expect(asked({ ask: 'always' })).toBe(2)
  })

  test('names the rule that asks', () => {
    const judge = (entry: Data) => {
      const policy = http(entry)
      const grant = policy.grants.get('http')
      return grant && policy.needsApproval(grant.judge('http.request', { ...post.args, redirect: 'follow' }))
    }
    expect(judge({ effect: 'irreversible' })?.rule).toBe('default: irreversible effects ask')
    expect(judge({ category: ['payment'] })?.rule).toBe('default: the category payment asks')
    expect(judge({ ask: 'always' })?.rule).toBe('permissions.http.allowed_domains[0].ask')
  })
})
