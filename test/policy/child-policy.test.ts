import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../src/digest/sha256.ts'
import { childPolicy } from '../../src/policy/child-policy.ts'
import type { CompiledPolicy, Limits } from '../../src/policy/compiled.ts'
import { compile, richDocument } from './sample-policies.ts'

const parent = compile(richDocument())
const opsOf = ({ grants }: CompiledPolicy): string[] =>
  [...grants.values()].flatMap(({ ops }) => ops.map(({ name }) => name))
const held = opsOf(parent)
const names = [...parent.grants.keys(), ...held, 'db.shop', 'tools', 'exec']

const derive = (grants: readonly string[], limits: Partial<Limits> = {}): CompiledPolicy =>
  childPolicy(parent, { grants, limits: { ...parent.limits, ...limits } }, sha256)

describe('the policy of a child', () => {
  it('holds nothing where nothing is named', () => {
    expect(opsOf(derive([]))).toEqual([])
    expect(derive([]).grants.size).toBe(0)
  })

  it('holds what is named by capability, by group or by op, and nothing beside', () => {
    expect(opsOf(derive(['http']))).toEqual(['http.request'])
    expect(opsOf(derive(['kv.get']))).toEqual(['kv.get'])
    expect(opsOf(derive(['db.shop'])).every((op) => op.startsWith('db.shop.'))).toBe(true)
    expect(opsOf(derive(['code_exec']))).toEqual(opsOf(derive(['exec'])))
  })

  it.each(['', 'mcp', 'kv.', 'kv.ge', 'k', 'db.sho', 'tools.nothing', '__proto__', 'constructor', 'http.*'])(
    'is refused for a name that the parent holds nothing of: %j',
    (name) => {
      expect(() => derive([name])).toThrow(expect.objectContaining({ code: 'DENIED_NOT_GRANTED' }) as Error)
    },
  )

  it('can never do what the parent may not, however it is derived, nor can a child of it', () => {
    const limit = fc.nat({ max: 1_000_000_000 })
    const limits = fc.record({
      maxToolCalls: limit,
      maxCostMicroUsd: limit,
      maxCpuMs: limit,
      maxDurationMs: limit,
    })
    fc.assert(
      fc.property(fc.subarray(names), fc.subarray(names), limits, (first, second, asked) => {
        const child = derive(first, asked)
        const given = second.filter((name) =>
          opsOf(child).some((op) => op === name || op.startsWith(`${name}.`)),
        )
        const grandchild = childPolicy(
          child,
          { grants: given, limits: { ...parent.limits, ...asked } },
          sha256,
        )
        const generations = [parent, child, grandchild]
        for (const [index, below] of generations.slice(1).entries()) {
          const above = generations[index] as CompiledPolicy
          expect(opsOf(above)).toEqual(expect.arrayContaining(opsOf(below)))
          for (const [key, value] of Object.entries(below.limits))
            expect(value).toBeLessThanOrEqual(above.limits[key as keyof Limits])
          // The very same functions judge and ask.
          const rules = ({ grants, ...policy }: CompiledPolicy, name: string): unknown => {
            const judges = Object.entries(grants.get(name) ?? {}).filter(([key]) => key === 'judge')
            return [judges, Object.entries(policy).filter(([key]) => key === 'needsApproval')]
          }
          for (const name of below.grants.keys()) expect(rules(below, name)).toEqual(rules(above, name))
          expect([below.secrets, below.security, below.prices]).toEqual([
            above.secrets,
            above.security,
            above.prices,
          ])
        }
      }),
      { numRuns: 200 },
    )
  })

  it('has a digest of its own, which says what it holds', () => {
    const digests = [[], ['kv'], ['kv.get'], ['http']].map((grants) => derive(grants).digest)
    expect(new Set([parent.digest, ...digests]).size).toBe(5)
    expect(derive(['kv.get', 'kv.put']).digest).toBe(derive(['kv.put', 'kv.get']).digest)
    expect(derive(['kv'], { maxToolCalls: 1 }).digest).not.toBe(derive(['kv']).digest)
  })

  it('is frozen', () => {
    const child = derive(['kv'])
    for (const part of [
      child,
      child.limits,
      child.grants,
      child.grants.get('kv'),
      child.grants.get('kv')?.ops,
    ])
      expect(Object.isFrozen(part)).toBe(true)
  })
})
