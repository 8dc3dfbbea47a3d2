import type { Quota } from '../capabilities/capability.ts'
import { TollgateError } from '../errors/tollgate-error.ts'

type Meter = {
  used: number
  held: number
  /** Draws of a rate: [time, amount]. */ recent?: [number, number][]
}

/** A reservation of the worst case of one call. Ends by exactly one of settle and release; further ends do nothing. */
export type Hold = {
  /** Draws on more while the work goes on. Throws the quota's code, always so once the hold has ended. */
  draw(quota: Quota, nowMs: number): void
  /** Charges what was held; `costMicroUsd` replaces the worst case of the price when the real one is known. */
  settle(costMicroUsd?: number): void
  /** Gives everything back: the work did not happen. */
  release(): void
}

/** What a ledger is between two processes. */
export type LedgerState = {
  readonly meters: Readonly<Record<string, number>>
  readonly alerted: readonly number[]
  readonly activeMs: number
}

export const COST_METER = 'cost'
export const CALLS_METER = 'calls'
export const CPU_METER = 'cpu'

/**
 * The running account of one task; every run of the task draws on it, so a limit holds for the task and for each run in it.
 * A draw is checked against used + held, so parallel calls cannot overshoot. Pure: time is passed in.
 */
export class Ledger {
  readonly #meters = new Map<string, Meter>()
  readonly #alerted: Set<number>
  #activeMs: number
  #activeRuns = 0
  #activeSinceMs = 0

  constructor(state: LedgerState = { meters: {}, alerted: [], activeMs: 0 }) {
    for (const [name, used] of Object.entries(state.meters)) this.#meters.set(name, { used, held: 0 })
    this.#alerted = new Set(state.alerted)
    this.#activeMs = state.activeMs
  }

