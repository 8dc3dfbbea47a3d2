import type { Code } from '../../../runtime/abi/codes.ts'
import type { GuestError } from '../../../runtime/abi/frames.ts'
import { canonicalJson } from '../../canonical/canonical-json.ts'
import type { Judgement } from '../../capabilities/capability.ts'
import { sha256 } from '../../digest/sha256.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Answer, BrokerRun, Call } from '../call.ts'
import { untilAborted } from '../until-aborted.ts'

/** Digest of what a receipt stands for: the op and its judged request. */
export const requestDigestOf = ({ op, request }: Judgement): string => sha256(canonicalJson({ op, request }))

/**
 * The scope of a receipt. A key chosen by the guest is scoped to principal, tool and op, and hashed: it neither collides with
 * nor probes another's. Without one the key is the call's own, so two equal calls stay two (SOUNDNESS 16).
 */
export const receiptScopeOf = (call: Pick<Call, 'key' | 'seq' | 'op'>, run: BrokerRun): string =>
  sha256(
    canonicalJson(
      call.key === undefined
        ? ['call', run.runId, run.attempt, call.seq]
        : ['key', run.principal, run.toolDigest, call.op, call.key],
    ),
  )

/** The outcome of an earlier effect under the same explicit key; undefined when there is none and the call goes on. IDEMPOTENCY_*. */
export function recall(
  call: Call,
  judgement: Judgement,
  run: BrokerRun,
): Answer | Promise<Answer> | undefined {
  if (call.key === undefined || judgement.effect === 'read') return undefined
  call.gate = 'recall'
  const scope = receiptScopeOf(call, run)
  const receipt = run.receipts.get(scope)
  if (receipt === undefined) return undefined
  if (receipt.requestDigest !== requestDigestOf(judgement)) {
    throw new TollgateError(
      'IDEMPOTENCY_CONFLICT',
      `This idempotency key was used before for another ${call.op}.`,
      { hint: 'Use a new key for a new thing.' },
    )
  }
  const staged = run.staged.get(scope)
  if (staged !== undefined) return staged
  if (receipt.state === 'done' && receipt.outcome !== undefined) return { ok: true, json: receipt.outcome }
  const underWay = run.underWay.get(scope)
  if (underWay !== undefined) return join(underWay, run.signal)
  if (receipt.state === 'failed' || isRepeatable(judgement, receipt.expiresAtMs, run.now())) return undefined
  throw new TollgateError(
    'IDEMPOTENCY_UNCERTAIN',
    `An earlier ${call.op} under this key may have happened.`,
    { hint: 'Ask the other side, or a human.' },
  )
}

/** The answer of a call that goes on; its refusal is this call's own. Nobody waits for it past the end of the run. */
async function join(underWay: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  const answer = await untilAborted(underWay, signal)
  if (answer.ok) return answer
  const { code, message, hint } = JSON.parse(answer.json) as GuestError
  throw new TollgateError(code as Code, message, {
    notPerformed: true,
    ...(hint !== undefined && { hint }),
  })
}

/** Whether doing it again is as good as doing it once. A keyed op is, for as long as the other side remembers the key. */
const isRepeatable = ({ idempotency }: Judgement, expiresAtMs: number | undefined, nowMs: number): boolean =>
  idempotency === 'idempotent' ||
  (idempotency === 'keyed' && (expiresAtMs === undefined || nowMs < expiresAtMs))
