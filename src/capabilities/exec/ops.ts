import * as z from 'zod'
import { outputSchema, type OutputSchema } from './output-schema.ts'

/** The text of a child, in UTF-16 code units; the host parses it. */
const CODE_SIZE_MAX = 256 * 1024
const NAMES_MAX = 256
const NAME_SIZE_MAX = 200
/** Of a capability, a group of ops or an op. */
const NAME = /^[\w$-]+(?:\.[\w$-]+)*$/
/** The least that an isolate can be given. */
const MEMORY_MB_MIN = 8

const code = z.string().min(1).max(CODE_SIZE_MAX)
/** A name of what a child can be given. */
export const grantName = z.string().max(NAME_SIZE_MAX).regex(NAME, 'must be a name')
const data = z.unknown().optional()
const seconds = z.number().positive()

const times = {
  max_duration_seconds: seconds.optional(),
  max_cpu_seconds: seconds.optional(),
  max_memory_mb: z.int().min(MEMORY_MB_MIN).optional(),
}
const limits = z.strictObject({
  max_tool_calls: z.int().min(0).optional(),
  max_cost_usd: z.number().min(0).optional(),
  ...times,
})

/** Wire arguments of each op. */
export const EXEC_OPS = {
  'exec.run': z.strictObject({
    code,
    /** JSON data that the child is handed. */
    input: data,
    /** Capabilities (`http`), groups of ops (`db.shop`) or ops (`db.shop.query`) that the parent holds. */
    grants: z.array(grantName).max(NAMES_MAX).default([]),
    limits: limits.optional(),
  }),
  'exec.quarantine': z.strictObject({
    code,
    data,
    output: outputSchema,
    limits: z.strictObject(times).optional(),
  }),
} as const

export type ExecOp = keyof typeof EXEC_OPS

export type ExecArguments = {
  readonly code: string
  readonly input?: unknown
  readonly data?: unknown
  readonly grants?: readonly string[]
  readonly limits?: ChildLimits | undefined
  readonly output?: OutputSchema
}

/** What a child asks for of the limits of its parent; what is not named is half of what the parent has left. */
export type ChildLimits = {
  readonly max_tool_calls?: number | undefined
  readonly max_cost_usd?: number | undefined
  readonly max_duration_seconds?: number | undefined
  readonly max_cpu_seconds?: number | undefined
  readonly max_memory_mb?: number | undefined
}

/** What is judged, approved (by digest) and performed. `grants` are sorted. `output`: of a quarantine. */
export type ExecRequest = {
  readonly op: ExecOp
  readonly code: string
  readonly input: unknown
  readonly grants: readonly string[]
  readonly limits: ChildLimits
  readonly output?: OutputSchema
}
