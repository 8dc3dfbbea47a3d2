import type { LogLevel } from '../../runtime/abi/frames.ts'
import type { Tier } from '../cage/tiers.ts'
import type { ErrorRecord } from '../errors/tollgate-error.ts'

export type RunStatus = 'done' | 'failed' | 'waiting' | 'cancelled'

/** What `gate.run()` resolves to; it carries every fact of the run, and nothing that is not JSON. */
export type RunResult = {
  runId: string
  /** The task that the run counts towards; without one, the run is its own. */
  task: string
  /** The run, and its call, that started this one as a child. */
  parent?: { runId: string; call: number }
  status: RunStatus
  /** The tool's value; present when status is `done`. */
  value?: unknown
  error?: ErrorRecord & { /** The tool's own stack, its own lines only. */ stack?: string }
  usage: Usage
  approvals: ApprovalSummary[]
  /** The stores that the run had staged effects for, in the order in which they were to be committed; absent where there was none. */
  commits?: CommitSummary[]
  /** Provenance marks that the run joined. */
  labels: string[]
  /** How the cage was confined; see `tollgate doctor`. */
  tier: Tier
  policyDigest: string
  toolDigest: string
  logs: LogLine[]
  /** Remarks of the policy (an entry of human_in_loop that names nothing known, …). */
  warnings: string[]
  /** Thresholds of cost_alerts that were passed, as fractions. */
  costAlerts: number[]
}

/** What a run consumed. Money is US dollars, exact to a millionth. */
export type Usage = {
  calls: number
  cpuMs: number
  wallMs: number
  memoryPeakBytes: number
  ingressBytes: number
  egressBytes: number
  costUsd: number
  byOp: Record<
    string,
    { calls: number; denied: number; ingressBytes: number; egressBytes: number; costUsd: number }
  >
  /** The ceilings that held, for showing usage beside them. */
  limits: { calls: number; cpuMs: number; wallMs: number; memoryBytes: number; costUsd: number }
}

export type ApprovalSummary = {
  ticketId: string
  op: string
  subject: string
  state: 'approved' | 'denied' | 'expired' | 'unavailable' | 'used'
  by?: string
  reason?: string
}
/** A commit that was tried. `refused`: nothing of it happened; `uncertain`: it may have, see the error. */
export type CommitSummary = { op: string; subject: string; state: 'done' | 'refused' | 'uncertain' }
export type LogLine = { level: LogLevel; text: string }

/** What `onEvent` receives while a run goes on. */
export type RunEvent =
  | {
      kind: 'call'
      runId: string
      seq: number
      op: string
      subject?: string
      verdict: 'allow' | 'deny'
      code?: string
      gate?: string
      ms: number
    }
  | { kind: 'log'; runId: string; level: LogLevel; text: string }
  | { kind: 'approval'; runId: string; ticketId: string; op: string; subject: string; state: string }
  | { kind: 'cost_alert'; runId: string; threshold: number; costUsd: number; limitUsd: number }
