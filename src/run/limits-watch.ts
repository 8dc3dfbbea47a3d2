import { COST_METER, CPU_METER, type Ledger } from '../budget/ledger.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { Meter } from './meter.ts'

/** How often a cage is looked at while guest code may run, in milliseconds. */
const LOOK_MS = 10
const MB = 1024 * 1024
/** What an isolate needs beside its heap: new space, compiled code, the engine's own. Above it the limit of the engine has failed. */
const MEMORY_SLACK_MB = 48

export type WatchSetting = {
  readonly policy: CompiledPolicy
  readonly ledger: Ledger
  readonly meter: Meter
  /** Called once, with the limit that was passed. */
  onLimit(error: TollgateError): void
}

export type WatchTotals = {
  readonly cpuMs: number
  readonly cpuMicroUsd: number
  readonly memoryPeakBytes: number
  readonly wallMs: number
}

/**
 * Keeps the limits on time, CPU and memory of one run from outside its process; the answer to a limit is SIGKILL. Waiting for a
 * human stops the clock. What the run uses is charged to the ledger of its task.
 */
export type LimitsWatch = {
  pause(): void
  resume(): void
  /** Last reading; charges the CPU time. Safe to repeat. */
  stop(): WatchTotals
  /** Longest uninterrupted stretch of guest code that can still be within the limits, and which limit that is. */
  readonly segment: { readonly ms: number; readonly error: () => TollgateError }
}

const refusal = (
  code: 'LIMIT_DURATION' | 'LIMIT_CPU' | 'LIMIT_MEMORY' | 'LIMIT_COST',
  what: string,
  key: string,
): TollgateError =>
  new TollgateError(code, `${what} of limits.${key} is used up.`, {
    gate: 'watchdog',
    rule: `limits.${key}`,
    change: `raise limits.${key}`,
  })

const durationError = (): TollgateError => refusal('LIMIT_DURATION', 'The time', 'max_duration_seconds')
const cpuError = (): TollgateError => refusal('LIMIT_CPU', 'The CPU time', 'max_cpu_seconds')

/** The error of a run that needed more memory than its limit. */
export const memoryError = (): TollgateError => refusal('LIMIT_MEMORY', 'The memory', 'max_memory_mb')

/** Price of CPU time, in micro-dollars, rounded up. */
const cpuMicroUsd = (cpuMs: number, { prices }: CompiledPolicy): number =>
  Math.ceil((cpuMs * prices.cpuSecondMicroUsd) / 1000)

/** Begins to watch; the clock of the task runs from here. */
export function watchLimits({ policy, ledger, meter, onLimit }: WatchSetting): LimitsWatch {
  const { limits } = policy
  const base = meter.read() ?? { cpuMs: 0, residentBytes: 0 }
  const cpuMsLeft = limits.maxCpuMs - ledger.used(CPU_METER)
  const memoryBytesMax = (limits.maxMemoryMb + MEMORY_SLACK_MB) * MB
  const wallMsLeft = (): number => limits.maxDurationMs - ledger.activeMs(performance.now())
  let cpuMs = 0
  let memoryPeakBytes = 0
  let activeMs = 0
  let runningSinceMs: number | undefined
  let deadline: NodeJS.Timeout | undefined
  let totals: WatchTotals | undefined

  const look = (): void => {
    const reading = meter.read()
    if (reading === undefined || totals !== undefined) return
    cpuMs = Math.max(cpuMs, reading.cpuMs - base.cpuMs)
    memoryPeakBytes = Math.max(memoryPeakBytes, reading.residentBytes - base.residentBytes)
  }
  const judge = (): void => {
    look()
    if (memoryPeakBytes > memoryBytesMax) onLimit(memoryError())
    else if (cpuMs > cpuMsLeft) onLimit(cpuError())
    else if (
      ledger.used(COST_METER) + cpuMicroUsd(cpuMs, policy) > limits.maxCostMicroUsd &&
      policy.prices.cpuSecondMicroUsd > 0
    ) {
      onLimit(refusal('LIMIT_COST', 'The money', 'max_cost_usd'))
    }
  }
  const looking = setInterval(judge, LOOK_MS)
  const resume = (): void => {
    if (runningSinceMs !== undefined || totals !== undefined) return
    runningSinceMs = performance.now()
    ledger.enter(runningSinceMs)
    deadline = setTimeout(() => onLimit(durationError()), Math.max(0, Math.ceil(wallMsLeft())))
  }
  const pause = (): void => {
    if (runningSinceMs === undefined) return
    const nowMs = performance.now()
    activeMs += nowMs - runningSinceMs
    runningSinceMs = undefined
    ledger.leave(nowMs)
    clearTimeout(deadline)
  }
  resume()
  return {
    pause,
    resume,
    stop() {
      if (totals !== undefined) return totals
      look()
      clearInterval(looking)
      pause()
      ledger.charge(CPU_METER, cpuMs)
      const priceMicroUsd = cpuMicroUsd(cpuMs, policy)
      ledger.charge(COST_METER, priceMicroUsd)
      totals = { cpuMs, cpuMicroUsd: priceMicroUsd, memoryPeakBytes, wallMs: activeMs }
      return totals
    },
    get segment() {
      const wallMs = wallMsLeft()
      return cpuMsLeft < wallMs
        ? { ms: Math.max(1, cpuMsLeft), error: cpuError }
        : { ms: Math.max(1, wallMs), error: durationError }
    },
  }
}
