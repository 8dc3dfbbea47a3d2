import { FATAL_CODES } from '../../../runtime/abi/codes.ts'
import { redactFields } from '../../audit/redact.ts'
import {
  asTollgateError,
  toGuestError,
  type ErrorRecord,
  type TollgateError,
} from '../../errors/tollgate-error.ts'
import type { Answer, BrokerRun, Call } from '../call.ts'
import { chainOf } from '../handle.ts'
import { charge } from './settle.ts'

/** Journals the answer (an effect's, synced, with its receipt) and hands it to the guest. */
export function record(call: Call, answer: Answer, run: BrokerRun): void {
  call.gate = 'record'
  write(call, answer, 'done', undefined, run)
  call.announce?.(answer)
  emitCall(call, undefined, run)
  run.deliver(call.seq, answer)
}

/** The other way out: journals the refusal and hands its short form to the guest. Never throws. */
export function refuse(call: Call, cause: unknown, run: BrokerRun): void {
  const error = asTollgateError(cause).with({ gate: call.gate, op: call.op })
  const redacted = redactFields(error.toRecord(), run.redactor)
  if (error.facts.subject !== undefined) call.refusedSubject = error.facts.subject
  if (error.facts.happened !== undefined) call.facts ??= error.facts.happened
  run.usage.op(call.op).denied += 1
  closeHold(call, error, run)
  const answer = { ok: false, json: JSON.stringify(toGuestError(redacted)) }
  try {
    write(call, answer, error.facts.notPerformed === true ? 'failed' : 'uncertain', redacted, run)
  } catch {
    // The store failed; the buffer remembers it, later effects and the end of the run are refused with it.
  }
  call.announce?.(answer)
  emitCall(call, redacted, run)
  run.refused(call.seq, redacted)
  if (FATAL_CODES.has(redacted.code)) run.end(redacted)
  else run.deliver(call.seq, answer)
}

/** Refused before the work began: everything is given back. After that: charged in full, for nobody knows how far it went. */
function closeHold(call: Call, { facts }: TollgateError, run: BrokerRun): void {
  if (call.hold === undefined) return
  if (call.gate !== 'perform' || facts.notPerformed === true) return call.hold.release()
  call.egressBytes = facts.egressBytes ?? 0
  charge(call, call.judgement?.costMicroUsd ?? 0, run)
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
    `{"seq":${seq},"op":${JSON.stringify(op)},${handleText(call)}"args":${journalText(call)},"ok":${answer.ok},"outcome":${answer.json}}`,
    {
      seq,
      ...(run.attempt > 1 && { attempt: run.attempt }),
      op,
      via: chainOf(call.handle),
      subject: subjectOf(call),
      effect: judgement?.effect,
      staged: judgement?.isStaged,
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
  if (state === 'done' && judgement?.isStaged === true) run.staged.set(scope, answer)
  else run.buffer.drain((rows) => run.receipts.settle(scope, state, answer.json, rows))
}

const subjectOf = ({ judgement, refusedSubject }: Call): string | undefined =>
  judgement?.subject ?? refusedSubject

/** So much is kept of arguments that were never parsed. */
const UNPARSED_SIZE_MAX = 1_024

/** Arguments that were never parsed are kept as a text, so that the event stays JSON, and only their beginning: nothing is replayed from it. */
const journalText = ({ args, value }: Call): string =>
  value === undefined ? JSON.stringify(args.slice(0, UNPARSED_SIZE_MAX)) : args

/** The handle that the call went through is part of what was asked. */
const handleText = ({ handle }: Call): string =>
  handle === undefined ? '' : `"handle":${handle.via.at(-1)},`

function emitCall(call: Call, error: ErrorRecord | undefined, run: BrokerRun): void {
  const { seq, op } = call
  const subject = subjectOf(call)
  run.emit({
    kind: 'call',
    seq,
    op,
    ...(subject !== undefined && { subject: run.redactor.text(subject) }),
    verdict: error === undefined ? 'allow' : 'deny',
    ...(error && { code: error.code, ...(error.gate && { gate: error.gate }) }),
    ms: performance.now() - call.startedMs,
  })
}
