import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { definePolicy, explainPolicy, isCompiledPolicy, type CompiledPolicy } from '../../src/policy.ts'
import { allowed, battery } from './decisions.ts'
import { compile, richDocument, type Data } from './sample-policies.ts'

/** Maps of a policy are views that hold no map: what they lead to is reached through them. */
const isView = (value: object): value is ReadonlyMap<string, unknown> =>
  'forEach' in value && 'get' in value && 'keys' in value

/** Everything that can be reached from a value by reading it, schemas and functions left out. */
function reachable(root: unknown): object[] {
  const seen = new Set<object>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value) || value instanceof z.ZodType) return
    seen.add(value)
    for (const key of Reflect.ownKeys(value)) visit(Reflect.get(value, key))
    if (isView(value)) for (const inner of value.values()) visit(inner)
  }
  visit(root)
  return [...seen]
}

/** What a policy and its judgements lead to. The insides of single capabilities are their own to prove. */
const surfaceOf = (policy: CompiledPolicy): object[] => [
  policy,
  ...Object.entries(policy).flatMap(([key, value]) =>
    key === 'grants' ? [value as object] : reachable(value),
  ),
  ...[...policy.grants.values()].flatMap((grant) => [grant, ...reachable(grant.ops)]),
  ...[...policy.grants.values()].flatMap((grant) =>
    battery.flatMap(({ op, args }) => {
      try {
        return reachable(grant.judge(op, args))
      } catch {
        return []
      }
    }),
  ),
]

describe('a compiled policy', () => {
  test('is frozen all the way down, its judgements and its explanation too', () => {
    const policy = compile(richDocument())
    const surface = surfaceOf(policy)
    expect(surface.length).toBeGreaterThan(300)
    expect(surface.filter((one) => !Object.isFrozen(one))).toEqual([])
    expect(reachable(explainPolicy(policy)).filter((one) => !Object.isFrozen(one))).toEqual([])
  })

  test('throws at whoever tries to change it', () => {
    const policy = compile(richDocument())
    const judgement = policy.grants.get('tools')?.judge('tools.lookup_order', { id: '1' })
    for (const one of [
      policy,
      policy.limits,
      policy.prices,
      policy.warnings,
      policy.humanInLoop,
      policy.grants,
      judgement,
    ]) {
      expect(() => Object.assign(one ?? {}, { intruder: true })).toThrow(TypeError)
    }
    expect(() => Map.prototype.set.call(policy.grants, 'http', {})).toThrow(TypeError)
    expect(() => Map.prototype.clear.call(policy.secrets)).toThrow(TypeError)
    expect(Object.keys(policy.grants)).not.toContain('intruder')
  })

  test('does not change with the document that it was made from', () => {
    const document = richDocument()
    const policy = compile(document)
    const { digest, canonical } = policy
    const before = allowed(policy)
    const permissions = document['permissions'] as { http: { allowed_domains: Data[] }; tools: Data }
    permissions.http.allowed_domains.push({ domain: 'evil.example' })
    permissions.tools['send_email'] = {}
    Object.assign(document['limits'] as Data, { max_tool_calls: 1000 })
    expect([policy.digest, policy.canonical, policy.limits.maxToolCalls]).toEqual([digest, canonical, 10])
    expect(allowed(policy)).toEqual(before)
  })

  test('is recognised, and nothing that looks like it', () => {
    const policy = definePolicy({})
    expect(isCompiledPolicy(policy)).toBe(true)
    expect(definePolicy(policy)).toBe(policy)
    for (const forged of [
      { ...policy },
      Object.create(policy),
      structuredClone({ digest: policy.digest }),
      null,
    ]) {
      expect(isCompiledPolicy(forged)).toBe(false)
    }
  })
})
