import * as z from 'zod'
import type { Effect } from '../../runtime/abi/ops.ts'
import { EFFECTS } from '../../runtime/abi/ops.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { CATEGORIES, type Category } from './capability.ts'
import { isPrice, microUsd } from './price.ts'

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
  readonly charge: (costUsd: number) => void
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
  perform: (args: z.output<Input>, call: HostToolCall) => Promise<z.input<Output>> | z.input<Output>
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
/** These mean something to JavaScript itself, or to handles, so the guest's `tools` cannot hold them under their own meaning. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype', 'then', 'only', 'revoke'])

/** The keys of a definition. Typed by its own type, so that neither can forget one. */
const KEYS: Readonly<Record<keyof HostToolDefinition<z.ZodType, z.ZodType>, true>> = {
  name: true,
  description: true,
  input: true,
  output: true,
  effect: true,
  category: true,
  costUsd: true,
  perform: true,
}

const misuse = (name: string, what: string): never => {
  throw new TollgateError('CONFIG_USAGE', `defineTool(${JSON.stringify(name)}): ${what}`)
}

/**
 * Declares a host tool: a function of the embedder that policies may grant by name. Throws CONFIG_USAGE for a malformed
 * definition, an unknown key included: a misspelt `category` would silently be none.
 */
export function defineTool<Input extends z.ZodType, Output extends z.ZodType>(
  definition: HostToolDefinition<Input, Output>,
): HostTool {
  if (typeof definition !== 'object' || definition === null) misuse('', 'pass one object')
  const { effect = 'irreversible', category = [], costUsd = 0, ...given } = definition
  const { name, description, input, output, perform } = given
  if (typeof name !== 'string' || !NAME.test(name))
    misuse(String(name), 'name must be an identifier of at most 64 characters')
  if (RESERVED.has(name)) misuse(name, 'this name has another meaning in the tool')
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(KEYS, key))
  if (unknown !== undefined)
    misuse(name, `${JSON.stringify(unknown)} is none of ${Object.keys(KEYS).join(', ')}`)
  if (typeof description !== 'string' || description === '') misuse(name, 'description is missing')
  if (!(input instanceof z.ZodType) || !(output instanceof z.ZodType))
    misuse(name, 'input and output must be zod schemas')
  if (typeof perform !== 'function') misuse(name, 'perform must be a function')
  if (!isPrice(costUsd)) misuse(name, 'costUsd must be a number of dollars, 0 or more')
  return checked(
    {
      name,
      description,
      input,
      output,
      effect,
      categories: typeof category === 'string' ? [category] : category,
      costMicroUsd: microUsd(costUsd),
      perform: (args: unknown, call: HostToolCall) => perform(args as z.output<Input>, call),
    },
    (what) => misuse(name, what),
  )
}

/** A frozen copy of a host tool whose effect, categories and price are what they must be; `refuse` throws otherwise. */
export function checked(tool: HostTool, refuse: (what: string) => never): HostTool {
  const { effect, categories, costMicroUsd } = tool
  if (!EFFECTS.includes(effect)) refuse(`effect must be one of ${EFFECTS.join(', ')}`)
  const given: readonly unknown[] = Array.isArray(categories) ? categories : [categories]
  if (!given.every((one) => (CATEGORIES as readonly unknown[]).includes(one)))
    refuse(`category must be one of ${CATEGORIES.join(', ')}, or a list of them`)
  if (!isPrice(costMicroUsd)) refuse('its price must be a number, 0 or more')
  const { name, description, input, output } = tool
  return Object.freeze({
    name,
    description,
    input,
    output,
    effect,
    categories: Object.freeze([...given]) as readonly Category[],
    costMicroUsd,
    perform: (args: unknown, call: HostToolCall) => tool.perform(args, call),
  })
}

/** The schema of one argument; undefined where the input is no plain object schema, or has no such argument. */
export const argumentSchema = ({ input }: HostTool, name: string): z.ZodType | undefined =>
  input instanceof z.ZodObject && Object.hasOwn(input.shape, name)
    ? (input.shape as Readonly<Record<string, z.ZodType>>)[name]
    : undefined

/**
 * The names of a tool's arguments, and whether there can be no other. Where its input is no plain object schema (a pipe, a
 * record, a union), nothing is known: no names, and not closed.
 */
export function argumentsOf({ input }: HostTool): { names: ReadonlySet<string>; closed: boolean } {
  if (!(input instanceof z.ZodObject)) return { names: new Set(), closed: false }
  const { catchall } = input.def
  return {
    names: new Set(Object.keys(input.shape)),
    closed: catchall === undefined || catchall instanceof z.ZodNever,
  }
}
