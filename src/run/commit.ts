import { mediate } from '../broker/broker.ts'
import { receiptScopeOf } from '../broker/gates/recall.ts'
import type { BrokerRun } from '../broker/call.ts'
import type { Commit } from '../capabilities/capability.ts'
import { asTollgateError, TollgateError, type ErrorRecord } from '../errors/tollgate-error.ts'
import { grantedOps } from './granted-ops.ts'
import type { RunDrivers } from './run-drivers.ts'
import type { CommitSummary } from './result.ts'
import { failedBy, type Ending } from './run-ending.ts'

/** What is known of the stores of a run after its commits. `ending`: why the run failed all the same. */
export type CommitOutcome = {
  /** Stores that were committed, and those that may have been. */
  readonly done: number
  /** Stores that were not. */
  readonly left: number
  readonly ending?: Ending
  /** Each that was tried. */
  readonly commits?: readonly CommitSummary[]
}

/** The tool did not succeed. */
export const NOTHING_COMMITTED: CommitOutcome = { done: 0, left: 1 }

type CommitSetting = {
  readonly drivers: RunDrivers
  /** The broker's view of the attempt that succeeded. */
  readonly broker: BrokerRun
  readonly lastSeq: number
  /** Cancels what has not begun. */
  readonly signal: AbortSignal | undefined
  /** A child failed that may have staged a part of what it was to stage. */
  readonly isSpoilt: boolean
}

/** The gates at which a commit is refused before anything of it happened; past them, its receipt knows. */
const BEFORE_IT_BEGAN = new Set(['decode', 'replay', 'authorize', 'recall', 'reserve', 'approve', 'intend'])

const isCancelled = (signal: AbortSignal | undefined): boolean => signal?.aborted === true
const NEVER = new AbortController().signal

/**
 * Commits what a run staged, one store after the other, each a call of the host through the broker: judged, approved where the
 * policy asks, written down before and after. Stops at the first that is refused; there is no atomicity across stores. Never rejects.
 */
export async function commitStaged(setting: CommitSetting): Promise<CommitOutcome> {
  const { drivers, broker, lastSeq, signal, isSpoilt } = setting
  let staged: readonly Commit[]
  try {
    staged = drivers.staged()
  } catch (error) {
    return { done: 0, left: 1, ending: failedBy(asTollgateError(error)) }
  }
  if (isSpoilt && staged.length > 0) return { done: 0, left: staged.length, ending: failedBy(spoiltError()) }
  const commits: CommitSummary[] = []
  for (const [index, commit] of staged.entries()) {
    const left = staged.length - index
    if (isCancelled(signal)) return { done: index, left, ending: { kind: 'cancelled' }, commits }
    const call = { ...commit, key: undefined, seq: lastSeq + 1 + index }
    const { subject, refusal } = await performCommit(call, broker, signal ?? NEVER)
    const isUncertain =
      refusal !== undefined &&
      !BEFORE_IT_BEGAN.has(refusal.gate ?? '') &&
      broker.receipts.get(receiptScopeOf(call, broker))?.state !== 'failed'
    const state = refusal === undefined ? 'done' : isUncertain ? 'uncertain' : 'refused'
    commits.push({ op: commit.op, subject, state })
    if (refusal === undefined) continue
    const ending: Ending =
      isCancelled(signal) && !isUncertain ? { kind: 'cancelled' } : { kind: 'failed', error: refusal }
    return { done: isUncertain ? index + 1 : index, left, ending, commits }
  }
  return { done: staged.length, left: 0, commits }
}

const spoiltError = (): TollgateError =>
  new TollgateError(
    'GUEST_CHILD_FAILED',
    'A child failed that may have staged writes; nothing is committed.',
    {
      gate: 'intend',
      hint: 'Stage writes in the parent, or let no child fail that does.',
    },
  )

/** One commit through the broker: what it was, and its refusal, if it was refused. */
async function performCommit(
  { op, args, seq, key }: Commit & { seq: number; key: undefined },
  broker: BrokerRun,
  signal: AbortSignal,
): Promise<{ subject: string; refusal: ErrorRecord | undefined }> {
  let subject = op
  let refusal: ErrorRecord | undefined
  const refused = (error: ErrorRecord): void => void (refusal ??= error)
  const ofHost: BrokerRun = {
    ...broker,
    ops: grantedOps(broker.policy).ofHost,
    signal,
    deliver: () => undefined,
    refused: (_, error) => refused(error),
    end: refused,
    emit(event) {
      if (event.kind === 'call' && event.subject !== undefined) subject = event.subject
      broker.emit(event)
    },
  }
  await mediate({ seq, op, args: JSON.stringify(args), key, isCommit: true }, ofHost)
  return { subject, refusal }
}

/**
 * Settles the receipts of staged effects: they happened with the commits, or not at all. Where only some of several stores were
 * committed, or one may have been, nobody knows which effects happened. A store that fails leaves them as they are: uncertain.
 */
export function settleStaged({ staged, receipts, buffer }: BrokerRun, { done, left }: CommitOutcome): void {
  const state = left === 0 ? 'done' : done === 0 ? 'failed' : 'uncertain'
  try {
    for (const [scope, { json }] of staged) buffer.drain((rows) => receipts.settle(scope, state, json, rows))
  } catch {
    // The buffer remembers the failure; the end of the run is refused with it.
  }
}
