import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CALLS_METER, COST_METER, CPU_METER, Ledger, type Hold } from '../../src/budget/ledger.ts'
import { SubLedger } from '../../src/budget/sub-ledger.ts'
import type { Quota } from '../../src/capabilities/capability.ts'

const LIMITS = { maxToolCalls: 10, maxCostMicroUsd: 1_000 }
const BYTES_MAX = 5_000

const quotaOf = (meter: string, amount: number, max: number): Quota => ({
  meter,
  amount,
  max,
  code: 'LIMIT_COST',
  rule: meter,
})

type Family = { readonly ledgers: readonly Ledger[]; readonly limits: readonly (typeof LIMITS)[] }

/** A parent, its child and the child of that, each under limits of its own. */
const familyOf = (limits: Family['limits']): Family => {
  const ledgers: Ledger[] = []
  for (const [index] of limits.entries()) {
    const above = ledgers[index - 1]
    const limitsAbove = limits[index - 1]
    ledgers.push(
      above === undefined || limitsAbove === undefined
        ? new Ledger()
        : new SubLedger({ ledger: above, owner: 'parent', limits: limitsAbove }),
    )
  }
  return { ledgers, limits }
}

const lower = fc.record({
  maxToolCalls: fc.nat({ max: LIMITS.maxToolCalls }),
  maxCostMicroUsd: fc.nat({ max: LIMITS.maxCostMicroUsd }),
})
const step = fc.record({
  who: fc.nat({ max: 2 }),
  kind: fc.constantFrom('count', 'hold', 'settle', 'release', 'draw'),
  at: fc.nat(),
  micro: fc.nat({ max: 600 }),
  bytes: fc.nat({ max: 3_000 }),
})

const permitted = (draw: () => unknown): unknown => {
  try {
    return draw()
  } catch {
    return undefined
  }
}

it('whatever children draw, none spends more than it was given, and all together no more than the parent may', () => {
  fc.assert(
    fc.property(lower, lower, fc.array(step, { maxLength: 60 }), (child, grandchild, steps) => {
      const { ledgers, limits } = familyOf([LIMITS, child, grandchild])
      const open: Hold[] = []
      for (const { who, kind, at, micro, bytes } of steps) {
        const ledger = ledgers[who] as Ledger
        const { maxToolCalls, maxCostMicroUsd } = limits[who] as typeof LIMITS
        const hold = open[at % Math.max(1, open.length)]
        if (kind === 'count') permitted(() => ledger.count(quotaOf(CALLS_METER, 1, maxToolCalls), 'child', 0))
        else if (kind === 'draw') permitted(() => hold?.draw(quotaOf('bytes', bytes, BYTES_MAX), 0))
        else if (kind === 'settle') hold?.settle(micro)
        else if (kind === 'release') hold?.release()
        else {
          const quotas = [quotaOf(COST_METER, micro, maxCostMicroUsd), quotaOf('bytes', bytes, BYTES_MAX)]
          const taken = permitted(() => ledger.hold(quotas, 'child', 0)) as Hold | undefined
          if (taken !== undefined) open.push(taken)
        }
      }
      for (const hold of open) hold.release()
      for (const [index, ledger] of ledgers.entries())
        expect(ledger.used(CALLS_METER)).toBeLessThanOrEqual(limits[index]?.maxToolCalls ?? 0)
      expect(ledgers[0]?.used('bytes')).toBeLessThanOrEqual(BYTES_MAX)
      expect(ledgers[0]?.used(CALLS_METER)).toBeGreaterThanOrEqual(ledgers[1]?.used(CALLS_METER) ?? 0)
      expect(ledgers[0]?.used(COST_METER)).toBeGreaterThanOrEqual(ledgers[1]?.used(COST_METER) ?? 0)
    }),
  )
})

it('a price that is held by a child is held of the parent, and so of its other children', () => {
  const { ledgers } = familyOf([LIMITS, LIMITS])
  const [parent, one] = ledgers as [Ledger, Ledger]
  const other = new SubLedger({ ledger: parent, owner: 'parent', limits: LIMITS })
  const hold = one.hold([quotaOf(COST_METER, 600, 1_000)], 'one', 0)
  expect(() => other.hold([quotaOf(COST_METER, 600, 1_000)], 'other', 0)).toThrow('600')
  // Nothing stays held of what was refused.
  other.hold([quotaOf(COST_METER, 400, 1_000)], 'other', 0).settle()
  hold.settle()
  expect([parent, one, other].map((ledger) => ledger.used(COST_METER))).toEqual([1_000, 600, 400])
})

it('a call that the parent has no room for is not counted for the child either', () => {
  const { ledgers } = familyOf([{ ...LIMITS, maxToolCalls: 1 }, LIMITS])
  const [parent, child] = ledgers as [Ledger, Ledger]
  parent.count(quotaOf(CALLS_METER, 1, 1), 'parent', 0)
  expect(() => child.count(quotaOf(CALLS_METER, 1, 10), 'child', 0)).toThrow('calls')
  expect(child.used(CALLS_METER)).toBe(0)
})

it('what a run may do only so often counts for the run that began it all', () => {
  const { ledgers } = familyOf([LIMITS, LIMITS, LIMITS])
  const once: Quota = { ...quotaOf('children', 1, 2), scope: 'run' }
  for (const ledger of ledgers.slice(0, 2)) ledger.hold([once], 'parent', 0).settle()
  expect(() => ledgers[2]?.hold([once], 'grandchild', 0)).toThrow('children')
})

it('time and CPU pass for both', () => {
  const { ledgers } = familyOf([LIMITS, LIMITS])
  const [parent, child] = ledgers as [Ledger, Ledger]
  parent.enter(0)
  child.enter(10)
  child.charge(CPU_METER, 7)
  child.leave(30)
  expect([parent.activeMs(100), child.activeMs(100)]).toEqual([100, 20])
  expect([parent.used(CPU_METER), child.used(CPU_METER)]).toEqual([7, 7])
})
