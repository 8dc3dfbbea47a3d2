import { describe, expect, test } from 'vitest'
import { definePolicy } from '../../src/policy.ts'

const demands = (security: object | null) => definePolicy({ security }).security

describe('security', () => {
  test('demands nothing when it is absent, null or empty', () => {
    for (const security of [null, {}, { min_tier: null, profile: null }]) {
      expect(demands(security)).toEqual({ minTier: undefined, isStrict: false })
    }
  })

  test('demands a tier and the strict profile', () => {
    expect(demands({ min_tier: 'T3', profile: 'strict' })).toEqual({ minTier: 'T3', isStrict: true })
    expect(() => demands({ min_tier: 'T0' })).toThrow(/min_tier/)
    expect(() => demands({ min_tier: 'T9' })).toThrow(/min_tier/)
    expect(() => demands({ profile: 'lax' })).toThrow(/profile/)
  })

  test('is part of the digest, for it changes what a run may count on', () => {
    const digests = [{}, { min_tier: 'T1' }, { min_tier: 'T3' }, { profile: 'strict' }].map(
      (security) => definePolicy({ security }).digest,
    )
    expect(new Set(digests).size).toBe(4)
    expect(definePolicy({ security: null }).digest).toBe(definePolicy({}).digest)
  })
})
