import { COST_METER } from '../../budget/ledger.ts'
import type { Outcome } from '../../capabilities/capability.ts'
import type { BrokerRun, Call } from '../call.ts'

/** Charges what the call really used, releases the rest, and tells of cost thresholds that were passed. */
export function settle(call: Call, outcome: Outcome, run: BrokerRun): void {
  call.gate = 'settle'
  call.ingressBytes = outcome.ingressBytes
  call.egressBytes = outcome.egressBytes
  if (outcome.facts !== undefined) call.facts = outcome.facts
  charge(call, outcome.costMicroUsd ?? call.judgement?.costMicroUsd ?? 0, run)
}

/** Settles the hold at a price. A call that failed after it began is charged in full: nobody knows what the other side did. */
export function charge(call: Call, costMicroUsd: number, run: BrokerRun): void {
  call.hold?.settle(costMicroUsd)
  call.hold = undefined
  const usage = run.usage.op(call.op)
  usage.costMicroUsd += costMicroUsd
  usage.ingressBytes += call.ingressBytes
  usage.egressBytes += call.egressBytes
  reportCostAlerts(run)
}

/** Raises each threshold of cost_alerts once a task. */
export function reportCostAlerts(run: BrokerRun): void {
  const {
    costAlerts,
    limits: { maxCostMicroUsd },
  } = run.policy
  for (const threshold of run.ledger.newCostAlerts(costAlerts, maxCostMicroUsd)) {
    const costMicroUsd = run.ledger.used(COST_METER)
    run.journal.append('cost_alert', JSON.stringify({ threshold, costMicroUsd }), {
      threshold,
      cost_micro_usd: costMicroUsd,
      limit_micro_usd: maxCostMicroUsd,
    })
    run.emit({ kind: 'cost_alert', threshold, costMicroUsd, limitMicroUsd: maxCostMicroUsd })
  }
}
