import type { LogFrame } from '../../runtime/abi/frames.ts'
import { createRedactor, type Redactor } from '../audit/redact.ts'
import { mediate } from '../broker/broker.ts'
import type { BrokerRun, RawCall } from '../broker/call.ts'
import { reportCostAlerts } from '../broker/gates/settle.ts'
import { CALLS_METER } from '../budget/ledger.ts'
import { UsageMeter } from '../budget/usage-meter.ts'
import { sha256 } from '../digest/sha256.ts'
import { asTollgateError, TollgateError } from '../errors/tollgate-error.ts'
import { openJournal, type Journal } from '../journal/journal.ts'
import { Attempt, type AttemptHandlers } from './attempt.ts'
import { commitStaged, NOTHING_COMMITTED, settleStaged } from './commit.ts'
import { cageDemand } from './cage-demand.ts'
import type { CageLease } from './cage-pool.ts'
import { Children, CHILDREN, type Origin, type ParentRun } from './children.ts'
import type { CageLoss, SlotEnd } from './hosted-cage.ts'
import { HumanWait } from './human-wait.ts'
import { InFlight } from './in-flight.ts'
import { limitUsedUp, NO_TOTALS, sumOfTotals, type WatchTotals } from './limits-watch.ts'
import type { PreparedRun } from './prepare.ts'
import { locateOf } from './program.ts'
import type { CommitSummary, RunEvent, RunResult } from './result.ts'
import { openBrokerRun, type BrokerParts } from './run-broker.ts'
import { RunDrivers } from './run-drivers.ts'
import { newRunId } from './run-id.ts'
import { endingOfLoss, failedBy, type Ending } from './run-ending.ts'
import { RunLogs } from './run-logs.ts'
import { recordEnd, recordStart, rowOf } from './run-record.ts'
import { RunReports } from './run-reports.ts'
import { buildResult, type RunFacts } from './run-result.ts'
import { redactionsOf } from './secrets.ts'
import type { RunSetting } from './run-setting.ts'
import type { LedgerLease } from './task-ledgers.ts'

/** The ending of a run whose beginning or end could not be recorded. */
const notRecorded = (cause: unknown): Ending => failedBy(asTollgateError(cause).with({ gate: 'record' }))

/** Why a run that waits for its cage waits no longer. */
const OVER = new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before it began.')

/**
 * One execution of a tool, from its first record to its result:
 *
 *     begin → cage → guest ⇄ broker → end → calls in flight settle → commits → result (recorded)
 *
 * The beginning is on record before the first call goes on, and at the latest with the result.
 * The first cause that ends the guest is the ending; everything later is ignored.
 */
export class Run {
  readonly runId = newRunId(Date.now())
  readonly #prepared: PreparedRun
  readonly #setting: RunSetting
  readonly #redactor: Redactor
  readonly #journal: Journal
  readonly #drivers: RunDrivers
  readonly #logs: RunLogs
  readonly #origin: Origin | undefined
  readonly #children: Children
  readonly #usage = new UsageMeter()
  readonly #over = new AbortController()
  readonly #ended = Promise.withResolvers<Ending>()
  readonly #inFlight = new InFlight()
  readonly #human = new HumanWait(() => this.#attempt)
  readonly #reports = new RunReports(this.runId, (event) => this.#emit(event))
  #attempt: Attempt | undefined
  #attempts = 0
  #lease: LedgerLease | undefined
  /** What earlier attempts used. */
  #spent = NO_TOTALS
  #commits: readonly CommitSummary[] = []
  /** The first record is in the store. */
  #isStartKept = false
  #isOver = false

