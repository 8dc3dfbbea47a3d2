import { RESULT_BYTES_MAX } from '../../../runtime/abi/crossing.ts'
import type { Outcome } from '../../capabilities/capability.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Answer, BrokerRun, Call } from '../call.ts'

/** Turns an outcome into what may reach the guest: one JSON text, bounded, every secret of the run redacted. What follows it is kept for the guest to ask for. */
export function seal(call: Call, outcome: Outcome, run: BrokerRun): Answer {
  call.gate = 'seal'
  const json = run.redactor.json(JSON.stringify(outcome.value) ?? 'null')
  if (Buffer.byteLength(json) > RESULT_BYTES_MAX)
    throw new TollgateError('LIMIT_RESPONSE_SIZE', `The result of ${call.op} is larger than what may cross.`)
  if (outcome.chunks !== undefined) run.streams.open(call, outcome.chunks)
  return { ok: true, json }
}
