/** A run as the library reports it, for tests of how it is shown. */
import type { AuditRecord, RunResult } from '../../../src/index.ts'

export const sampleResult = (more: Partial<RunResult> = {}): RunResult => ({
  runId: 'run-1',
  task: 'run-1',
  status: 'done',
  value: { a: 1 },
  usage: {
    calls: 2,
    cpuMs: 12,
    wallMs: 420,
    memoryPeakBytes: 8 * 1024 ** 2,
    ingressBytes: 2048,
    egressBytes: 512,
    costUsd: 0.002,
    byOp: {},
    limits: { calls: 20, cpuMs: 10_000, wallMs: 60_000, memoryBytes: 64 * 1024 ** 2, costUsd: 0.1 },
  },
  approvals: [],
  labels: [],
  tier: 'T3',
  policyDigest: `sha256:${'a'.repeat(64)}`,
  toolDigest: `sha256:${'b'.repeat(64)}`,
  logs: [],
  warnings: [],
  costAlerts: [],
  ...more,
})

export const sampleRecord = (
  n: number,
  facts: AuditRecord['facts'],
  event: AuditRecord['event'] = 'call',
): AuditRecord => ({
  runId: 'run-1',
  n,
  at: '2026-01-01T00:00:00.000Z',
  event,
  prev: '',
  hash: '',
  facts,
})
