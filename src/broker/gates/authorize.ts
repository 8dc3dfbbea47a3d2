import type { Judgement } from '../../capabilities/capability.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { BrokerRun, Call } from '../call.ts'

/**
 * Asks the grant, and then the handles that the call goes through. Their rules are pure, so asking twice (before and after an
 * approval) gives the same, unless a handle was revoked. DENIED_*.
 */
export function authorize(call: Call, args: unknown, run: BrokerRun): Judgement {
  call.gate = 'authorize'
  if (call.granted === undefined)
    throw new TollgateError('DENIED_NOT_GRANTED', `The policy does not grant ${call.op}.`)
  run.signal.throwIfAborted()
  call.handle?.assertLive()
  const judged = call.granted.grant.judge(call.op, args)
  call.judgement = call.handle === undefined ? judged : call.handle.narrow(judged)
  return call.judgement
}
