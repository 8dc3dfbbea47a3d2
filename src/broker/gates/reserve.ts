import { COST_METER } from '../../budget/ledger.ts'
import type { Judgement } from '../../capabilities/capability.ts'
import type { BrokerRun, Call } from '../call.ts'

/** Holds the worst case of the call: its price and every quota of its grant, all or nothing. LIMIT_*. */
export function reserve(call: Call, judgement: Judgement, run: BrokerRun): void {
  call.gate = 'reserve'
  const cost = {
    meter: COST_METER,
    amount: judgement.costMicroUsd,
    max: run.policy.limits.maxCostMicroUsd,
    code: 'LIMIT_COST',
    rule: 'limits.max_cost_usd',
  } as const
  call.hold = run.ledger.hold([cost, ...judgement.quotas], run.runId, performance.now())
}
