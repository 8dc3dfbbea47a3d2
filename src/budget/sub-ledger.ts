import type { Quota } from '../capabilities/capability.ts'
import { CALLS_METER, COST_METER, Ledger, type Hold } from './ledger.ts'

/** The account that a child's draws are drawn on as well. */
export type LedgerAbove = {
  readonly ledger: Ledger
  /** Whose the meters of one run are there. */
  readonly owner: string
  readonly limits: { readonly maxToolCalls: number; readonly maxCostMicroUsd: number }
}

const isOwn = ({ meter }: Quota): boolean => meter === CALLS_METER || meter === COST_METER

/**
 * The account of a child. It counts what the child was given of calls, money and time, and draws everything on the ledger of its
 * parent at once, under the parent's limits: a child has no quota that its parent does not pay, and both must agree.
 */
export class SubLedger extends Ledger {
  readonly #above: LedgerAbove

  constructor(above: LedgerAbove) {
    super()
    this.#above = above
  }

  override count(quota: Quota, owner: string, nowMs: number): void {
    const { ledger, owner: ownerAbove } = this.#above
    if (isOwn(quota)) super.count(quota, owner, nowMs)
    try {
      ledger.count(this.#asAbove(quota), ownerAbove, nowMs)
    } catch (error) {
      if (isOwn(quota)) super.uncount(quota.meter, quota.amount)
      throw error
    }
  }

  override hold(quotas: readonly Quota[], owner: string, nowMs: number): Hold {
    const { ledger, owner: ownerAbove } = this.#above
    const own = super.hold(quotas.filter(isOwn), owner, nowMs)
    let above: Hold
    try {
      above = ledger.hold(
        quotas.map((quota) => this.#asAbove(quota)),
        ownerAbove,
        nowMs,
      )
    } catch (error) {
      own.release()
      throw error
    }
    return {
      draw: (quota, atMs) => {
        if (isOwn(quota)) own.draw(quota, atMs)
        above.draw(this.#asAbove(quota), atMs)
      },
      settle: (costMicroUsd) => {
        own.settle(costMicroUsd)
        above.settle(costMicroUsd)
      },
      release: () => {
        own.release()
        above.release()
      },
    }
  }

  override charge(name: string, amount: number): void {
    super.charge(name, amount)
    this.#above.ledger.charge(name, amount)
  }

  override uncount(name: string, amount: number): void {
    super.uncount(name, amount)
    this.#above.ledger.uncount(name, amount)
  }

  override enter(nowMs: number): void {
    super.enter(nowMs)
    this.#above.ledger.enter(nowMs)
  }

  override leave(nowMs: number): void {
    super.leave(nowMs)
    this.#above.ledger.leave(nowMs)
  }

  /** The same draw under the limits of the parent; a quota of a grant is the parent's own already. */
  #asAbove(quota: Quota): Quota {
    const { maxToolCalls, maxCostMicroUsd } = this.#above.limits
    if (quota.meter === CALLS_METER) return { ...quota, max: maxToolCalls }
    return quota.meter === COST_METER ? { ...quota, max: maxCostMicroUsd } : quota
  }
}
