import { ONLY_OP, PULL_OP, REVOKE_OP, TIMER_OP } from '../../runtime/abi/ops.ts'
import type { CallFrame, DoneFrame, LogFrame } from '../../runtime/abi/frames.ts'
import type { Redactor } from '../audit/redact.ts'
import type { Answer, BrokerRun, RawCall } from '../broker/call.ts'
import { TollgateError, type ErrorRecord } from '../errors/tollgate-error.ts'
import type { CageLease } from './cage-pool.ts'
import { grantedOps } from './granted-ops.ts'
import { RunHandles } from './handles.ts'
import type { CageLoss, CageSlot, SlotEnd } from './hosted-cage.ts'
import { watchLimits, type LimitsWatch, type WatchTotals } from './limits-watch.ts'
import type { PreparedRun } from './prepare.ts'
import { locateOf } from './program.ts'
import { endingOfDone, endingOfValue, failedBy, type Ending } from './run-ending.ts'
import { nextSeed } from './seeds.ts'
import { RunTimers } from './timers.ts'

/** What an attempt reports to its run. */
export type AttemptHandlers = {
  onCall(call: RawCall, attempt: Attempt): void
  /** The guest asks for more of a result. */
  onPull(seq: number, args: string, attempt: Attempt): void
  onLog(frame: LogFrame, text: string): void
  /** A timer that is due, and is to be recorded. */
  onTimer(seq: number, delayMs: number): void
  /** The guest ended, or the host ends it; `how` says what that means for the cage. */
  onEnd(ending: Ending, how: SlotEnd): void
  /** The cage is gone, or broke the rules. */
  onLost(loss: CageLoss): void
  /** It has waited long behind a neighbour in its cage. */
  onBehind(): void
  /** CPU time was charged money for. */
  onCharge(): void
}

export type AttemptSetting = {
  readonly prepared: PreparedRun
  readonly lease: CageLease
  readonly redactor: Redactor
  readonly handlers: AttemptHandlers
  /** Milliseconds since 1970. */
  now(): number
  /** The broker's view of the run, for calls of this attempt; its answers come back to `deliver`. */
  openBroker(attempt: Attempt): BrokerRun
}

/** Passing the limit on memory is the one thing that cannot wait for the guest to yield. */
const howToEnd = (error: TollgateError): SlotEnd => (error.code === 'LIMIT_MEMORY' ? 'kill' : 'stop')

/** Why a call that is under way stops with its attempt. */
const GONE = new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the call was over.')

/** One try of a tool in one cage. A run has one, and one more when a neighbour took the first cage along. */
export class Attempt {
  readonly broker: BrokerRun
  /** Why calls were refused, by seq. */
  readonly refusals = new Map<number, ErrorRecord>()
  readonly #setting: AttemptSetting
  readonly #slot: CageSlot
  readonly #watch: LimitsWatch
  readonly #timers: RunTimers
  readonly #handles: RunHandles
  readonly #gone = new AbortController()
  #lastSeq = 0
  #logBytes = 0
  #isOver = false

