// oxlint-disable vitest/no-standalone-expect -- the model below is driven by tests, and asserts at every step
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ledger, type Hold } from '../../src/budget/ledger.ts'
import type { Quota } from '../../src/capabilities/capability.ts'

const METERS = ['cost', 'calls', 'bytes'] as const
const MAX: Readonly<Record<string, number>> = { cost: 1_000, calls: 20, bytes: 5_000 }
const quotaOf = (meter: string, amount: number): Quota => ({
  meter,
  amount,
  max: MAX[meter] ?? 0,
  code: 'LIMIT_COST',
  rule: meter,
})

const quotas = fc.array(
  fc.record({ meter: fc.constantFrom(...METERS), amount: fc.integer({ min: 0, max: 700 }) }),
  { minLength: 1, maxLength: 3 },
)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('hold' as const), quotas }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('draw' as const),
      at: fc.nat(),
      meter: fc.constantFrom('calls', 'bytes'),
      amount: fc.integer({ min: 0, max: 700 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      at: fc.nat(),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never
type Open = { readonly hold: Hold; readonly held: Map<string, number> }

const add = (sums: Map<string, number>, { meter, amount }: { meter: string; amount: number }): void =>
  void sums.set(meter, (sums.get(meter) ?? 0) + amount)

/** A ledger beside a plain model of it; the model knows every hold and what it took. */
class Modelled {
  ledger = new Ledger()
  readonly used = new Map<string, number>()
  readonly open: Open[] = []

  held(meter: string): number {
    return this.open.reduce((sum, { held }) => sum + (held.get(meter) ?? 0), 0)
  }

  fits(wanted: readonly { meter: string; amount: number }[]): boolean {
    const sums = new Map<string, number>()
    return wanted.every((one) => {
      add(sums, one)
      return (
        (this.used.get(one.meter) ?? 0) + this.held(one.meter) + (sums.get(one.meter) ?? 0) <=
        (MAX[one.meter] ?? 0)
      )
    })
  }

  act(one: Step): void {
    if (one.kind === 'hold') return this.#hold(one.quotas)
    if (one.kind === 'restart') return this.#restart()
    const taken = this.open[one.at % Math.max(1, this.open.length)]
    if (taken === undefined) return
    if (one.kind === 'draw') return this.#draw(taken, one)
    this.open.splice(this.open.indexOf(taken), 1)
    if (one.kind === 'release') return taken.hold.release()
    const costMicroUsd = Math.floor((taken.held.get('cost') ?? 0) * one.share)
    // A hold with two draws on the cost settles each at the real price, so the model allows one such draw.
    taken.hold.settle(costMicroUsd)
    for (const [meter, amount] of taken.held)
      add(this.used, { meter, amount: meter === 'cost' ? costMicroUsd : amount })
  }

  #hold(wanted: readonly { meter: string; amount: number }[]): void {
    const once = wanted.filter(({ meter }, at) => wanted.findIndex((other) => other.meter === meter) === at)
    const fits = this.fits(once)
    try {
      const hold = this.ledger.hold(
        once.map(({ meter, amount }) => quotaOf(meter, amount)),
        'run',
        0,
      )
      expect(fits).toBe(true)
      const held = new Map<string, number>()
      for (const one of once) add(held, one)
      this.open.push({ hold, held })
    } catch (error) {
      expect(error).toMatchObject({ code: 'LIMIT_COST' })
      expect(fits).toBe(false)
    }
  }

  #draw({ hold, held }: Open, one: { meter: string; amount: number }): void {
    const fits = this.fits([one])
    try {
      hold.draw(quotaOf(one.meter, one.amount), 0)
      expect(fits).toBe(true)
      add(held, one)
    } catch (error) {
      expect(error).toMatchObject({ code: 'LIMIT_COST' })
      expect(fits).toBe(false)
    }
  }

  /** A crash: what was held is spent, for nobody knows. */
  #restart(): void {
    this.ledger = new Ledger(this.ledger.toState(0))
    for (const { held } of this.open.splice(0))
      for (const [meter, amount] of held) add(this.used, { meter, amount })
  }
}

describe('whatever is held, drawn, settled, released and restarted in whatever order', () => {
  it('nothing passes its limit, nothing that fits is refused, and nothing is lost', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const modelled = new Modelled()
        for (const one of steps) {
          modelled.act(one)
          const { meters } = modelled.ledger.toState(0)
          for (const meter of METERS) {
            const [used, held] = [modelled.used.get(meter) ?? 0, modelled.held(meter)]
            expect(modelled.ledger.used(meter)).toBe(used)
            expect(meters[meter] ?? 0).toBe(used + held)
            expect(used + held).toBeLessThanOrEqual(MAX[meter] ?? 0)
          }
        }
      }),
      { numRuns: 400 },
    )
  })

  it('parallel workers that hold, wait and settle never overshoot together', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 2, maxLength: 20 }),
        async (scheduler, prices) => {
          const ledger = new Ledger()
          let done = 0
          const work = async (price: number): Promise<void> => {
            await scheduler.schedule(Promise.resolve())
            const hold = ledger.hold([quotaOf('cost', price)], 'run', 0)
            await scheduler.schedule(Promise.resolve())
            hold.settle(price)
            done += price
          }
          const workers = prices.map((price) => work(price).catch(() => undefined))
          await scheduler.waitFor(Promise.all(workers))
          expect(ledger.used('cost')).toBe(done)
          expect(done).toBeLessThanOrEqual(1_000)
        },
      ),
      { numRuns: 100 },
    )
  })
})
