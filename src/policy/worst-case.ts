import { ARGUMENTS_SIZE_MAX } from '../../runtime/abi/crossing.ts'
import type { WorstCase } from '../capabilities/capability.ts'
import type { CompiledPolicy } from './compiled.ts'

/** What can happen at most within a run, or within a task. */
export type WorstCaseScope = {
  /** Calls that are judged; refused ones count. */
  readonly toolCallsMax: number
  /** Calls that are performed. */
  readonly performedCallsMax: number
  /** Calls with an effect that no human sees before, entries of human_in_loop left out. */
  readonly unattendedEffectsMax: number
  /** As the grants and the host's tools name their prices. */
  readonly costMicroUsdMax: number
  /** Bytes that the tool chose and that leave, by destination. */
  readonly egressBytesMax: Readonly<Record<string, number>>
  /** The same, over all destinations. */
  readonly egressBytesTotalMax: number
}

/** The worst case under a policy. A day holds as many runs as are started, so nothing bounds it. */
export type PolicyWorstCase = {
  readonly run: WorstCaseScope
  readonly task: WorstCaseScope
  readonly day: 'unbounded'
}

/** Adds up what the grants of a policy allow at most, cut to its limits. Every number is an upper bound, not an estimate. */
export function worstCaseOf(policy: CompiledPolicy): PolicyWorstCase {
  const cases = [...policy.grants.values()].map((grant) => grant.worstCase())
  const callsMax = policy.limits.maxToolCalls
  const performedCallsMax = atMost(callsMax, sum(cases.map((one) => one.callsMax ?? Infinity)))
  const effectsMax = sum(cases.map((one) => one.unattendedEffectsMax ?? one.callsMax ?? Infinity))
  const scope = (runsMax: number): WorstCaseScope => {
    const egressBytesMax = egressOf(cases, callsMax, runsMax)
    return {
      toolCallsMax: callsMax,
      performedCallsMax,
      unattendedEffectsMax: atMost(performedCallsMax, effectsMax),
      costMicroUsdMax: costOf(policy, cases),
      egressBytesMax,
      egressBytesTotalMax: sum(Object.values(egressBytesMax)),
    }
  }
  // What leaves takes a call, so no more runs of a task can send anything than the task has calls.
  return { run: scope(1), task: scope(callsMax), day: 'unbounded' }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
const atMost = (limit: number, value: number): number => Math.min(limit, value)

/** The dearest calls first, as many as there can be, and all the CPU time. */
function costOf({ limits, prices }: CompiledPolicy, cases: readonly WorstCase[]): number {
  let callsLeft = limits.maxToolCalls
  let total = Math.ceil((limits.maxCpuMs * prices.cpuSecondMicroUsd) / 1000)
  for (const { callMicroUsdMax, callsMax = Infinity } of cases.toSorted(dearestFirst)) {
    const calls = Math.min(callsLeft, callsMax)
    if (calls > 0) total += calls * callMicroUsdMax
    callsLeft -= calls
  }
  return atMost(limits.maxCostMicroUsd, total)
}

const dearestFirst = (a: WorstCase, b: WorstCase): number =>
  a.callMicroUsdMax === b.callMicroUsdMax ? 0 : a.callMicroUsdMax > b.callMicroUsdMax ? -1 : 1

/** Where a grant bounds its bytes, it does so for each run; where it does not (Infinity), calls and their size do. */
function egressOf(
  cases: readonly WorstCase[],
  callsMax: number,
  runsMax: number,
): Readonly<Record<string, number>> {
  const destinations = cases.flatMap(({ egressBytesMax, callsMax: own = Infinity }) =>
    Object.entries(egressBytesMax).map(([destination, bytes]): [string, number] => [
      destination,
      bytes === Infinity ? Math.min(callsMax, own) * ARGUMENTS_SIZE_MAX : bytes * runsMax,
    ]),
  )
  return Object.fromEntries(destinations)
}
