import type { Limits } from '../policy/compiled.ts'

/** What a child asks for; see the capability `code_exec`. */
export type ChildLimits = {
  readonly max_tool_calls?: number | undefined
  readonly max_cost_usd?: number | undefined
  readonly max_duration_seconds?: number | undefined
  readonly max_cpu_seconds?: number | undefined
  readonly max_memory_mb?: number | undefined
}

/** What the host decides of a child. */
export type ChildTerms = { readonly memoryMb: number; readonly isQuarantined: boolean }

const MICRO = 1e6

/** What is asked, at most what is left; what is not asked is half of that, so that the parent can go on after its child. */
const clamped = (asked: number | undefined, left: number): number =>
  Math.floor(asked === undefined ? left / 2 : Math.min(asked, left))

/** The limits of a child out of what its parent has left. */
export function childLimits(
  asked: ChildLimits,
  left: Limits,
  { memoryMb, isQuarantined }: ChildTerms,
): Limits {
  const { max_tool_calls, max_cost_usd, max_duration_seconds, max_cpu_seconds } = asked
  const inUnits = (value: number | undefined, units: number): number | undefined =>
    value === undefined ? undefined : value * units
  return {
    maxToolCalls: isQuarantined ? 0 : clamped(max_tool_calls, left.maxToolCalls),
    maxCostMicroUsd: clamped(inUnits(max_cost_usd, MICRO), left.maxCostMicroUsd),
    maxDurationMs: clamped(inUnits(max_duration_seconds, 1000), left.maxDurationMs),
    maxCpuMs: clamped(inUnits(max_cpu_seconds, 1000), left.maxCpuMs),
    maxMemoryMb: memoryMb,
    // The place among the parent's calls that starting it took is the only one that it has.
    maxConcurrentCalls: 1,
    maxLogBytes: isQuarantined ? 0 : left.maxLogBytes,
    maxOutputBytes: left.maxOutputBytes,
  }
}
