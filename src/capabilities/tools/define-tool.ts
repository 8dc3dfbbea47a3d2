import { z } from 'zod'
import type { Effect } from '../../../runtime/abi/ops.ts'
import { EFFECTS } from '../../../runtime/abi/ops.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import { CATEGORIES, type Category } from '../capability.ts'

/** What `perform` of a host tool is given beside its arguments. */
export type HostToolCall = {
  readonly runId: string
  readonly taskId: string
  readonly principal: string
  /** Stable for one call; hand it to the other side when that side can use it. */
  readonly idempotencyKey: string
  /** Fires at the deadline of the run, or when it is cancelled. */
  readonly signal: AbortSignal
  /** Reports what the call really cost, in US dollars; without it, costUsd of the tool is charged. */
  charge(costUsd: number): void
}

export type HostToolDefinition<Input extends z.ZodType, Output extends z.ZodType> = {
  /** A JavaScript identifier; the guest calls `tools.NAME(arguments)`. */
  name: string
  description: string
  input: Input
  output: Output
  /** Default `irreversible`: what declares nothing is taken for the worst. */
  effect?: Effect
  category?: Category | readonly Category[]
  /** Price of one call in US dollars, worst case. Default 0. */
  costUsd?: number
  perform(args: z.output<Input>, call: HostToolCall): Promise<z.input<Output>> | z.input<Output>
}

/** A host tool as Tollgate keeps it: frozen, erased of its type parameters. */
export type HostTool = {
  readonly name: string
  readonly description: string
  readonly input: z.ZodType
  readonly output: z.ZodType
  readonly effect: Effect
  readonly categories: readonly Category[]
  readonly costMicroUsd: number
  perform(args: unknown, call: HostToolCall): unknown
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/

const misuse = (name: string, what: string): never => {
  throw new TollgateError('CONFIG_USAGE', `defineTool(${JSON.stringify(name)}): ${what}`)
}

/** Declares a host tool: a function of the embedder that policies may grant by name. Throws CONFIG_USAGE for a malformed definition. */
export function defineTool<Input extends z.ZodType, Output extends z.ZodType>(definition: HostToolDefinition<Input, Output>): HostTool {
  const { name, description, input, output, effect = 'irreversible', category = [], costUsd = 0, perform } = definition
  if (typeof name !== 'string' || !NAME.test(name)) misuse(String(name), 'name must be an identifier of at most 64 characters')
  if (typeof description !== 'string' || description === '') misuse(name, 'description is missing')
  if (!(input instanceof z.ZodType) || !(output instanceof z.ZodType)) misuse(name, 'input and output must be zod schemas')
  if (!EFFECTS.includes(effect)) misuse(name, `effect must be one of ${EFFECTS.join(', ')}`)
  const categories = typeof category === 'string' ? [category] : [...category]
  for (const one of categories) if (!CATEGORIES.includes(one)) misuse(name, `category must be one of ${CATEGORIES.join(', ')}`)
  if (!Number.isFinite(costUsd) || costUsd < 0) misuse(name, 'costUsd must be a number of dollars, 0 or more')
  if (typeof perform !== 'function') misuse(name, 'perform must be a function')
  return Object.freeze({
    name, description, input, output, effect, categories: Object.freeze(categories),
    costMicroUsd: Math.ceil(costUsd * 1e6 - 1e-6),
    perform: (args: unknown, call: HostToolCall) => perform(args as z.output<Input>, call),
  })
}
