import { getRandomValues, randomUUID } from 'node:crypto'
import { TIMER_OP } from '../../runtime/abi/ops.ts'
import type { CallFrame, DoneFrame, LogFrame, StartFrame } from '../../runtime/abi/frames.ts'
import { createApprover } from '../approval/approver.ts'
import { createRedactor, type Redactor } from '../audit/redact.ts'
import { mediate } from '../broker/broker.ts'
import type { Answer, BrokerRun, RawCall } from '../broker/call.ts'
import { reportCostAlerts } from '../broker/gates/settle.ts'
import { Semaphore } from '../broker/semaphore.ts'
import { UsageMeter } from '../budget/usage-meter.ts'
import type { Capability } from '../capabilities/capability.ts'
import type { Tier } from '../cage/tiers.ts'
import { sha256 } from '../digest/sha256.ts'
import { asTollgateError, TollgateError, type ErrorRecord } from '../errors/tollgate-error.ts'
import { openJournal, type Journal } from '../journal/journal.ts'
import type { JournalBuffer } from '../journal/buffer.ts'
import type { EventRow, Store } from '../stores/ports.ts'
import type { CagePool } from './cage-pool.ts'
import { grantedOps } from './granted-ops.ts'
import type { CageLoss, HostedCage } from './hosted-cage.ts'
import { limitUsedUp, watchLimits, type LimitsWatch, type WatchTotals } from './limits-watch.ts'
import type { Powers } from './powers.ts'
import type { PreparedRun } from './prepare.ts'
import type { RunEvent, RunResult } from './result.ts'
import { RunDrivers } from './run-drivers.ts'
import { endingOfDone, endingOfLoss, endingOfValue, failedBy, type Ending } from './run-ending.ts'
import { RunLogs } from './run-logs.ts'
import { recordEnd, recordStart } from './run-record.ts'
import { RunReports } from './run-reports.ts'
import { buildResult, type RunFacts } from './run-result.ts'
import { redactionsOf } from './secrets.ts'
import type { LedgerLease, TaskLedgers } from './task-ledgers.ts'
import { RunTimers } from './timers.ts'

/** What a run needs of its Tollgate. */
export type RunSetting = {
  readonly store: Store
  readonly buffer: JournalBuffer
  readonly pool: CagePool
  /** How every cage of this Tollgate is confined. */
  readonly tier: Tier
  readonly ledgers: TaskLedgers
  readonly powers: Powers
  readonly capabilities: ReadonlyMap<string, Capability>
  /** Effects under way in this process, of all runs, by receipt scope. */
  readonly underWay: Map<string, Promise<Answer>>
  emit(event: RunEvent, run: PreparedRun): void
  /** Hears of records that were written outside the buffer. */
  readonly onKept: (rows: readonly EventRow[]) => void
}

/** The ending of a run whose beginning or end could not be recorded. */
const notRecorded = (cause: unknown): Ending => failedBy(asTollgateError(cause).with({ gate: 'record' }))

const NO_TOTALS: WatchTotals = { cpuMs: 0, cpuMicroUsd: 0, memoryPeakBytes: 0, wallMs: 0 }

/**
 * One execution of a tool, from its first record to its result:
 *
 *     begin (recorded) → cage → guest ⇄ broker → end → calls in flight settle → result (recorded)
 *
 * The first cause that ends the guest is the ending; everything later is ignored.
 */