  /** `origin`: of a child; a run that the embedder starts has none. */
  constructor(prepared: PreparedRun, setting: RunSetting, origin?: Origin) {
    const { policy, secrets, principal } = prepared
    const { buffer, powers, capabilities } = setting
    const { runId } = this
    const parent = origin?.parent
    this.#prepared = prepared
    this.#setting = setting
    this.#origin = origin
    this.#redactor = createRedactor(redactionsOf(secrets))
    this.#journal = openJournal({ runId, buffer, redactor: this.#redactor, now: () => powers.now() })
    const logsAbove = origin?.isQuarantined === true ? undefined : parent?.logs
    this.#logs = new RunLogs(policy.limits.maxLogBytes, this.#redactor, logsAbove)
    this.#children = new Children(this.#asParent())
    this.#drivers = new RunDrivers(
      capabilities,
      policy,
      powers,
      { principal, runId, secrets },
      { own: { [CHILDREN]: this.#children }, above: parent?.drivers() },
    )
  }

  get task(): string {
    return this.#origin?.parent.task ?? this.#prepared.task ?? this.runId
  }

  /**
   * Records the beginning: at once where an idempotency key must be taken, else before the first call or with the end, whichever
   * comes first. False when the principal used the key for another run. Throws INTERNAL_STORE.
   */
  begin(): boolean {
    const { store, buffer, powers, onKept } = this.#setting
    const first = recordStart(this.#journal, this.task, this.#prepared, this.#origin)
    const row = rowOf(this.runId, this.task, powers.now(), this.#prepared)
    if (row.idempotencyKey === undefined) {
      // A store that has failed is tried again before anything else begins.
      if (buffer.failure !== undefined) buffer.flush('kept')
      buffer.push({ ...first, begins: row })
      return true
    }
    this.#isStartKept = true
    const isNew = store.runs.start(row, first)
    if (isNew) onKept([first])
    return isNew
  }

  /** Runs the tool to its end. Never rejects: what goes wrong stands in the result. */
  async execute(): Promise<RunResult> {
    let ending: Ending
    try {
      this.#lease = this.#joinTask()
      ending = await this.#runGuest(this.#lease)
    } catch (error) {
      ending = failedBy(asTollgateError(error))
    }
    const own = this.#stop('kill')
    await this.#inFlight.settled
    const totals = sumOfTotals(own, this.#children.spent)
    this.#attempt?.broker.streams.close()
    if (this.#origin !== undefined) this.#children.handOver(ending.kind === 'value', totals)
    else if (this.#attempt !== undefined) ending = await this.#closeStores(ending, this.#attempt)
    await this.#drivers.close()
    this.#reportCosts()
    return this.#finish(ending, totals)
  }

  /** The result of a run that never began: nothing was executed, and nothing of it is kept. */
  refuse(cause: unknown): RunResult {
    return buildResult(notRecorded(cause), this.#facts(NO_TOTALS), this.#redactor)
  }

  /** The result of a run that was cancelled before it began. */
  cancelled(): RunResult {
    return buildResult({ kind: 'cancelled' }, this.#facts(NO_TOTALS), this.#redactor)
  }

  /** What a run staged is committed when its tool has succeeded, and else discarded with the drivers. */
  async #closeStores(ending: Ending, { broker, lastSeq }: Attempt): Promise<Ending> {
    const { signal } = this.#prepared
    const commit = { drivers: this.#drivers, broker, lastSeq, signal, isSpoilt: this.#children.isSpoilt }
    const outcome = ending.kind === 'value' ? await commitStaged(commit) : NOTHING_COMMITTED
    settleStaged(broker, outcome)
    this.#commits = outcome.commits ?? []
    return outcome.ending ?? ending
  }

  #joinTask(): LedgerLease {
    if (this.#origin !== undefined) return this.#origin.lease
    const { principal, task } = this.#prepared
    const onLost = (error: TollgateError): void => this.#end(failedBy(error), 'stop')
    return this.#setting.ledgers.acquire({ runId: this.runId, principal, task, onLost })
  }

  async #runGuest(lease: LedgerLease): Promise<Ending> {
    const { program, policy, signal } = this.#prepared
    if (signal?.aborted === true) return { kind: 'cancelled' }
    if ('fault' in program) return failedBy(program.fault)
    const cancel = (): void => this.#end({ kind: 'cancelled' }, 'stop')
    const usedUp = limitUsedUp(lease.ledger, policy)
    if (usedUp !== undefined) return failedBy(usedUp)
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      await this.#begin(program.module, lease, false)
      return await this.#ended.promise
    } catch (error) {
      if (this.#isOver) return await this.#ended.promise
      throw error
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** Tries the tool in a cage; `isExclusive`: in one of its own. */
  async #begin(module: string, lease: LedgerLease, isExclusive: boolean): Promise<void> {
    const demand = cageDemand(this.#prepared, { isChild: this.#origin !== undefined, isExclusive })
    const place = await this.#setting.pool.acquire(demand, this.#over.signal)
    if (this.#isOver) {
      place.cage.unreserve()
      return place.release()
    }
    this.#attempts += 1
    try {
      this.#attempt = this.#openAttempt(module, place, lease)
    } catch (error) {
      place.cage.unreserve()
      place.release()
      throw error
    }
    this.#attempt.start(module)
  }

  #openAttempt(module: string, place: CageLease, ledger: LedgerLease): Attempt {
    const { powers } = this.#setting
    const handlers: AttemptHandlers = {
      onCall: (call, attempt) => this.#mediate(call, attempt.broker),
      onPull: (seq, args, { broker }) => this.#inFlight.add(broker.streams.pull(seq, args, broker)),
      onLog: (frame, text) => this.#onLog(frame, text),
      onTimer: (seq, delayMs) =>
        this.#journal.append('timer', JSON.stringify({ seq, delayMs }), { seq, delay_ms: delayMs }),
      onEnd: (ending, how) => this.#end(ending, how),
      onLost: (loss) => this.#onLost(loss, module, ledger),
      onBehind: () => {
        if (this.#canRestart) this.#restart('behind a neighbour', 'stop', module, ledger)
      },
      onCharge: () => this.#reportCosts(),
    }
    return new Attempt({
      prepared: this.#prepared,
      lease: place,
      redactor: this.#redactor,
      handlers,
      now: () => powers.now(),
      openBroker: (attempt) => openBrokerRun(this.#brokerParts(ledger), attempt),
    })
  }

  #brokerParts(ledger: LedgerLease): BrokerParts {
    return {
      runId: this.runId,
      taskId: this.task,
      setting: this.#setting,
      prepared: this.#prepared,
      ledger,
      usage: this.#usage,
      journal: this.#journal,
      redactor: this.#redactor,
      drivers: this.#drivers,
      reports: this.#reports,
      attempt: this.#attempts,
      backlog: this.#inFlight.backlog,
      stagedAbove: this.#origin?.parent.staged(),
      waitForHuman: (work) => this.#waitForHuman(work),
      end: (error) => this.#end({ kind: 'failed', error }, 'stop'),
    }
  }

  /** Before it does anything, a run is on record. False when it cannot be, which ends it. */
  #isOnRecord(): boolean {
    if (this.#isStartKept) return true
    try {
      this.#setting.buffer.flush('kept')
      this.#isStartKept = true
      return true
    } catch (error) {
      this.#end(notRecorded(error), 'kill')
      return false
    }
  }

  #mediate(call: RawCall, broker: BrokerRun): void {
    if (this.#isOver || !this.#isOnRecord()) return
    this.#inFlight.addCall(
      call,
      () => mediate(call, broker),
      () => this.#origin?.parent.reportCosts(),
    )
    broker.keepLedgerSoon()
  }

  #onLog({ level }: LogFrame, text: string): void {
    const line = this.#logs.add(level, locateOf(this.#prepared.program)(text))
    if (line !== undefined) this.#emit({ kind: 'log', runId: this.runId, ...line })
  }

  /**
   * A cage that was lost to a neighbour, or for a cause that may be a neighbour's, is no fault of this run: it starts once more,
   * alone, as long as it has done nothing to the world. Its calls are counted anew; time and money that are gone stay charged.
   */
  #onLost(loss: CageLoss, module: string, lease: LedgerLease): void {
    if (this.#isOver) return
    if (loss.kind === 'breach') this.#journal.append('breach', JSON.stringify(loss), { reason: loss.reason })
    if (loss.isShared && this.#canRestart) return this.#restart(loss.kind, 'kill', module, lease)
    this.#end(endingOfLoss(loss), 'kill')
  }

  get #canRestart(): boolean {
    return !this.#isOver && this.#attempts === 1 && !this.#usage.hasEffects && !this.#children.hasSome
  }

  #restart(cause: string, how: SlotEnd, module: string, lease: LedgerLease): void {
    this.#journal.append('run.restarted', JSON.stringify({ cause }), { cause })
    this.#spent = sumOfTotals(this.#spent, this.#attempt?.stop(how) ?? NO_TOTALS)
    this.#attempt = undefined
    lease.ledger.uncount(CALLS_METER, this.#usage.calls)
    this.#usage.restart()
    this.#logs.restart()
    this.#begin(module, lease, true).catch((error: unknown) =>
      this.#end(failedBy(asTollgateError(error)), 'kill'),
    )
  }

  #end(ending: Ending, how: SlotEnd): void {
    if (this.#isOver) return
    this.#stop(how)
    this.#ended.resolve(ending)
  }

  /** Stops what goes on; the last reading of the meter comes before the kill. */
  #stop(how: SlotEnd): WatchTotals {
    if (!this.#isOver) {
      this.#isOver = true
      this.#over.abort(OVER)
    }
    return sumOfTotals(this.#spent, this.#attempt?.stop(how) ?? NO_TOTALS)
  }

  #reportCosts(): void {
    if (this.#origin !== undefined) this.#origin.parent.reportCosts()
    else if (this.#attempt !== undefined) reportCostAlerts(this.#attempt.broker)
  }

  /** A parent, which waits for its child meanwhile, is not billed for that either. */
  #waitForHuman<T>(work: () => Promise<T>): Promise<T> {
    const parent = this.#origin?.parent
    return this.#human.whileStopped(() => parent?.waitForHuman(work) ?? work())
  }

  #emit(event: RunEvent): void {
    this.#setting.emit(event, this.#prepared)
  }

  #finish(ending: Ending, totals: WatchTotals): RunResult {
    const facts = this.#facts(totals)
    const result = buildResult(ending, facts, this.#redactor)
    try {
      this.#lease?.release()
      this.#keep(result)
      return result
    } catch (error) {
      return buildResult(notRecorded(error), facts, this.#redactor)
    }
  }

  #asParent(): ParentRun {
    return {
      runId: this.runId,
      task: this.task,
      prepared: this.#prepared,
      setting: this.#setting,
      origin: this.#origin,
      logs: this.#logs,
      usage: this.#usage,
      reports: this.#reports,
      drivers: () => this.#drivers,
      ledger: () => this.#lease,
      staged: () => this.#attempt?.broker.staged,
      waitForHuman: (work) => this.#waitForHuman(work),
      reportCosts: () => this.#reportCosts(),
      start: (prepared, origin) => {
        const child = new Run(prepared, this.#setting, origin)
        child.begin()
        return child.execute()
      },
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
      commits: this.#commits,
      logs: this.#logs.lines,
      costAlerts: this.#reports.costAlerts,
      origin: this.#origin,
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
