import { TollgateError, type ErrorRecord } from '../../errors/tollgate-error.ts'
import type { Answer, BrokerRun, Call } from '../call.ts'

/**
 * On a resumed or replayed run: the outcome that the journal holds for this call, refusals included, as it was. Undefined past
 * the end of the journal. A guest that asks for something else than it did stops here, before any new effect.
 */
export function replay(call: Call, run: BrokerRun): Answer | undefined {
  if (run.recording === undefined) return undefined
  call.gate = 'replay'
  const past = run.recording.call(call.seq)
  if (past === undefined) return undefined
  if (
    past.op !== call.op ||
    past.handle !== (call.handle?.via.at(-1) ?? 0) ||
    past.args !== JSON.stringify(call.value)
  ) {
    throw new TollgateError(
      'REPLAY_DIVERGENCE',
      `Call ${call.seq} was ${past.op} when it was recorded, and is ${call.op} with other arguments or another op now.`,
    )
  }
  if (!past.ok) run.refused(call.seq, JSON.parse(past.outcome) as ErrorRecord)
  return { ok: past.ok, json: past.outcome }
}
