import type { Tier } from '../cage/tiers.ts'
import type { UsageMeter } from '../budget/usage-meter.ts'
import type { Redactor } from '../audit/redact.ts'
import type { CompiledPolicy, Limits } from '../policy/compiled.ts'
import type { Origin } from './children.ts'
import type { WatchTotals } from './limits-watch.ts'
import type { Ending } from './run-ending.ts'
import type { ApprovalSummary, CommitSummary, LogLine, RunResult, Usage } from './result.ts'

/** What was gathered while a run went on. */
export type RunFacts = {
  readonly runId: string
  readonly task: string
  readonly tier: Tier
  readonly policy: CompiledPolicy
  readonly toolDigest: string
  readonly usage: UsageMeter
  readonly totals: WatchTotals
  readonly approvals: readonly ApprovalSummary[]
  readonly commits: readonly CommitSummary[]
  readonly logs: readonly LogLine[]
  readonly costAlerts: readonly number[]
  readonly origin: Origin | undefined
}

const MICRO = 1e6

function usageOf({ usage, totals, policy: { limits } }: RunFacts): Usage {
  const byOp = Object.fromEntries(
    [...usage.byOp].map(([op, { costMicroUsd, ...counts }]) => [
      op,
      { ...counts, costUsd: costMicroUsd / MICRO },
    ]),
  )
  return {
    calls: usage.calls,
    cpuMs: Math.round(totals.cpuMs * 1000) / 1000,
    wallMs: Math.round(totals.wallMs * 1000) / 1000,
    memoryPeakBytes: totals.memoryPeakBytes,
    ingressBytes: usage.sum('ingressBytes'),
    egressBytes: usage.sum('egressBytes'),
    costUsd: (usage.sum('costMicroUsd') + totals.cpuMicroUsd) / MICRO,
    byOp,
    limits: ceilings(limits),
  }
}

const ceilings = (limits: Limits): Usage['limits'] => ({
  calls: limits.maxToolCalls,
  cpuMs: limits.maxCpuMs,
  wallMs: limits.maxDurationMs,
  memoryBytes: limits.maxMemoryMb * 1024 * 1024,
  costUsd: limits.maxCostMicroUsd / MICRO,
})

type Outcome = Pick<RunResult, 'status' | 'value' | 'error'>

function outcomeOf(ending: Ending, redactor: Redactor): Outcome {
  if (ending.kind === 'cancelled') return { status: 'cancelled' }
  if (ending.kind === 'failed') {
    const { error, stack } = ending
    return {
      status: 'failed',
      error: {
        ...error,
        message: redactor.text(error.message),
        ...(stack !== undefined && { stack: redactor.text(stack) }),
      },
    }
  }
  return { status: 'done', value: ending.value }
}

/** Puts the result of a run together; every secret of the run is taken out of what the guest says. */
export function buildResult(ending: Ending, facts: RunFacts, redactor: Redactor): RunResult {
  const { runId, task, origin, tier, policy, toolDigest, approvals, commits, logs, costAlerts } = facts
  return {
    runId,
    task,
    ...(origin && { parent: { runId: origin.parent.runId, call: origin.seq } }),
    ...outcomeOf(ending, redactor),
    usage: usageOf(facts),
    approvals: [...approvals],
    ...(commits.length > 0 && { commits: [...commits] }),
    labels: [],
    tier,
    policyDigest: policy.digest,
    toolDigest,
    logs: [...logs],
    warnings: policy.warnings.map(({ path, message }) => `${path}: ${message}`),
    costAlerts: [...costAlerts],
  }
}
