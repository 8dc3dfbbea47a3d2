import type { Journal } from '../journal/journal.ts'
import type { EventRow, RunRow } from '../stores/ports.ts'
import type { Origin } from './children.ts'
import type { PreparedRun } from './prepare.ts'
import type { RunResult } from './result.ts'

/** The first record of a run: what is run, for whom, under which policy, with which input. */
export function recordStart(
  journal: Journal,
  task: string,
  prepared: PreparedRun,
  origin: Origin | undefined,
): EventRow {
  const { policy, program, principal, inputJson, reuse } = prepared
  const event = `{"input":${inputJson},"engine":${JSON.stringify(process.versions.v8)}}`
  return journal.compose('run.started', event, {
    principal,
    task,
    policy: policy.digest,
    tool: program.digest,
    policy_name: policy.name,
    model: policy.model,
    warnings: policy.warnings.length,
    input_bytes: inputJson.length,
    reuse,
    parent: origin?.parent.runId,
    parent_call: origin?.seq,
  })
}

/** The row of a run that begins. */
export function rowOf(runId: string, task: string, startedAtMs: number, prepared: PreparedRun): RunRow {
  const { policy, program, principal, idempotencyKey, requestDigest } = prepared
  return {
    runId,
    task,
    principal,
    startedAtMs,
    requestDigest,
    policyDigest: policy.digest,
    toolDigest: program.digest,
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  }
}

/** The last record of a run: how it ended and what it used, with the digest of the result as it is stored. */
export function recordEnd(journal: Journal, { status, error, usage }: RunResult, resultDigest: string): void {
  journal.append('run.ended', JSON.stringify({ status, error }), {
    status,
    result_sha256: resultDigest,
    code: error?.code,
    gate: error?.gate,
    message: error?.message,
    calls: usage.calls,
    cpu_ms: usage.cpuMs,
    wall_ms: usage.wallMs,
    ingress_bytes: usage.ingressBytes,
    egress_bytes: usage.egressBytes,
    cost_micro_usd: Math.round(usage.costUsd * 1e6),
  })
}
