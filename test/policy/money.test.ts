import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { microUsd, USD_MAX } from '../../src/policy/money.ts'
import { definePolicy } from '../../src/policy.ts'

describe('dollars of a policy', () => {
  test('round so that no more money goes out: prices up, limits down', () => {
    const { limits, prices } = definePolicy({
      limits: { max_cost_usd: 0.0000019 },
      prices: { cpu_second_usd: 0.0000011, http_call_usd: 1e-12, egress_mb_usd: 0.000002 },
    })
    expect(limits.maxCostMicroUsd).toBe(1)
    expect(prices).toEqual({ cpuSecondMicroUsd: 2, httpCallMicroUsd: 1, egressMbMicroUsd: 2 })
  })

  test('are the decimal number that was written, not its binary neighbour', () => {
    for (const round of ['up', 'down'] as const) {
      expect(
        [0.1, 0.29, 0.57, 1.1, 4.35, 0.000001, 999_999.999999].map((usd) => microUsd(usd, round)),
      ).toEqual([100_000, 290_000, 570_000, 1_100_000, 4_350_000, 1, 999_999_999_999])
    }
  })

  test('of whole micro-dollars are exact, and others differ by one from one side to the other', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: USD_MAX, noNaN: true }), (usd) => {
        const [down, up] = [microUsd(usd, 'down'), microUsd(usd, 'up')]
        return (
          Number.isSafeInteger(down) &&
          (up === down || up === down + 1) &&
          Math.abs(down - usd * 1e6) <= 1.001
        )
      }),
    )
    fc.assert(
      fc.property(fc.nat(1e9), (micro) => microUsd(micro / 1e6, 'up') === microUsd(micro / 1e6, 'down')),
    )
  })
})
