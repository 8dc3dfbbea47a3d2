import type { Category } from '../capabilities/capability.ts'
import type { Effect } from '../../runtime/abi/ops.ts'

/** What a human is asked. Frozen; its digest is what the approval binds. */
export type Ticket = {
  readonly id: string
  readonly runId: string
  readonly taskId: string
  /** Seq of the call within its run. */
  readonly seq: number
  readonly nonce: string
  readonly principal: string
  readonly op: string
  /** One line, made by the host: `POST https://api.company.com/v1/orders`. */
  readonly subject: string
  readonly effect: Effect
  readonly categories: readonly Category[]
  /** What will be executed, as JSON data, secrets redacted; untrusted text inside, so show it with {@link printable}. */
  readonly request: unknown
  /** SHA-256 over op, request, principal, policy, tool, run, task, seq and nonce. */
  readonly digest: string
  readonly policyDigest: string
  readonly toolDigest: string
  /** The part of the policy that asks. */
  readonly rule: string
  readonly costMicroUsd: number
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number
}

/** Answers a ticket. `false`, an error or no answer before the ticket expires refuse the call. */
export type ApproveCallback = (
  ticket: Ticket,
  signal: AbortSignal,
) => Promise<boolean | Decision> | boolean | Decision

export type Decision = {
  readonly approve: boolean
  /** Who decided; must not be the principal unless the policy says requester_may_approve. */
  readonly by?: string
  readonly reason?: string
}