export class Run {
  readonly runId = `run_${randomUUID()}`
  readonly #prepared: PreparedRun
  readonly #setting: RunSetting
  readonly #redactor: Redactor
  readonly #journal: Journal
  readonly #drivers: RunDrivers
  readonly #logs: RunLogs
  readonly #usage = new UsageMeter()
  readonly #timers = new RunTimers({
    onDue: (seq, delayMs) =>
      this.#journal.append('timer', JSON.stringify({ seq, delayMs }), { seq, delay_ms: delayMs }),
    deliver: (seq, answer) => this.#deliver(seq, answer),
    onMalformed: () => this.#onLost({ kind: 'breach', reason: 'a malformed timer' }),
  })
  readonly #over = new AbortController()
  readonly #ended = Promise.withResolvers<Ending>()
  readonly #inFlight = new Set<Promise<void>>()
  readonly #refusals = new Map<number, ErrorRecord>()
  readonly #reports = new RunReports(this.runId, (event) => this.#emit(event))
  readonly #backlog = { calls: 0, argumentsSize: 0 }
  #broker: BrokerRun | undefined
  #cage: HostedCage | undefined
  #watch: LimitsWatch | undefined
  #lastSeq = 0
  #humansAsked = 0
  #isOver = false

  constructor(prepared: PreparedRun, setting: RunSetting) {
    const { policy, secrets, principal } = prepared
    const { buffer, powers, capabilities } = setting
    this.#prepared = prepared
    this.#setting = setting
    this.#redactor = createRedactor(redactionsOf(secrets))
    this.#journal = openJournal({
      runId: this.runId,
      buffer,
      redactor: this.#redactor,
      now: () => powers.now(),
    })
    this.#drivers = new RunDrivers(capabilities, policy, powers, { principal, runId: this.runId, secrets })
    this.#logs = new RunLogs(policy.limits.maxLogBytes, this.#redactor)
  }

  get task(): string {
    return this.#prepared.task ?? this.runId
  }

  /** Records the beginning. False when the principal used the idempotency key for another run. Throws INTERNAL_STORE. */
  begin(): boolean {
    const { policy, program, principal, idempotencyKey, requestDigest } = this.#prepared
    const { store, powers, onKept } = this.#setting
    const first = recordStart(this.#journal, this.task, this.#prepared)
    const row = {
      runId: this.runId,
      task: this.task,
      principal,
      startedAtMs: powers.now(),
      requestDigest,
      policyDigest: policy.digest,
      toolDigest: program.digest,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    }
    const isNew = store.runs.start(row, first)
    if (isNew) onKept([first])
    return isNew
  }

  /** Runs the tool to its end. Never rejects: what goes wrong stands in the result. */
  async execute(): Promise<RunResult> {
    let lease: LedgerLease | undefined
    let ending: Ending
    try {
      lease = this.#joinTask()
      ending = await this.#runGuest(lease)
    } catch (error) {
      ending = failedBy(asTollgateError(error))
    }
    const totals = this.#stop(false)
    if (this.#inFlight.size > 0) await Promise.all(this.#inFlight)
    await this.#drivers.close()
    if (this.#broker !== undefined) reportCostAlerts(this.#broker)
    return this.#finish(ending, totals, lease)
  }

  /** The result of a run that never began: nothing was executed, and nothing of it is kept. */
  refuse(cause: unknown): RunResult {
    return buildResult(notRecorded(cause), this.#facts(NO_TOTALS), this.#redactor)
  }

  /** The result of a run that was cancelled before it began. */
  cancelled(): RunResult {
    return buildResult({ kind: 'cancelled' }, this.#facts(NO_TOTALS), this.#redactor)
  }

  #joinTask(): LedgerLease {
    const { principal, task } = this.#prepared
    const onLost = (error: TollgateError): void => this.#end(failedBy(error), false)
    return this.#setting.ledgers.acquire({ runId: this.runId, principal, task, onLost })
  }

  async #runGuest(lease: LedgerLease): Promise<Ending> {
    const { program, policy, principal, signal } = this.#prepared
    if ('fault' in program) return failedBy(program.fault)
    const cancel = (): void => this.#end({ kind: 'cancelled' }, false)
    if (signal?.aborted === true) return { kind: 'cancelled' }
    const usedUp = limitUsedUp(lease.ledger, policy)
    if (usedUp !== undefined) return failedBy(usedUp)
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      const cage = await this.#setting.pool.acquire(
        {
          binding: JSON.stringify([principal, policy.digest]),
          memoryMb: policy.limits.maxMemoryMb,
          isStrict: policy.security.isStrict,
        },
        this.#over.signal,
      )
      this.#cage = cage
      if (this.#isOver) return await this.#ended.promise
      this.#broker = this.#openBroker(lease)
      this.#start(cage, program.module, this.#broker)
      return await this.#ended.promise
    } catch (error) {
      if (this.#isOver) return await this.#ended.promise
      throw error
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  #start(cage: HostedCage, module: string, broker: BrokerRun): void {
    const { policy, inputJson } = this.#prepared
    const { limits } = policy
    const watch = watchLimits({
      policy,
      ledger: broker.ledger,
      meter: cage.meter,
      onLimit: (error) => this.#end(failedBy(error), false),
      onCharge: () => reportCostAlerts(broker),
    })
    this.#watch = watch
    const start = {
      seed: [...getRandomValues(new Uint32Array(4))] as StartFrame['seed'],
      atMs: this.#setting.powers.now(),
      memoryMb: limits.maxMemoryMb,
      segmentMs: watch.segmentMs,
      logBytesMax: limits.maxLogBytes,
    }
    cage.start(start, [grantedOps(policy).manifestJson, module, inputJson], {
      onCall: (frame, args) => this.#onCall(frame, args),
      onLog: (frame, text) => this.#onLog(frame, text),
      onDone: (frame, text) => this.#onDone(frame, text),
      onLost: (loss) => this.#onLost(loss),
    })
  }

  #onCall({ seq, handle, op, key }: CallFrame, args: string): void {
    const broker = this.#broker
    if (this.#isOver || broker === undefined) return
    if (seq !== this.#lastSeq + 1) return this.#onLost({ kind: 'breach', reason: 'a call out of turn' })
    // Attenuated handles are not built; handle 0 is the run's own grant.
    if (handle !== 0) return this.#onLost({ kind: 'breach', reason: 'no such handle' })
    this.#lastSeq = seq
    if (op === TIMER_OP) return this.#timers.set(seq, args)
    // Money that the tool has computed away already is not there for the call.
    if (broker.policy.prices.cpuSecondMicroUsd > 0) this.#watch?.look()
    this.#mediate({ seq, op, args, key }, broker)
  }

  #mediate(call: RawCall, broker: BrokerRun): void {
    if (this.#isOver) return
    const size = call.args.length
    this.#backlog.calls += 1
    this.#backlog.argumentsSize += size
    const mediated = mediate(call, broker)
    this.#inFlight.add(mediated)
    broker.keepLedgerSoon()
    void mediated.then(() => {
      this.#inFlight.delete(mediated)
      this.#backlog.calls -= 1
      this.#backlog.argumentsSize -= size
    })
  }

  #onLog({ level }: LogFrame, text: string): void {
    const line = this.#logs.add(level, text)
    if (line !== undefined) this.#emit({ kind: 'log', runId: this.runId, ...line })
  }

  #onDone(frame: DoneFrame, text: string): void {
    const { maxOutputBytes } = this.#prepared.policy.limits
    const ending = frame.ok
      ? endingOfValue(text, maxOutputBytes, this.#redactor)
      : endingOfDone(frame, text, this.#refusals)
    if (ending === undefined)
      return this.#onLost({ kind: 'breach', reason: 'a value that is no JSON of a kernel' })
    const isSpent = frame.fault === 'timeout' || frame.fault === 'memory'
    this.#end(ending, !isSpent)
  }

  #onLost(loss: CageLoss): void {
    if (this.#isOver) return
    if (loss.kind === 'breach') this.#journal.append('breach', JSON.stringify(loss), { reason: loss.reason })
    this.#end(endingOfLoss(loss), false)
  }

  #end(ending: Ending, isClean: boolean): void {
    if (this.#isOver) return
    this.#stop(isClean)
    this.#ended.resolve(ending)
  }

  /** Stops clocks, timers and cage; the last reading of the meter comes before the kill. */
  #stop(isClean: boolean): WatchTotals {
    const totals = this.#watch?.stop() ?? NO_TOTALS
    if (!this.#isOver) {
      this.#isOver = true
      this.#timers.clear()
      this.#over.abort(new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the call was over.'))
    }
    const cage = this.#cage
    this.#cage = undefined
    if (cage !== undefined) this.#setting.pool.release(cage, isClean)
    return totals
  }

  #deliver(seq: number, { ok, json }: Answer): void {
    if (!this.#isOver) this.#cage?.deliver({ seq, ok, atMs: this.#setting.powers.now() }, json)
  }

  #openBroker(lease: LedgerLease): BrokerRun {
    const { policy, principal, program, approve } = this.#prepared
    const { store, buffer, underWay, powers } = this.#setting
    const now = (): number => powers.now()
    const { ttlMs, requesterMayApprove } = policy.approval
    return {
      runId: this.runId,
      taskId: this.task,
      principal,
      toolDigest: program.digest,
      policy,
      ops: grantedOps(policy).byName,
      ledger: lease.ledger,
      usage: this.#usage,
      journal: this.#journal,
      buffer,
      receipts: store.receipts,
      underWay,
      approver: createApprover({
        tickets: store.tickets,
        callback: approve,
        ttlMs,
        requesterMayApprove,
        now,
        redactor: this.#redactor,
      }),
      standing: new Map(),
      recording: undefined,
      slots: new Semaphore(policy.limits.maxConcurrentCalls),
      backlog: this.#backlog,
      signal: this.#over.signal,
      redactor: this.#redactor,
      now,
      keepLedger: () => lease.keep(),
      keepLedgerSoon: () => lease.keepSoon(),
      driver: (name) => this.#drivers.get(name),
      waitForHuman: (work) => this.#waitForHuman(work),
      deliver: (seq, answer) => this.#deliver(seq, answer),
      end: (error) => this.#end({ kind: 'failed', error }, false),
      refused: (seq, error) => this.#refusals.set(seq, error),
      emit: (event) => this.#reports.take(event),
    }
  }

  async #waitForHuman<T>(work: () => Promise<T>): Promise<T> {
    this.#humansAsked += 1
    this.#watch?.pause()
    try {
      return await work()
    } finally {
      this.#humansAsked -= 1
      if (this.#humansAsked === 0) this.#watch?.resume()
    }
  }

  #emit(event: RunEvent): void {
    this.#setting.emit(event, this.#prepared)
  }

  #finish(ending: Ending, totals: WatchTotals, lease: LedgerLease | undefined): RunResult {
    const facts = this.#facts(totals)
    const result = buildResult(ending, facts, this.#redactor)
    try {
      lease?.release()
      this.#keep(result)
      return result
    } catch (error) {
      return buildResult(notRecorded(error), facts, this.#redactor)
    }
  }

  #facts(totals: WatchTotals): RunFacts {
    const { policy, program } = this.#prepared
    return {
      runId: this.runId,
      task: this.task,
      tier: this.#setting.tier,
      policy,
      toolDigest: program.digest,
      usage: this.#usage,
      totals,
      approvals: this.#reports.approvals,
      logs: this.#logs.lines,
      costAlerts: this.#reports.costAlerts,
    }
  }

  #keep(result: RunResult): void {
    const json = JSON.stringify(result)
    recordEnd(this.#journal, result, sha256(json))
    this.#setting.buffer.drain((rows) =>
      this.#setting.store.runs.end(this.runId, json, rows, this.#journal.head, this.#journal.records),
    )
  }
}
