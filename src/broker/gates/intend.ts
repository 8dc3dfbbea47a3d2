import type { Judgement } from '../../capabilities/capability.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Answer, BrokerRun, Call } from '../call.ts'
import { chainOf } from '../handle.ts'
import { receiptScopeOf, requestDigestOf } from './recall.ts'

/**
 * Writes an effect down before it happens, synced together with everything before it, and takes its receipt. A read needs no
 * intent; it is only refused when an earlier event could not be written. INTERNAL_STORE: then nothing happens.
 */
export function intend(call: Call, judgement: Judgement, run: BrokerRun): void {
  call.gate = 'intend'
  // Nothing is done for an attempt that is over.
  run.signal.throwIfAborted()
  if (judgement.effect === 'read') {
    if (run.buffer.failure !== undefined) throw run.buffer.failure
    return
  }
  const scope = receiptScopeOf(call, run)
  const requestDigest = requestDigestOf(judgement)
  const nowMs = run.now()
  const expiresAtMs = judgement.keyTtlMs === undefined ? undefined : nowMs + judgement.keyTtlMs
  const { seq, op } = call
  run.journal.append(
    'call.intended',
    `{"seq":${seq},"op":${JSON.stringify(op)},"request":${JSON.stringify(judgement.request)}}`,
    {
      seq,
      op,
      via: chainOf(call.handle),
      subject: judgement.subject,
      effect: judgement.effect,
      staged: judgement.isStaged,
      rule: judgement.rule,
      ticket: call.ticket?.id,
      request_sha256: requestDigest,
    },
  )
  run.usage.hasEffects = true
  run.keepLedger()
  const repeatable = judgement.idempotency !== 'at_most_once'
  const intent = { scope, runId: run.runId, requestDigest, expiresAtMs, repeatable, nowMs }
  if (!run.buffer.drain((rows) => run.receipts.intend(intent, rows))) {
    throw new TollgateError('IDEMPOTENCY_UNCERTAIN', `Another ${op} under this key began in the meantime.`, {
      notPerformed: true,
    })
  }
  call.receiptScope = scope
  if (call.key !== undefined) call.announce = announce(scope, run)
}

/** Lets calls with the same key wait for this one; the function returned tells them its answer. */
function announce(scope: string, run: BrokerRun): (answer: Answer) => void {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  run.underWay.set(scope, promise)
  return (answer) => {
    run.underWay.delete(scope)
    resolve(answer)
  }
}
