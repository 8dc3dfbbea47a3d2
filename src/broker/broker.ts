import type { BrokerRun, Call, RawCall } from './call.ts'
import { approve, useApproval } from './gates/approve.ts'
import { authorize } from './gates/authorize.ts'
import { decode } from './gates/decode.ts'
import { intend } from './gates/intend.ts'
import { perform } from './gates/perform.ts'
import { recall } from './gates/recall.ts'
import { record, refuse } from './gates/record.ts'
import { replay } from './gates/replay.ts'
import { reserve } from './gates/reserve.ts'
import { seal } from './gates/seal.ts'
import { settle } from './gates/settle.ts'

/**
 * The gate: every call of every guest goes through this function, top to bottom, and nothing else leads out.
 *
 * A step refuses by throwing; the refusal names the step. The steps are synchronous but for approve, perform and a receipt that
 * is still under way. The answer, or the refusal, is journalled before the guest hears of it. Never rejects.
 */
export async function mediate(raw: RawCall, run: BrokerRun): Promise<void> {
  const call: Call = { ...raw, startedMs: performance.now(), gate: 'decode', ingressBytes: 0, egressBytes: 0 }
  try {
    // What does the guest ask for? Counted, bounded, parsed; asked of an op that is granted at all.
    const args = decode(call, run)

    // On a resumed run: the answer of last time. Another question than last time ends the run.
    const past = replay(call, run)
    if (past !== undefined) return run.deliver(call.seq, past)

    // May it? One parsed, frozen request comes out; from here on, only that is judged, approved and performed.
    let judgement = authorize(call, args, run)

    // Was it done already, under the same idempotency key?
    const receipt = recall(call, judgement, run)
    if (receipt !== undefined) return record(call, await receipt, run)

    // Is there budget for the worst case? Held until settled.
    reserve(call, judgement, run)

    // Must a human agree? Then the policy is asked again, and the approval used up for exactly this request.
    const question = approve(call, judgement, run)
    if (question !== undefined) {
      const ticket = await question
      judgement = authorize(call, args, run)
      useApproval(call, judgement, ticket, run)
    }

    // Write down what is about to happen, then let it happen. The driver judges the final facts again.
    intend(call, judgement, run)
    const outcome = await perform(call, judgement, run)

    // Charge what was used, bound and redact the result, write it down, answer.
    settle(call, outcome, run)
    record(call, seal(call, outcome, run), run)
  } catch (error) {
    refuse(call, error, run)
  }
}
