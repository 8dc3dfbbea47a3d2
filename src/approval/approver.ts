import { randomBytes, randomUUID } from 'node:crypto'
import { canonicalJson, deepFreeze } from '../canonical/canonical-json.ts'
import type { Judgement } from '../capabilities/capability.ts'
import { sha256 } from '../digest/sha256.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { TicketPort } from '../stores/ports.ts'
import type { ApproveCallback, Decision, Ticket } from './ticket.ts'

/** Everything that a ticket binds besides the judged request. */
export type TicketFacts = Pick<
  Ticket,
  'runId' | 'taskId' | 'seq' | 'principal' | 'policyDigest' | 'toolDigest' | 'rule'
>

export type ApproverSetting = {
  readonly tickets: TicketPort
  readonly callback: ApproveCallback | undefined
  readonly ttlMs: number
  readonly requesterMayApprove: boolean
  now(): number
}

/** The human's side of one run. */
export type Approver = {
  /** Makes the ticket of a judged call and keeps it. */
  draft(judgement: Judgement, facts: TicketFacts): Ticket
  /** Asks until someone decides, the ticket expires or the signal fires. Resolves to who approved; throws APPROVAL_*. */
  ask(ticket: Ticket, signal: AbortSignal): Promise<string>
  /** Uses the approval for what is now to be executed: exactly once, and only for the digest that was approved. Throws APPROVAL_MISMATCH. */
  use(ticket: Ticket, judgement: Judgement): void
}

/** Digest of what will be executed under a ticket: whatever of it changes, the approval does not fit any more. */
export function ticketDigest(judgement: Judgement, facts: TicketFacts, nonce: string): string {
  const { op, request, effect, categories, costMicroUsd } = judgement
  return sha256(canonicalJson({ ...facts, nonce, op, request, effect, categories, costMicroUsd }))
}

export function createApprover({
  tickets,
  callback,
  ttlMs,
  requesterMayApprove,
  now,
}: ApproverSetting): Approver {
  const decide = async (ticket: Ticket, signal: AbortSignal): Promise<Decision> => {
    if (callback === undefined) {
      throw new TollgateError(
        'APPROVAL_UNAVAILABLE',
        `${ticket.op} needs the approval of a human, and nobody is there to give it.`,
        {
          rule: ticket.rule,
          hint: 'Go on without it, or tell the user what you would have done.',
          change: 'pass an approve callback, or run in a terminal',
        },
      )
    }
    const { promise: expired, reject } = Promise.withResolvers<never>()
    const expire = (): void =>
      reject(
        new TollgateError('APPROVAL_EXPIRED', `Nobody decided on ${ticket.op} in time.`, {
          rule: ticket.rule,
        }),
      )
    const timer = setTimeout(expire, Math.min(Math.max(0, ticket.expiresAtMs - now()), 2 ** 31 - 1))
    const onAbort = (): void =>
      reject(
        new TollgateError('APPROVAL_EXPIRED', `The run ended before anybody decided on ${ticket.op}.`, {
          rule: ticket.rule,
        }),
      )
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const answer = await Promise.race([Promise.try(callback, ticket, signal), expired])
      return typeof answer === 'object'
        ? { ...answer, approve: answer.approve === true }
        : { approve: answer === true }
    } catch (cause) {
      if (cause instanceof TollgateError) throw cause
      throw new TollgateError(
        'APPROVAL_UNAVAILABLE',
        `The approve callback failed, so ${ticket.op} is refused.`,
        { rule: ticket.rule, cause },
      )
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    draft(judgement, facts) {
      const nonce = randomBytes(16).toString('hex')
      const ticket = deepFreeze<Ticket>({
        id: `tkt_${randomUUID()}`,
        ...facts,
        nonce,
        op: judgement.op,
        subject: judgement.subject,
        effect: judgement.effect,
        categories: [...judgement.categories],
        request: judgement.request,
        digest: ticketDigest(judgement, facts, nonce),
        costMicroUsd: judgement.costMicroUsd,
        expiresAtMs: now() + ttlMs,
      })
      tickets.put(ticket.id, ticket.runId, ticket.digest, canonicalJson(ticket), ticket.expiresAtMs)
      return ticket
    },
    async ask(ticket, signal) {
      let decision: Decision
      try {
        decision = await decide(ticket, signal)
      } catch (error) {
        tickets.decide(ticket.id, 'expired', 'tollgate', (error as Error).message, now())
        throw error
      }
      const by = decision.by ?? 'callback'
      const own = by === ticket.principal && !requesterMayApprove
      const approved = decision.approve && !own
      const reason = own && decision.approve ? 'the requester may not approve' : decision.reason
      const decided = tickets.decide(ticket.id, approved ? 'approved' : 'denied', by, reason, now())
      if (!approved || !decided) {
        throw new TollgateError(
          'APPROVAL_DENIED',
          `${by} refused ${ticket.op}${reason ? `: ${reason}` : '.'}`,
          {
            rule: ticket.rule,
            hint: 'Do not try the same again; choose another way or stop.',
          },
        )
      }
      return by
    },
    use(ticket, judgement) {
      const { runId, taskId, seq, principal, policyDigest, toolDigest, rule } = ticket
      const digest = ticketDigest(
        judgement,
        { runId, taskId, seq, principal, policyDigest, toolDigest, rule },
        ticket.nonce,
      )
      if (!tickets.use(ticket.id, digest, now())) {
        throw new TollgateError(
          'APPROVAL_MISMATCH',
          `The approval of ${ticket.op} does not fit what would be executed, or was used already.`,
          { rule: ticket.rule },
        )
      }
    },
  }
}
