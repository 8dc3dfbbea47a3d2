import { ARGUMENTS_SIZE_MAX, JSON_DEPTH_MAX } from '../../../runtime/abi/crossing.ts'
import { isShallow } from '../../canonical/canonical-json.ts'
import { CALLS_METER } from '../../budget/ledger.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { BrokerRun, Call } from '../call.ts'

/** Counts the call, finds its op among the granted ones and parses its arguments. GUEST_*, DENIED_NOT_GRANTED, LIMIT_TOOL_CALLS. */
export function decode(call: Call, run: BrokerRun): unknown {
  call.gate = 'decode'
  if (call.isCommit !== true) count(run)
  run.usage.op(call.op).calls += 1
  const granted = run.ops.get(call.op)
  if (granted === undefined) {
    throw new TollgateError('DENIED_NOT_GRANTED', `The policy does not grant ${call.op}.`, {
      rule: 'permissions',
      hint: `Use only what the capabilities hold: ${[...run.ops.keys()].join(', ') || 'nothing is granted'}.`,
      change: `grant ${call.op} under permissions`,
    })
  }
  call.granted = granted
  boundBacklog(run)
  call.value = parseBounded(call.args)
  const parsed = granted.op.arguments.safeParse(call.value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.join('.') || 'arguments'}: ${message}`)
  throw new TollgateError('GUEST_ARGUMENTS', `The arguments of ${call.op} do not fit: ${problems.join('; ')}`)
}

/** Every call within the limit is counted here, those that are refused later too; so usage.calls never passes the limit. */
function count(run: BrokerRun): void {
  const { maxToolCalls } = run.policy.limits
  run.ledger.count(
    {
      meter: CALLS_METER,
      amount: 1,
      max: maxToolCalls,
      code: 'LIMIT_TOOL_CALLS',
      rule: 'limits.max_tool_calls',
    },
    run.runId,
    performance.now(),
  )
  run.usage.calls += 1
}

/** Calls under way, and UTF-16 code units of their arguments, that one run may have rest in the memory of the host. */
const BACKLOG_CALLS_MAX = 20_000
const BACKLOG_SIZE_MAX = 16 * ARGUMENTS_SIZE_MAX

function boundBacklog({ backlog: { calls, argumentsSize } }: BrokerRun): void {
  if (calls <= BACKLOG_CALLS_MAX && argumentsSize <= BACKLOG_SIZE_MAX) return
  throw new TollgateError('LIMIT_RATE', 'Too many calls, or calls with too large arguments, are under way.', {
    hint: 'Await some of the earlier calls, then try again.',
  })
}

function parseBounded(text: string): unknown {
  if (text.length > ARGUMENTS_SIZE_MAX)
    throw new TollgateError('GUEST_UNPASSABLE', 'The arguments are too large.')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new TollgateError('GUEST_UNPASSABLE', 'The arguments are not JSON.')
  }
  if (!isShallow(value, JSON_DEPTH_MAX))
    throw new TollgateError(
      'GUEST_UNPASSABLE',
      `The arguments are nested deeper than ${JSON_DEPTH_MAX} levels.`,
    )
  return value
}
