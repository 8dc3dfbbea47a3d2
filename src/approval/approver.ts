import { randomBytes, randomUUID } from 'node:crypto'
import type { Redactor } from '../audit/redact.ts'
import { canonicalJson, deepFreeze } from '../canonical/canonical-json.ts'
import type { Judgement } from '../capabilities/capability.ts'
import { sha256 } from '../digest/sha256.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { TicketPort } from '../stores/ports.ts'
import { askCallback } from './question.ts'
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
  /** What is shown and kept of a request goes through it; what is bound does not. */
  readonly redactor: Redactor
  readonly now: () => number
}

/** The human's side of one run. */
export type Approver = {
  /** Makes the ticket of a judged call and keeps it. */
  draft(judgement: Judgement, facts: TicketFacts): Ticket
  /** Asks until someone decides, the ticket expires or the signal fires. Resolves to who approved; throws APPROVAL_*. */
  ask(ticket: Ticket, signal: AbortSignal): Promise<string>
  /** Uses the approval for what is now to be executed, and by whom: exactly once, and only for the digest that was approved. Throws APPROVAL_MISMATCH, APPROVAL_EXPIRED. */
  use(ticket: Ticket, judgement: Judgement, facts: TicketFacts): void
}

/** Digest of what will be executed under a ticket: whatever of it changes, the approval does not fit any more. */
function ticketDigest(judgement: Judgement, facts: TicketFacts, nonce: string): string {
  const { op, request, effect, categories, costMicroUsd, rule: allowedBy } = judgement
  return sha256(canonicalJson({ ...facts, nonce, op, request, effect, categories, costMicroUsd, allowedBy }))
}

function shownRequest({ request }: Judgement, redactor: Redactor): unknown {
  const json = JSON.stringify(request)
  const shown = redactor.json(json)
  return shown === json ? request : JSON.parse(shown)
}

/** Makes the ticket and keeps it. */
function draft(judgement: Judgement, facts: TicketFacts, setting: ApproverSetting): Ticket {
  const { tickets, ttlMs, redactor } = setting
  const nonce = randomBytes(16).toString('hex')
  const ticket = deepFreeze<Ticket>({
    id: `tkt_${randomUUID()}`,
    ...facts,
    nonce,
    op: judgement.op,
    subject: redactor.text(judgement.subject),
    effect: judgement.effect,
    categories: [...judgement.categories],
    request: shownRequest(judgement, redactor),
    digest: ticketDigest(judgement, facts, nonce),
    costMicroUsd: judgement.costMicroUsd,
    expiresAtMs: setting.now() + ttlMs,
  })
  tickets.put(ticket.id, ticket.runId, ticket.digest, canonicalJson(ticket), ticket.expiresAtMs)
  return ticket
}

async function ask(ticket: Ticket, signal: AbortSignal, setting: ApproverSetting): Promise<string> {
  const { tickets, callback, requesterMayApprove, now } = setting
  let decision: Decision
  try {
    decision = await askCallback(ticket, callback, signal, now)
  } catch (error) {
    tickets.decide(ticket.id, 'expired', 'tollgate', (error as Error).message, now())
    throw error
  }
  const by = decision.by ?? 'callback'
  const own = by === ticket.principal && !requesterMayApprove
  const approved = decision.approve && !own
  const reason = own && decision.approve ? 'the requester may not approve' : decision.reason
  const decided = tickets.decide(ticket.id, approved ? 'approved' : 'denied', by, reason, now())
  if (approved && decided) return by
  throw new TollgateError('APPROVAL_DENIED', `${by} refused ${ticket.op}${reason ? `: ${reason}` : '.'}`, {
    rule: ticket.rule,
    hint: 'Do not try the same again; choose another way or stop.',
  })
}

function use(
  ticket: Ticket,
  judgement: Judgement,
  facts: TicketFacts,
  { tickets, now }: ApproverSetting,
): void {
  const { rule } = ticket
  const nowMs = now()
  if (nowMs > ticket.expiresAtMs) {
    throw new TollgateError('APPROVAL_EXPIRED', `The approval of ${ticket.op} came too late.`, { rule })
  }
  if (tickets.use(ticket.id, ticketDigest(judgement, facts, ticket.nonce), nowMs)) return
  throw new TollgateError(
    'APPROVAL_MISMATCH',
    `The approval of ${ticket.op} does not fit what would be executed, or was used already.`,
    { rule },
  )
}

/** The human's side of a run, over the tickets of a store and a callback that decides them. */
export const createApprover = (setting: ApproverSetting): Approver => ({
  draft: (judgement, facts) => draft(judgement, facts, setting),
  ask: (ticket, signal) => ask(ticket, signal, setting),
  use: (ticket, judgement, facts) => use(ticket, judgement, facts, setting),
})
