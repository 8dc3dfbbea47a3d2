import { expect, it } from 'vitest'
import { definePolicy, type RunResult } from '../../src/index.ts'
import { LOOPBACK } from '../harness/gate.ts'
import { openSite } from '../harness/site.ts'
import { openGateOf } from '../run/gates.ts'

const GET_BOTH = `const outcomes = []
  for (const url of input.urls) { try { outcomes.push((await http.get(url)).status) } catch ({ code }) { outcomes.push(code) } }
  return outcomes`

it('R22: a compiled policy does not change with the document that it was made from, nor by hand', async () => {
  await using allowed = await openSite()
  await using other = await openSite()
  await using gate = await openGateOf({})
  const document = {
    permissions: { http: { allowed_domains: [allowed.origin], ...LOOPBACK } },
    limits: { max_tool_calls: 5 },
  }
  const policy = definePolicy(document)
  document.permissions.http.allowed_domains.push(other.origin)
  document.limits.max_tool_calls = 1_000
  expect(() => Object.assign(policy, { limits: { ...policy.limits, maxToolCalls: 1_000 } })).toThrow(
    TypeError,
  )
  expect(() => Object.assign(policy.limits, { maxToolCalls: 1_000 })).toThrow(TypeError)
  expect(() => (policy.grants as Map<string, unknown>).set('http', {})).toThrow(TypeError)
  const result = await gate.run({ code: GET_BOTH, input: { urls: [allowed.origin, other.origin] }, policy })
  expect(result.value).toEqual([200, 'DENIED_DOMAIN'])
  expect([result.policyDigest, other.connections, result.usage.limits.calls]).toEqual([policy.digest, 0, 5])
})

it('R22: nothing of a request widens them: not the input, not the tool, not a document changed while it runs', async () => {
  await using allowed = await openSite()
  await using other = await openSite()
  const document = { permissions: { http: { allowed_domains: [allowed.origin], ...LOOPBACK } } }
  await using gate = await openGateOf({
    onEvent: () => void document.permissions.http.allowed_domains.push(other.origin),
  })
  const code = `Object.assign(capabilities.http ?? {}, {}); const widened = { permissions: { http: { allowed_domains: ['*'] } } }
    try { capabilities.policy = widened } catch {}
    globalThis.policy = widened
    ${GET_BOTH}`
  const input = {
    urls: [allowed.origin, other.origin, other.origin],
    permissions: { http: { allowed_domains: [other.origin] } },
    policy: document,
  }
  const { value } = await gate.run({
    code,
    input,
    policy: { ...document, permissions: { http: { ...document.permissions.http } } },
  })
  expect(value).toEqual([200, 'DENIED_DOMAIN', 'DENIED_DOMAIN'])
  expect(other.connections).toBe(0)
})

it('R22: every record of a run stands under the digest of its policy', async () => {
  await using gate = await openGateOf({})
  const results: RunResult[] = []
  for (const max_tool_calls of [5, 6])
    results.push(await gate.run({ code: 'return 1', policy: { limits: { max_tool_calls } } }))
  const [first, second] = results.map(({ policyDigest }) => policyDigest)
  expect(first).not.toBe(second)
  for (const { runId, policyDigest } of results) {
    const [started] = await gate.audit.read({ runId })
    expect(started?.facts['policy']).toBe(policyDigest)
  }
})
