import type { Judgement, Outcome, PerformTerms } from '../../capabilities/capability.ts'
import { asTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { BrokerRun, Call } from '../call.ts'
import { receiptScopeOf } from './recall.ts'

/** Lets the driver act, when a place among max_concurrent_calls is free. The driver checks policy again on the final facts. DENIED_*, LIMIT_*, UPSTREAM_*. */
export async function perform(call: Call, judgement: Judgement, run: BrokerRun): Promise<Outcome> {
  call.gate = 'perform'
  try {
    const waiting = run.slots.acquire(run.signal)
    if (waiting !== undefined) await waiting
  } catch (cause) {
    throw new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the call began.', {
      notPerformed: true,
      cause,
    })
  }
  try {
    assertLive(call)
    return await run.driver(call.granted?.grant.capability ?? '').perform(judgement, factsFor(call, run))
  } finally {
    run.slots.release()
  }
}

/** A handle may have been revoked while its call waited. DENIED_REVOKED. */
function assertLive({ handle }: Call): void {
  try {
    handle?.assertLive()
  } catch (cause) {
    throw asTollgateError(cause).with({ notPerformed: true })
  }
}

function factsFor(call: Call, run: BrokerRun): PerformTerms {
  const { signal, runId, taskId, principal } = run
  return {
    signal,
    runId,
    seq: call.seq,
    taskId,
    principal,
    get idempotencyKey() {
      return receiptScopeOf(call, run)
    },
    draw: (quota) => call.hold?.draw(quota, performance.now()),
    asks: (hop) => run.policy.needsApproval(hop) !== undefined,
    assertPermitted: (hop) => void call.handle?.narrow(hop),
  }
}