  #meter(name: string): Meter {
    let meter = this.#meters.get(name)
    if (meter === undefined) this.#meters.set(name, (meter = { used: 0, held: 0 }))
    return meter
  }

  used(name: string): number {
    return this.#meters.get(name)?.used ?? 0
  }

  /** Charges at once, without a hold and without a refusal; for what already happened (CPU time). */
  charge(name: string, amount: number): void {
    this.#meter(name).used += spendable(amount, 0)
  }

  /** Takes back what was counted for a run that starts again. */
  uncount(name: string, amount: number): void {
    const meter = this.#meter(name)
    meter.used = Math.max(0, meter.used - amount)
  }

  /** Checks a draw and takes it as held. Throws the quota's code. */
  #take(quota: Quota, owner: string, nowMs: number): Meter {
    const meter = this.#meter(quota.scope === 'run' ? `${owner}/${quota.meter}` : quota.meter)
    if (quota.windowMs !== undefined) {
      const recent = (meter.recent ?? []).filter(([atMs]) => atMs > nowMs - (quota.windowMs ?? 0))
      const sum = recent.reduce((total, [, amount]) => total + amount, 0)
      if (sum + quota.amount > quota.max) throw refusal(quota, sum, waitMs(recent, quota, nowMs))
      recent.push([nowMs, quota.amount])
      meter.recent = recent
      return meter
    }
    if (quota.amount > 0 && meter.used + meter.held + quota.amount > quota.max)
      throw refusal(quota, meter.used + meter.held)
    if (quota.amount === 0 && quota.max < meter.used + meter.held)
      throw refusal(quota, meter.used + meter.held)
    meter.held += quota.amount
    return meter
  }

  /** Counts one right away: for what is spent by being asked. Throws the quota's code. */
  count(quota: Quota, owner: string, nowMs: number): void {
    const meter = this.#take(quota, owner, nowMs)
    meter.held -= quota.amount
    meter.used += quota.amount
  }

  /** Holds the worst case of a call: all quotas or none. Throws the code of the first that does not fit. */
  hold(quotas: readonly Quota[], owner: string, nowMs: number): Hold {
    const taken: { meter: Meter; quota: Quota }[] = []
    let open = true
    const end = (charge: boolean, costMicroUsd?: number): void => {
      if (!open) return
      open = false
      for (const { meter, quota } of taken) {
        if (quota.windowMs !== undefined) continue
        meter.held -= quota.amount
        if (!charge) continue
        meter.used += quota.meter === COST_METER ? spendable(costMicroUsd, quota.amount) : quota.amount
      }
    }
    const draw = (quota: Quota, atMs: number): void => {
      if (!open) throw refusal(quota, quota.max)
      taken.push({ meter: this.#take(quota, owner, atMs), quota })
    }
    try {
      for (const quota of quotas) draw(quota, nowMs)
    } catch (error) {
      end(false)
      throw error
    }
    return { draw, settle: (costMicroUsd) => end(true, costMicroUsd), release: () => end(false) }
  }

  /** Thresholds (fractions of the limit) that the spent cost has reached and that were not reported before. */
  newCostAlerts(thresholds: readonly number[], limitMicroUsd: number): number[] {
    const spent = this.used(COST_METER)
    // A product of fractions may lie a hair above the whole number that is meant.
    const isReached = (threshold: number): boolean => spent >= Math.ceil(threshold * limitMicroUsd - 1e-6)
    const reached = thresholds.filter(
      (threshold) => spent > 0 && isReached(threshold) && !this.#alerted.has(threshold),
    )
    for (const threshold of reached) this.#alerted.add(threshold)
    return reached
  }

  /** Drops the meters that a run had to itself; the run is over. */
  forget(owner: string): void {
    for (const name of this.#meters.keys()) if (name.startsWith(`${owner}/`)) this.#meters.delete(name)
  }

  /** A run begins or goes on: the task's time passes while at least one of its runs does. */
  enter(nowMs: number): void {
    if (this.#activeRuns === 0) this.#activeSinceMs = nowMs
    this.#activeRuns += 1
  }

  /** A run ends or waits for a human. */
  leave(nowMs: number): void {
    this.#activeRuns -= 1
    if (this.#activeRuns === 0) this.#activeMs += Math.max(0, nowMs - this.#activeSinceMs)
  }

  activeMs(nowMs: number): number {
    return this.#activeMs + (this.#activeRuns > 0 ? Math.max(0, nowMs - this.#activeSinceMs) : 0)
  }

  /** What to keep between processes. Holds that are open count as used: after a crash nobody knows whether they happened. */
  toState(nowMs: number): LedgerState {
    const meters: Record<string, number> = {}
    for (const [name, { used, held }] of this.#meters) if (used + held !== 0) meters[name] = used + held
    return { meters, alerted: [...this.#alerted], activeMs: this.activeMs(nowMs) }
  }
}

/** An amount that can be added up. What is none (a driver's defect) must not make a meter count nothing for ever. */
const spendable = (amount: number | undefined, otherwise: number): number =>
  amount !== undefined && Number.isFinite(amount) && amount >= 0 ? amount : otherwise

function waitMs(recent: readonly [number, number][], quota: Quota, nowMs: number): number {
  const oldest = recent[0]?.[0] ?? nowMs
  return Math.max(1, oldest + (quota.windowMs ?? 0) - nowMs)
}

function refusal(quota: Quota, spent: number, retryAfterMs?: number): TollgateError {
  const unit = quota.meter === COST_METER ? ' millionths of a dollar' : ''
  const message =
    retryAfterMs === undefined
      ? `${quota.rule} is ${quota.max}${unit}; ${spent} is used or held, and this call needs up to ${quota.amount} more.`
      : `${quota.rule} allows ${quota.max} in ${(quota.windowMs ?? 0) / 1000} s.`
  return new TollgateError(quota.code, message, {
    rule: quota.rule,
    hint:
      retryAfterMs === undefined
        ? 'Stop here, and return what you have.'
        : `Wait ${Math.ceil(retryAfterMs)} ms, then try again.`,
    change: `raise ${quota.rule}`,
  })
}
