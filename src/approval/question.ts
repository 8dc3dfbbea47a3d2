import { TollgateError } from '../errors/tollgate-error.ts'
import type { ApproveCallback, Decision, Ticket } from './ticket.ts'

/** Longest delay of a timer of the host. A ticket that lives longer expires then. */
const TIMER_MS_MAX = 2 ** 31 - 1
const TEXT_SIZE_MAX = 512

const expired = (ticket: Ticket, what: string): TollgateError =>
  new TollgateError('APPROVAL_EXPIRED', `${what} on ${ticket.op}.`, { rule: ticket.rule })

const unavailable = (ticket: Ticket): TollgateError =>
  new TollgateError(
    'APPROVAL_UNAVAILABLE',
    `${ticket.op} needs the approval of a human, and nobody is there to give it.`,
    {
      rule: ticket.rule,
      hint: 'Go on without it, or tell the user what you would have done.',
      change: 'pass an approve callback, or run in a terminal without --json',
    },
  )

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value.slice(0, TEXT_SIZE_MAX) : undefined

/** Only a plain true approves; whatever else a callback answers is a no. */
function readDecision(answer: unknown): Decision {
  if (typeof answer !== 'object' || answer === null) return { approve: answer === true }
  const { approve, by, reason } = answer as Readonly<Record<string, unknown>>
  const [name, why] = [textOf(by), textOf(reason)]
  return {
    approve: approve === true,
    ...(name !== undefined && { by: name }),
    ...(why !== undefined && { reason: why }),
  }
}

/**
 * Puts a ticket to the callback and waits for its answer, until the ticket expires or the run ends; then the callback's signal
 * fires. Throws APPROVAL_UNAVAILABLE without a callback or when it fails, APPROVAL_EXPIRED when nobody decided in time.
 */
export async function askCallback(
  ticket: Ticket,
  callback: ApproveCallback | undefined,
  signal: AbortSignal,
  now: () => number,
): Promise<Decision> {
  if (callback === undefined) throw unavailable(ticket)
  const question = new AbortController()
  const { promise: closed, resolve } = Promise.withResolvers<undefined>()
  let over: TollgateError | undefined
  const close = (what: string): void => {
    over ??= expired(ticket, what)
    question.abort(over)
    resolve(undefined)
  }
  const timer = setTimeout(
    () => close('Nobody decided in time'),
    Math.min(Math.max(0, ticket.expiresAtMs - now()), TIMER_MS_MAX),
  )
  const onAbort = (): void => close('The run ended before anybody decided')
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    // The signal will not fire a second time.
    if (signal.aborted) onAbort()
    else {
      const answer = await Promise.race([Promise.try(callback, ticket, question.signal), closed])
      if (over === undefined && now() <= ticket.expiresAtMs) return readDecision(answer)
    }
  } catch (cause) {
    throw (
      over ??
      new TollgateError('APPROVAL_UNAVAILABLE', `The approve callback failed, so ${ticket.op} is refused.`, {
        rule: ticket.rule,
        cause,
      })
    )
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
  throw over ?? expired(ticket, 'Nobody decided in time')
}
