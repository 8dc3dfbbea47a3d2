/** What one run consumed of each op and in sum. Money in integer micro-dollars. */
export type OpUsage = {
  calls: number
  denied: number
  ingressBytes: number
  egressBytes: number
  costMicroUsd: number
}

/** Adds up what one run consumes; for its result, not for its limits. */
export class UsageMeter {
  /** An effect was begun: the run cannot be started again as if nothing had happened. */
  hasEffects = false
  /** Every call that was counted, refused ones too. */
  calls = 0
  readonly byOp = new Map<string, OpUsage>()

  /** The run starts again: its calls are counted anew; bytes and money that are gone stay. */
  restart(): void {
    this.calls = 0
    for (const usage of this.byOp.values()) usage.calls = usage.denied = 0
  }

  op(name: string): OpUsage {
    let usage = this.byOp.get(name)
    if (usage === undefined)
      this.byOp.set(name, (usage = { calls: 0, denied: 0, ingressBytes: 0, egressBytes: 0, costMicroUsd: 0 }))
    return usage
  }

  /** Adds what a child used. */
  add(other: UsageMeter): void {
    this.hasEffects ||= other.hasEffects
    this.calls += other.calls
    for (const [name, used] of other.byOp) {
      const own = this.op(name)
      for (const field of Object.keys(used) as (keyof OpUsage)[]) own[field] += used[field]
    }
  }

  sum(field: 'ingressBytes' | 'egressBytes' | 'costMicroUsd'): number {
    let total = 0
    for (const usage of this.byOp.values()) total += usage[field]
    return total
  }
}
