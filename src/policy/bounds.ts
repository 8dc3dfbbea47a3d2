import { TollgateError } from '../errors/tollgate-error.ts'
import type { CompiledPolicy } from './compiled.ts'
import { nearest } from './nearest.ts'
import { policyError, type PolicyProblem } from './problem.ts'
import { worstCaseOf, type PolicyWorstCase } from './worst-case.ts'

type Measure = {
  /** The part of the policy that sets it. */
  readonly rule: string
  of(policy: CompiledPolicy, scope: PolicyWorstCase['run']): number
}

const KB = 1024

/** What can be bounded, in the units that the names end in. */
const MEASURES: Readonly<Record<string, Measure>> = {
  max_tool_calls: { rule: 'limits.max_tool_calls', of: (_, { toolCallsMax }) => toolCallsMax },
  max_cost_usd: { rule: 'limits.max_cost_usd', of: (_, { costMicroUsdMax }) => costMicroUsdMax / 1e6 },
  max_duration_seconds: {
    rule: 'limits.max_duration_seconds',
    of: ({ limits }) => limits.maxDurationMs / 1000,
  },
  max_cpu_seconds: { rule: 'limits.max_cpu_seconds', of: ({ limits }) => limits.maxCpuMs / 1000 },
  max_memory_mb: { rule: 'limits.max_memory_mb', of: ({ limits }) => limits.maxMemoryMb },
  max_concurrent_calls: {
    rule: 'limits.max_concurrent_calls',
    of: ({ limits }) => limits.maxConcurrentCalls,
  },
  max_log_kb: { rule: 'limits.max_log_kb', of: ({ limits }) => limits.maxLogBytes / KB },
  max_output_kb: { rule: 'limits.max_output_kb', of: ({ limits }) => limits.maxOutputBytes / KB },
  max_egress_kb: {
    rule: 'permissions',
    of: (_, { egressBytesMax }) => Math.max(0, ...Object.values(egressBytesMax)) / KB,
  },
  max_total_egress_kb: { rule: 'permissions', of: (_, { egressBytesTotalMax }) => egressBytesTotalMax / KB },
  max_unattended_effects: { rule: 'permissions', of: (_, { unattendedEffectsMax }) => unattendedEffectsMax },
}

const SHAPE = /^(?:(run|task|day)\.)?([a-z_]+)=(.*)$/s
const NUMBER = /^\d+(?:\.\d+)?$/

type Bound = { readonly scope: 'run' | 'task' | 'day'; readonly key: string; readonly value: number }

/** Reads `[run.|task.|day.]KEY=NUMBER`; the `max_` of a key may be left out. Throws CONFIG_USAGE. */
function readBound(text: string): Bound {
  const [, scope = 'run', written = '', number = ''] = SHAPE.exec(text) ?? []
  const key = written.startsWith('max_') ? written : `max_${written}`
  const meant = nearest(key, Object.keys(MEASURES))
  const question = meant === undefined ? '' : ` Did you mean ${meant}?`
  const refuse = (problem: string): never => {
    throw new TollgateError('CONFIG_USAGE', `The bound ${JSON.stringify(text.slice(0, 100))} ${problem}`, {
      hint: `KEY=NUMBER, where KEY is one of ${Object.keys(MEASURES).join(', ')}, with run., task. or day. before it`,
    })
  }
  if (!Object.hasOwn(MEASURES, key)) return refuse(`names nothing that can be bounded.${question}`)
  if (!NUMBER.test(number)) return refuse('has no number of 0 or more after its =.')
  return { scope: scope as Bound['scope'], key, value: Number(number) }
}

/**
 * Checks that the worst case of a policy stays within bounds, each written as `[run.|task.|day.]KEY=NUMBER`. Throws
 * CONFIG_USAGE for one that cannot be read, and CONFIG_POLICY_INVALID that lists every bound which the policy does not keep.
 */
export function assertBounds(policy: CompiledPolicy, bounds: readonly string[]): void {
  const worstCase = worstCaseOf(policy)
  const problems = bounds.map(readBound).flatMap(({ scope, key, value }): PolicyProblem[] => {
    const measure = MEASURES[key]
    const found = scope === 'day' ? Infinity : (measure?.of(policy, worstCase[scope]) ?? Infinity)
    if (found <= value) return []
    const amount = found === Infinity ? 'has no bound' : `can come to ${found}`
    const message = `${key} of a ${scope} ${amount}, and at most ${value} was demanded`
    return [{ code: 'CONFIG_POLICY_INVALID', path: measure?.rule ?? '', message }]
  })
  if (problems.length > 0) throw policyError(problems)
}
