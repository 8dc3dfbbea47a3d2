import { describe, expect, test } from 'vitest'
import { METHODS } from '../../src/capabilities/http/ops.ts'
import { checkPolicy, definePolicy, parsePolicy } from '../../src/policy.ts'
import { decide } from './decisions.ts'
import { usersExampleText } from './sample-policies.ts'

/** The same, as the article's literal says it. */
const asObject = {
  permissions: {
    http: {
      allowed_domains: ['api.company.com', 'trusted-data-source.com'],
      max_response_size_kb: 512,
    },
    filesystem: null,
    code_exec: false,
    db_write: false,
  },
  limits: { max_tool_calls: 20, max_duration_seconds: 120, max_cost_usd: 0.5 },
  human_in_loop: ['send_email', 'delete_record'],
}

const policy = parsePolicy(usersExampleText)
const ask = (url: string, method = 'GET') => decide(policy, { op: 'http.request', args: { url, method } })

describe("the user's own example", () => {
  test('loads as it stands, as YAML and as an object, with one digest', () => {
    expect(definePolicy(asObject).digest).toBe(policy.digest)
    expect(policy.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
  })

  test('grants HTTP to its two domains and nothing else', () => {
    expect([...policy.grants.keys()]).toEqual(['http'])
    expect(ask('https://api.company.com/v1/orders')).toBeDefined()
    expect(ask('https://trusted-data-source.com/')).toBeDefined()
    const others = [
      'https://evil.example/',
      'https://api.company.com.evil.example/',
      'https://sub.api.company.com/',
      'http://api.company.com/',
      'https://api.company.com:8443/',
    ]
    expect(others.filter((url) => ask(url) !== undefined)).toEqual([])
  })

  test('is read-only by default: GET and HEAD, and no other method (R7)', () => {
    const passed = METHODS.filter((method) => ask('https://api.company.com/', method) !== undefined)
    expect(passed).toEqual(['GET', 'HEAD'])
  })

  test('sets the limits that it names, and the defaults for the rest (R20)', () => {
    expect(policy.limits).toMatchObject({
      maxToolCalls: 20,
      maxDurationMs: 120_000,
      maxCostMicroUsd: 500_000,
    })
    expect(policy.limits).toMatchObject({ maxCpuMs: 10_000, maxMemoryMb: 64, maxConcurrentCalls: 8 })
    expect(JSON.parse(policy.canonical)).toMatchObject({
      permissions: { http: { max_response_size_kb: 512 } },
    })
  })

  test('names two actions that nothing grants: two warnings with their place, and a problem when strict (R21)', async () => {
    const loose = await checkPolicy({ text: usersExampleText })
    expect(loose).toMatchObject({ ok: true, problems: [], digest: policy.digest })
    expect(loose.warnings.map(({ path, line, column }) => [path, line, column])).toEqual([
      ['human_in_loop[0]', 12, 17],
      ['human_in_loop[1]', 12, 31],
    ])
    const strict = await checkPolicy({ text: usersExampleText }, { strict: true })
    expect(strict.ok).toBe(false)
    expect(strict.problems.map(({ path }) => path)).toEqual(['human_in_loop[0]', 'human_in_loop[1]'])
  })

  test('records the model that may stand beside it, and enforces nothing by it', () => {
    const named = definePolicy({ ...asObject, model: 'claude-opus-4' })
    expect(named.model).toBe('claude-opus-4')
    expect(named.limits).toEqual(policy.limits)
    expect(named.digest).not.toBe(policy.digest)
  })
})
