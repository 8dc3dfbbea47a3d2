import { COST_METER, CPU_METER, type Ledger } from '../budget/ledger.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { Meter, MeterReading } from './meter.ts'

/** How often a cage is looked at while guest code may run, in milliseconds. */
const LOOK_MS = 10
const MB = 1024 * 1024
/** What an isolate needs beside its heap: new space, compiled code, the engine's own. Above it the limit of the engine has failed. */
const MEMORY_SLACK_MB = 48

export type WatchSetting = {
  readonly policy: CompiledPolicy
  readonly ledger: Ledger
  readonly meter: Meter
  /** Hears of the limit that was passed, again at each look until the watch is stopped. */
  readonly onLimit: (error: TollgateError) => void
  /** Hears that CPU time was charged money for. */
  readonly onCharge: () => void
}

export type WatchTotals = {
  readonly cpuMs: number
  readonly cpuMicroUsd: number
  readonly memoryPeakBytes: number
  readonly wallMs: number
}

/** Nothing used. */
export const NO_TOTALS: WatchTotals = { cpuMs: 0, cpuMicroUsd: 0, memoryPeakBytes: 0, wallMs: 0 }

/** What two stretches used together; memory is the higher peak. */
export const sumOfTotals = (a: WatchTotals, b: WatchTotals): WatchTotals => ({
  cpuMs: a.cpuMs + b.cpuMs,
  cpuMicroUsd: a.cpuMicroUsd + b.cpuMicroUsd,
  memoryPeakBytes: Math.max(a.memoryPeakBytes, b.memoryPeakBytes),
  wallMs: a.wallMs + b.wallMs,
})

/**
 * Keeps the limits on time, CPU and memory of one run from outside its process; the answer to a limit is SIGKILL. Waiting for a
 * human stops the clock. What the run uses is charged to the ledger of its task as it goes, so runs side by side share one limit.
 */
export type LimitsWatch = {
  pause(): void
  resume(): void
  /** Looks now: charges what was used so far, and reports a limit that was passed. */
  look(): void
  /** Last reading; charges the rest. Safe to repeat. */
  stop(): WatchTotals
  /** Longest uninterrupted stretch of guest code that can still be within max_duration_seconds; at least 1. */
  readonly segmentMs: number
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

/** The error of a run that took longer than its limit. */
export const durationError = (): TollgateError =>
  refusal('LIMIT_DURATION', 'The time', 'max_duration_seconds')
const cpuError = (): TollgateError => refusal('LIMIT_CPU', 'The CPU time', 'max_cpu_seconds')
const costError = (): TollgateError => refusal('LIMIT_COST', 'The money', 'max_cost_usd')

/** The error of a run that needed more memory than its limit. */
export const memoryError = (): TollgateError => refusal('LIMIT_MEMORY', 'The memory', 'max_memory_mb')

/** Price of CPU time, in micro-dollars, rounded up. */
const cpuMicroUsd = (cpuMs: number, { prices }: CompiledPolicy): number =>
  Math.ceil((cpuMs * prices.cpuSecondMicroUsd) / 1000)

const wallMsLeft = (ledger: Ledger, { limits }: CompiledPolicy): number =>
  limits.maxDurationMs - ledger.activeMs(performance.now())

/** The limit on CPU time, time or money that a task has used up; nothing may run under it any more. */
export function limitUsedUp(ledger: Ledger, policy: CompiledPolicy): TollgateError | undefined {
  const { maxCpuMs, maxCostMicroUsd } = policy.limits
  if (ledger.used(CPU_METER) >= maxCpuMs) return cpuError()
  if (wallMsLeft(ledger, policy) <= 0) return durationError()
  return ledger.used(COST_METER) > maxCostMicroUsd ? costError() : undefined
}

/** What a cage used since a run began, charged to the ledger reading by reading. */
class Consumption {
  cpuMs = 0
  cpuMicroUsd = 0
  memoryPeakBytes = 0
  readonly #meter: Meter
  readonly #ledger: Ledger
  readonly #policy: CompiledPolicy
  readonly #base: MeterReading

  constructor({ meter, ledger, policy }: WatchSetting) {
    this.#meter = meter
    this.#ledger = ledger
    this.#policy = policy
    this.#base = meter.read() ?? { cpuMs: 0, residentBytes: 0 }
  }

  /** Whether money was charged. */
  read(): boolean {
    const reading = this.#meter.read()
    if (reading === undefined) return false
    const cpuMs = Math.max(this.cpuMs, reading.cpuMs - this.#base.cpuMs)
    const priceMicroUsd = cpuMicroUsd(cpuMs, this.#policy)
    this.memoryPeakBytes = Math.max(this.memoryPeakBytes, reading.residentBytes - this.#base.residentBytes)
    this.#ledger.charge(CPU_METER, cpuMs - this.cpuMs)
    this.#ledger.charge(COST_METER, priceMicroUsd - this.cpuMicroUsd)
    const isCharged = priceMicroUsd > this.cpuMicroUsd
    this.cpuMs = cpuMs
    this.cpuMicroUsd = priceMicroUsd
    return isCharged
  }
}

/** Begins to watch; the clock of the task runs from here. What its task has used up already is reported at the first look. */
export function watchLimits(setting: WatchSetting): LimitsWatch {
  const { policy, ledger, onLimit, onCharge } = setting
  const { limits } = policy
  const consumption = new Consumption(setting)
  const memoryBytesMax = (limits.maxMemoryMb + MEMORY_SLACK_MB) * MB
  let activeMs = 0
  let runningSinceMs: number | undefined
  let totals: WatchTotals | undefined

  const passed = (): TollgateError | undefined =>
    consumption.memoryPeakBytes > memoryBytesMax ? memoryError() : limitUsedUp(ledger, policy)
  const look = (): void => {
    if (totals !== undefined) return
    if (consumption.read()) onCharge()
    const error = passed()
    if (error !== undefined) onLimit(error)
  }
  const resume = (): void => {
    if (runningSinceMs !== undefined || totals !== undefined) return
    runningSinceMs = performance.now()
    ledger.enter(runningSinceMs)
  }
  const pause = (): void => {
    if (runningSinceMs === undefined) return
    const nowMs = performance.now()
    activeMs += nowMs - runningSinceMs
    runningSinceMs = undefined
    ledger.leave(nowMs)
  }
  const looking = setInterval(look, LOOK_MS)
  resume()
  return {
    pause,
    resume,
    look,
    stop() {
      if (totals !== undefined) return totals
      clearInterval(looking)
      consumption.read()
      pause()
      const { cpuMs, cpuMicroUsd: microUsd, memoryPeakBytes } = consumption
      totals = { cpuMs, cpuMicroUsd: microUsd, memoryPeakBytes, wallMs: activeMs }
      return totals
    },
    get segmentMs() {
      return Math.max(1, Math.ceil(wallMsLeft(ledger, policy)))
    },
  }
}
