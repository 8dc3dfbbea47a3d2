import type { TicketFacts } from '../../approval/approver.ts'
import type { Ticket } from '../../approval/ticket.ts'
import type { Judgement } from '../../capabilities/capability.ts'
import { isTollgateError } from '../../errors/tollgate-error.ts'
import type { BrokerRun, Call } from '../call.ts'

/**
 * Asks a human when the policy does; resolves to the approved ticket. Undefined when nobody needs to be asked, so that such a
 * call goes on without a pause, in which another under the same key could slip past its receipt. APPROVAL_*.
 */
export function approve(call: Call, judgement: Judgement, run: BrokerRun): Promise<Ticket> | undefined {
  const reason = run.policy.needsApproval(judgement)
  if (reason === undefined) return undefined
  call.gate = 'approve'
  if (reason.oncePerRun && run.standing.has(standingKey(judgement))) return undefined
  return ask(call, judgement, run, reason)
}

const standingKey = ({ op, subject }: Judgement): string => `${op} ${subject}`

async function ask(
  call: Call,
  judgement: Judgement,
  run: BrokerRun,
  reason: { rule: string; oncePerRun: boolean },
): Promise<Ticket> {
  const ticket = run.approver.draft(judgement, factsOf(call, reason.rule, run))
  call.ticket = ticket
  report(ticket, 'asked', run)
  try {
    const by = await run.waitForHuman(() => run.approver.ask(ticket, run.signal))
    report(ticket, 'approved', run, by)
    return ticket
  } catch (error) {
    report(ticket, stateOf(error), run, undefined, (error as Error).message)
    throw error
  }
}

/** What a ticket binds beside the request; read from the run and the call each time, never from the ticket. */
const factsOf = (
  { seq }: Call,
  rule: string,
  { runId, taskId, principal, toolDigest, policy }: BrokerRun,
): TicketFacts => ({ runId, taskId, seq, principal, policyDigest: policy.digest, toolDigest, rule })

function stateOf(error: unknown): 'denied' | 'expired' | 'unavailable' {
  const code = isTollgateError(error) ? error.code : undefined
  return code === 'APPROVAL_DENIED' ? 'denied' : code === 'APPROVAL_EXPIRED' ? 'expired' : 'unavailable'
}

/** Uses the approval up for what is now about to be executed. APPROVAL_MISMATCH. */
export function useApproval(call: Call, judgement: Judgement, ticket: Ticket, run: BrokerRun): void {
  call.gate = 'approve'
  const reason = run.policy.needsApproval(judgement)
  run.approver.use(ticket, judgement, factsOf(call, reason?.rule ?? '', run))
  if (reason?.oncePerRun === true) run.standing.set(standingKey(judgement), ticket)
  report(ticket, 'used', run)
}

type Reported = 'asked' | 'approved' | 'denied' | 'expired' | 'unavailable' | 'used'

function report(ticket: Ticket, state: Reported, run: BrokerRun, by?: string, reason?: string): void {
  const { id: ticketId, op, subject, digest, seq, rule } = ticket
  run.journal.append('approval', JSON.stringify({ seq, ticketId, state, by, reason }), {
    seq,
    ticket: ticketId,
    op,
    subject,
    state,
    digest,
    rule,
    by,
    reason,
  })
  run.emit({
    kind: 'approval',
    ticketId,
    op,
    subject,
    state,
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
  })
}
