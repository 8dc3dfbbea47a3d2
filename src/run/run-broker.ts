import { createApprover } from '../approval/approver.ts'
import type { Redactor } from '../audit/redact.ts'
import type { Answer, BrokerRun } from '../broker/call.ts'
import { Semaphore } from '../broker/semaphore.ts'
import { Streams } from '../broker/streams.ts'
import type { UsageMeter } from '../budget/usage-meter.ts'
import type { Journal } from '../journal/journal.ts'
import type { Attempt } from './attempt.ts'
import { grantedOps } from './granted-ops.ts'
import type { PreparedRun } from './prepare.ts'
import type { RunDrivers } from './run-drivers.ts'
import type { RunReports } from './run-reports.ts'
import type { RunSetting } from './run-setting.ts'
import type { LedgerLease } from './task-ledgers.ts'

/** What the broker is told of a run, beside its Tollgate and its options. */
export type BrokerParts = {
  readonly runId: string
  readonly taskId: string
  readonly setting: RunSetting
  readonly prepared: PreparedRun
  readonly ledger: LedgerLease
  readonly usage: UsageMeter
  readonly journal: Journal
  readonly redactor: Redactor
  readonly drivers: RunDrivers
  readonly reports: RunReports
  /** From 1; a run that lost its cage to a neighbour has a second. */
  readonly attempt: number
  readonly backlog: BrokerRun['backlog']
  /** What a child stages is part of what its parent stages: a key that was used there is known here. */
  readonly stagedAbove: BrokerRun['staged'] | undefined
  waitForHuman: BrokerRun['waitForHuman']
  end: BrokerRun['end']
}

/** Opens the broker's view of one attempt of a run. */
export function openBrokerRun(parts: BrokerParts, attempt: Attempt): BrokerRun {
  const { setting, prepared, ledger, redactor, drivers, reports } = parts
  const { policy, principal, program, approve } = prepared
  const { store, buffer, underWay, powers } = setting
  const now = (): number => powers.now()
  const { ttlMs, requesterMayApprove } = policy.approval
  return {
    runId: parts.runId,
    taskId: parts.taskId,
    attempt: parts.attempt,
    principal,
    toolDigest: program.digest,
    policy,
    ops: grantedOps(policy).byName,
    ledger: ledger.ledger,
    usage: parts.usage,
    journal: parts.journal,
    buffer,
    receipts: store.receipts,
    underWay,
    approver: createApprover({
      tickets: store.tickets,
      callback: approve,
      ttlMs,
      requesterMayApprove,
      now,
      redactor,
    }),
    standing: new Map(),
    staged: parts.stagedAbove ?? new Map<string, Answer>(),
    streams: new Streams(),
    recording: undefined,
    slots: new Semaphore(policy.limits.maxConcurrentCalls),
    backlog: parts.backlog,
    signal: attempt.signal,
    redactor,
    now,
    keepLedger: () => ledger.keep(),
    keepLedgerSoon: () => ledger.keepSoon(),
    driver: (name) => drivers.get(name),
    waitForHuman: (work) => parts.waitForHuman(work),
    deliver: (seq, answer) => attempt.deliver(seq, answer),
    end: (error) => {
      if (!attempt.signal.aborted) parts.end(error)
    },
    refused: (seq, error) => attempt.refusals.set(seq, error),
    emit: (event) => reports.take(event),
  }
}
