import * as z from 'zod'
import type { Prices } from '../capabilities/capability.ts'
import type { Limits } from './compiled.ts'
import { microUsd, USD_MAX } from './money.ts'

const SECONDS_MIN = 0.001
const WEEK_SECONDS = 7 * 86_400

const seconds = (max: number) => z.number().min(SECONDS_MIN).max(max)
const dollars = () => z.number().min(0).max(USD_MAX)

/** `limits`: each holds for a run and for its task. */
export const limitsSchema = z.strictObject({
  max_tool_calls: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(20)
    .describe('Most calls. Every brokered call counts, refused ones too.'),
  max_duration_seconds: seconds(WEEK_SECONDS)
    .default(60)
    .describe('Longest time by the clock; waiting for a human is not counted.'),
  max_cost_usd: dollars()
    .default(0.1)
    .describe('Most dollars; a call whose worst case would pass it is refused.'),
  max_cpu_seconds: seconds(86_400).default(10).describe('Most CPU time of the tool itself.'),
  max_memory_mb: z.int().min(8).max(4096).default(64).describe('Most memory of the tool.'),
  max_concurrent_calls: z
    .int()
    .min(1)
    .max(1024)
    .default(8)
    .describe('Most calls that are under way at once; more wait.'),
  max_log_kb: z
    .int()
    .min(0)
    .max(65_536)
    .default(64)
    .describe('Most log text; what comes later is cut with a mark.'),
  max_output_kb: z
    .int()
    .min(1)
    .max(16_384)
    .default(256)
    .describe('Largest value that the tool may return, as JSON.'),
})

/** `cost_alerts`. */
export const costAlertsSchema = z
  .array(z.number().gt(0).max(1))
  .max(32)
  .default([])
  .describe('Fractions of max_cost_usd; passing one raises an event, each once.')

/** `prices`: what a run is charged beside what its calls cost themselves. */
export const pricesSchema = z.strictObject({
  cpu_second_usd: dollars().default(0).describe('Price of a second of CPU time.'),
  http_call_usd: dollars().default(0).describe('Price of a http call whose entry names none.'),
  egress_mb_usd: dollars().default(0).describe('Price of a megabyte sent.'),
})

const KB = 1024

/** Parsed limits in the units that the meters use. Everything rounds to the stricter side. */
export const compileLimits = (limits: z.output<typeof limitsSchema>): Limits =>
  Object.freeze({
    maxToolCalls: limits.max_tool_calls,
    maxDurationMs: Math.floor(limits.max_duration_seconds * 1000),
    maxCostMicroUsd: microUsd(limits.max_cost_usd, 'down'),
    maxCpuMs: Math.floor(limits.max_cpu_seconds * 1000),
    maxMemoryMb: limits.max_memory_mb,
    maxConcurrentCalls: limits.max_concurrent_calls,
    maxLogBytes: limits.max_log_kb * KB,
    maxOutputBytes: limits.max_output_kb * KB,
  })

/** Parsed prices in micro-dollars, rounded up. */
export const compilePrices = (prices: z.output<typeof pricesSchema>): Prices =>
  Object.freeze({
    cpuSecondMicroUsd: microUsd(prices.cpu_second_usd, 'up'),
    httpCallMicroUsd: microUsd(prices.http_call_usd, 'up'),
    egressMbMicroUsd: microUsd(prices.egress_mb_usd, 'up'),
  })
