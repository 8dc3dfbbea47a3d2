import type { BrokerEvent } from '../broker/call.ts'
import type { ApprovalSummary, RunEvent } from './result.ts'

/** What the broker reports of a run: gathered for its result, and told to whoever watches. */
export class RunReports {
  readonly costAlerts: number[] = []
  readonly #approvals = new Map<string, ApprovalSummary>()
  readonly #runId: string
  readonly #emit: (event: RunEvent) => void

  constructor(runId: string, emit: (event: RunEvent) => void) {
    this.#runId = runId
    this.#emit = emit
  }

  get approvals(): readonly ApprovalSummary[] {
    return [...this.#approvals.values()]
  }

  /** Takes over what was asked for a child. */
  adopt(approvals: readonly ApprovalSummary[]): void {
    for (const summary of approvals) this.#approvals.set(summary.ticketId, summary)
  }

  take(event: BrokerEvent): void {
    const runId = this.#runId
    switch (event.kind) {
      case 'call':
        return this.#emit({ ...event, runId })
      case 'approval':
        return this.#takeApproval(event)
      case 'cost_alert': {
        const { kind, threshold, costMicroUsd, limitMicroUsd } = event
        this.costAlerts.push(threshold)
        this.#emit({ kind, runId, threshold, costUsd: costMicroUsd / 1e6, limitUsd: limitMicroUsd / 1e6 })
      }
    }
  }

  #takeApproval(event: BrokerEvent & { kind: 'approval' }): void {
    const { kind, state, ...facts } = event
    const { ticketId, op, subject } = facts
    if (state !== 'asked')
      this.#approvals.set(ticketId, { ...this.#approvals.get(ticketId), ...facts, state })
    this.#emit({ kind, runId: this.#runId, ticketId, op, subject, state })
  }
}
