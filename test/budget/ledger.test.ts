import { describe, expect, it } from 'vitest'
import { Ledger } from '../../src/budget/ledger.ts'
import type { Quota } from '../../src/capabilities/capability.ts'

const cost = (amount: number, max = 100): Quota => ({
  meter: 'cost',
  amount,
  max,
  code: 'LIMIT_COST',
  rule: 'limits.max_cost_usd',
})
const bytes = (amount: number, max = 100): Quota => ({
  meter: 'bytes',
  amount,
  max,
  code: 'LIMIT_EGRESS',
  rule: 'egress',
  scope: 'run',
})
const rate = (max: number): Quota => ({
  meter: 'rate',
  amount: 1,
  max,
  windowMs: 1_000,
  code: 'LIMIT_RATE',
  rule: 'rate',
})

describe('a hold', () => {
  it('counts against the limit until it is settled or released', () => {
    const ledger = new Ledger()
    const hold = ledger.hold([cost(60)], 'run', 0)
    expect(() => ledger.hold([cost(41)], 'run', 0)).toThrow(
      expect.objectContaining({ code: 'LIMIT_COST' }) as Error,
    )
    expect(ledger.used('cost')).toBe(0)
    hold.release()
    expect(() => ledger.hold([cost(100)], 'run', 0)).not.toThrow()
  })

  it('takes all quotas or none', () => {
    const ledger = new Ledger()
    expect(() => ledger.hold([cost(60), bytes(101)], 'run', 0)).toThrow(
      expect.objectContaining({ code: 'LIMIT_EGRESS' }) as Error,
    )
    expect(() => ledger.hold([cost(100)], 'run', 0)).not.toThrow()
  })

  it('ends once: what comes after changes nothing', () => {
    const ledger = new Ledger()
    const hold = ledger.hold([cost(60)], 'run', 0)
    hold.settle(10)
    hold.settle(50)
    hold.release()
    expect(ledger.used('cost')).toBe(10)
    expect(() => hold.draw(bytes(1), 0)).toThrow(expect.objectContaining({ code: 'LIMIT_EGRESS' }) as Error)
  })

  it('draws on more while the work goes on, and gives it back with the rest', () => {
    const ledger = new Ledger()
    const hold = ledger.hold([bytes(60)], 'run', 0)
    hold.draw(bytes(40), 0)
    expect(() => hold.draw(bytes(1), 0)).toThrow(expect.objectContaining({ code: 'LIMIT_EGRESS' }) as Error)
    hold.release()
    expect(() => ledger.hold([bytes(100)], 'run', 0)).not.toThrow()
  })

  it('settles at the real price, also above the worst case, and never at what is no amount', () => {
    const ledger = new Ledger()
    ledger.hold([cost(10)], 'run', 0).settle(4)
    ledger.hold([cost(10)], 'run', 0).settle(200)
    expect(ledger.used('cost')).toBe(204)
    expect(() => ledger.hold([cost(0)], 'run', 0)).toThrow(
      expect.objectContaining({ code: 'LIMIT_COST' }) as Error,
    )
    const other = new Ledger()
    for (const lie of [NaN, -5, Infinity, -Infinity]) other.hold([cost(10)], 'run', 0).settle(lie)
    expect(other.used('cost')).toBe(40)
  })
})

describe('a quota of a run', () => {
  it('is each run its own, and forgotten with it', () => {
    const ledger = new Ledger()
    ledger.hold([bytes(100)], 'one', 0).settle()
    expect(() => ledger.hold([bytes(1)], 'one', 0)).toThrow(/allow|used/)
    expect(() => ledger.hold([bytes(100)], 'two', 0).settle()).not.toThrow()
    expect(Object.keys(ledger.toState(0).meters)).toEqual(['one/bytes', 'two/bytes'])
    ledger.forget('one')
    expect(Object.keys(ledger.toState(0).meters)).toEqual(['two/bytes'])
  })
})

describe('a rate', () => {
  it('frees its places as time passes, and says how long to wait', () => {
    const ledger = new Ledger()
    ledger.hold([rate(2)], 'run', 0).settle()
    ledger.hold([rate(2)], 'run', 400).release()
    expect(() => ledger.hold([rate(2)], 'run', 900)).toThrow(
      expect.objectContaining({
        code: 'LIMIT_RATE',
        facts: expect.objectContaining({ hint: 'Wait 100 ms, then try again.' }) as object,
      }) as Error,
    )
    expect(() => ledger.hold([rate(2)], 'run', 1_001)).not.toThrow()
  })
})

describe('cost alerts', () => {
  it('come once for each threshold, in whatever steps the cost grows', () => {
    const ledger = new Ledger()
    const at = (spent: number): number[] => {
      ledger.charge('cost', spent - ledger.used('cost'))
      return ledger.newCostAlerts([0.5, 0.8, 1], 1_000)
    }
    expect([at(0), at(499), at(500), at(500), at(900), at(1_000), at(2_000)]).toEqual([
      [],
      [],
      [0.5],
      [],
      [0.8],
      [1],
      [],
    ])
  })

  it.each([
    [0.55, 100_000, 55_000],
    [0.29, 100, 29],
    [0.7, 1_000_000, 700_000],
    [0.1, 5, 1],
  ])('fall due exactly: %d of %d at %d', (threshold, limit, due) => {
    const before = new Ledger()
    before.charge('cost', due - 1)
    expect(before.newCostAlerts([threshold], limit)).toEqual([])
    const then = new Ledger()
    then.charge('cost', due)
    expect(then.newCostAlerts([threshold], limit)).toEqual([threshold])
  })
})

describe('time', () => {
  it('passes while at least one run goes on', () => {
    const ledger = new Ledger()
    ledger.enter(0)
    ledger.enter(10)
    ledger.leave(30)
    expect(ledger.activeMs(40)).toBe(40)
    ledger.leave(50)
    expect(ledger.activeMs(1_000)).toBe(50)
    ledger.enter(1_000)
    expect(ledger.activeMs(1_005)).toBe(55)
  })
})

describe('a ledger that was kept', () => {
  it('goes on where it was, with what was held counted as spent', () => {
    const ledger = new Ledger()
    ledger.hold([cost(10)], 'run', 0).settle()
    ledger.hold([cost(30)], 'run', 0)
    ledger.count({ meter: 'calls', amount: 1, max: 5, code: 'LIMIT_TOOL_CALLS', rule: 'calls' }, 'run', 0)
    ledger.newCostAlerts([0.1], 100)
    ledger.enter(0)
    const again = new Ledger(JSON.parse(JSON.stringify(ledger.toState(70))) as never)
    expect([again.used('cost'), again.used('calls'), again.activeMs(500)]).toEqual([40, 1, 70])
    expect(again.newCostAlerts([0.1, 0.4], 100)).toEqual([0.4])
  })
})