  constructor(setting: AttemptSetting) {
    const { lease, handlers, prepared } = setting
    this.#setting = setting
    this.#slot = lease.cage.open({
      onCall: (frame, args) => this.#onCall(frame, args),
      onLog: (frame, text) => this.#onLog(frame, text),
      onDone: (frame, text) => this.#onDone(frame, text),
      onLost: (loss) => this.#lose(loss),
      onBehind: () => {
        if (!this.#isOver) handlers.onBehind()
      },
    })
    this.broker = setting.openBroker(this)
    this.#timers = new RunTimers({
      onDue: (seq, delayMs) => handlers.onTimer(seq, delayMs),
      deliver: (seq, answer) => this.deliver(seq, answer),
      onForged: (reason) => this.#breach(reason),
    })
    const { journal, runId, attempt } = this.broker
    this.#handles = new RunHandles({
      branches: grantedOps(prepared.policy).branches,
      journal,
      runId,
      attempt,
      onForged: (reason) => this.#breach(reason),
    })
    this.#watch = watchLimits({
      policy: prepared.policy,
      ledger: this.broker.ledger,
      meter: this.#slot.meter,
      onLimit: (error) => this.#limit(error),
      onCharge: () => handlers.onCharge(),
    })
  }

  /** Fires when the attempt is over; its calls go no further. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  /** The seq of the last call that the guest made. */
  get lastSeq(): number {
    return this.#lastSeq
  }

  /** Hands the tool to the cage. */
  start(module: string): void {
    const { policy, inputJson, reuse } = this.#setting.prepared
    const start = {
      seed: nextSeed(),
      atMs: this.#setting.now(),
      memoryMb: policy.limits.maxMemoryMb,
      segmentMs: this.#watch.segmentMs,
      logBytesMax: policy.limits.maxLogBytes,
      ...(reuse !== undefined && { reuse }),
    }
    this.#slot.start(start, [grantedOps(policy).manifestJson, module, inputJson])
  }

  /** Hands the guest the answer to a call; dropped when the attempt is over. */
  deliver(seq: number, { ok, json }: Answer): void {
    if (!this.#isOver) this.#slot.deliver({ seq, ok, atMs: this.#setting.now() }, json)
  }

  pause(): void {
    this.#watch.pause()
  }

  resume(): void {
    this.#watch.resume()
  }

  /** Stops clocks and timers and gives the cage back; the last reading of the meter comes first. Safe to repeat. */
  stop(how: SlotEnd): WatchTotals {
    const totals = this.#watch.stop()
    if (this.#isOver) return totals
    this.#isOver = true
    this.#timers.clear()
    this.#gone.abort(GONE)
    this.#slot.close(how)
    this.#setting.lease.release()
    return totals
  }

  #limit(error: TollgateError): void {
    if (error.code === 'LIMIT_MEMORY') this.#slot.overflow()
    if (!this.#isOver) this.#setting.handlers.onEnd(failedBy(error), howToEnd(error))
  }

  #onCall({ seq, handle: named, op, key }: CallFrame, args: string): void {
    if (this.#isOver) return
    if (seq !== this.#lastSeq + 1) return this.#breach('a call out of turn')
    const handle = named === 0 ? undefined : this.#handles.find(named)
    if (named !== 0 && handle === undefined) return this.#breach('no such handle')
    this.#lastSeq = seq
    if (op === ONLY_OP) return this.#handles.only(seq, handle, args)
    if (op === REVOKE_OP) return this.#handles.revoke(seq, handle)
    if (op === TIMER_OP) return this.#timers.set(seq, args)
    if (op === PULL_OP) return this.#setting.handlers.onPull(seq, args, this)
    // Money that the tool has computed away already is not there for the call.
    if (this.broker.policy.prices.cpuSecondMicroUsd > 0) this.#watch.look()
    if (!this.#isOver) this.#setting.handlers.onCall({ seq, op, args, key, handle }, this)
  }

  /** The cage was told how much may cross, counts as is counted here, and stops by itself: what comes after is a flood. */
  #onLog(frame: LogFrame, text: string): void {
    if (this.#isOver) return
    if (this.#logBytes > this.#setting.prepared.policy.limits.maxLogBytes)
      return this.#breach('more log than may cross')
    this.#logBytes += Buffer.byteLength(text) + 1
    this.#setting.handlers.onLog(frame, text)
  }

  #onDone(frame: DoneFrame, text: string): void {
    const { prepared, redactor, handlers } = this.#setting
    const { maxOutputBytes } = prepared.policy.limits
    const ending = frame.ok
      ? endingOfValue(text, maxOutputBytes, redactor)
      : endingOfDone(frame, text, this.refusals, locateOf(prepared.program))
    if (ending === undefined) return this.#breach('a value that is no JSON of a kernel')
    handlers.onEnd(ending, frame.fault === 'timeout' || frame.fault === 'memory' ? 'retire' : 'clean')
  }

  #breach(reason: string): void {
    this.#lose({ kind: 'breach', reason, isShared: false })
  }

  #lose(loss: CageLoss): void {
    if (!this.#isOver) this.#setting.handlers.onLost(loss)
  }
}
