import { FATAL_CODES } from '../../../runtime/abi/codes.ts'
import {
  asTollgateError,
  toGuestError,
  type ErrorRecord,
  type TollgateError,
} from '../../errors/tollgate-error.ts'
import type { Answer, BrokerRun, Call } from '../call.ts'
import { charge } from './settle.ts'

/** Journals the answer (an effect's, synced, with its receipt) and hands it to the guest. */
export function record(call: Call, answer: Answer, run: BrokerRun): void {
  call.gate = 'record'
  write(call, answer, 'done', undefined, run)
  emitCall(call, undefined, run)
  run.deliver(call.seq, answer)
}

/** The other way out: journals the refusal and hands its short form to the guest. Never throws. */
export function refuse(call: Call, cause: unknown, run: BrokerRun): void {
  const error = asTollgateError(cause).with({ gate: call.gate, op: call.op })
  const redacted = redactRecord(error.toRecord(), run)
  run.usage.op(call.op).denied += 1
  closeHold(call, error, run)
  const answer = { ok: false, json: JSON.stringify(toGuestError(redacted)) }
  try {
    write(call, answer, error.facts.notPerformed === true ? 'failed' : 'uncertain', redacted, run)
  } catch {
    // The store failed; the buffer remembers it, later effects and the end of the run are refused with it.
  }
  emitCall(call, redacted, run)
  run.refused(call.seq, redacted)
  if (FATAL_CODES.has(redacted.code)) run.end(call.seq)
  else run.deliver(call.seq, answer)
}

/** Refused before the work began: everything is given back. After that: charged in full, for nobody knows how far it went. */
function closeHold(call: Call, error: TollgateError, run: BrokerRun): void {
  const begun = call.gate !== 'reserve' && call.gate !== 'approve' && call.gate !== 'intend'
  if (begun && call.hold !== undefined && error.facts.notPerformed !== true)
    charge(call, call.judgement?.costMicroUsd ?? 0, run)
  else call.hold?.release()
}

function redactRecord(error: ErrorRecord, { redactor }: BrokerRun): ErrorRecord {
  const { message, hint, cause } = error
  return {
    ...error,
    message: redactor.text(message),
    ...(hint && { hint: redactor.text(hint) }),
    ...(cause && { cause: redactor.text(cause) }),
  }
}

function write(
  call: Call,
  answer: Answer,
  state: 'done' | 'failed' | 'uncertain',
  error: ErrorRecord | undefined,
  run: BrokerRun,
): void {
  const { seq, op, judgement } = call
  run.journal.append(
    'call',
    `{"seq":${seq},"op":${JSON.stringify(op)},"args":${journalText(call)},"ok":${answer.ok},"outcome":${answer.json}}`,
    {
      seq,
      op,
      subject: judgement?.subject,
      effect: judgement?.effect,
      verdict: error === undefined ? 'allow' : 'deny',
      code: error?.code,
      gate: error?.gate,
      message: error?.message,
      hint: error?.hint,
      change: error?.change,
      rule: error?.rule ?? judgement?.rule,
      ticket: call.ticket?.id,
      args_bytes: call.args.length,
      result_bytes: answer.json.length,
      ingress_bytes: call.ingressBytes,
      egress_bytes: call.egressBytes,
      cost_micro_usd: error === undefined ? judgement?.costMicroUsd : undefined,
      ms: Math.round((performance.now() - call.startedMs) * 1000) / 1000,
      ...call.facts,
    },
  )
  const scope = call.receiptScope
  if (scope === undefined) return
  try {
    run.buffer.drain((rows) => run.receipts.settle(scope, state, answer.json, rows))
  } finally {
    call.announce?.(answer)
  }
}

/** Arguments that were never parsed are kept as a text, so that the event stays JSON. */
const journalText = ({ args, value }: Call): string => (value === undefined ? JSON.stringify(args) : args)

function emitCall(call: Call, error: ErrorRecord | undefined, run: BrokerRun): void {
  const { seq, op, judgement } = call
  run.emit({
    kind: 'call',
    seq,
    op,
    ...(judgement && { subject: judgement.subject }),
    verdict: error === undefined ? 'allow' : 'deny',
    ...(error && { code: error.code, ...(error.gate && { gate: error.gate }) }),
    ms: performance.now() - call.startedMs,
  })
}
