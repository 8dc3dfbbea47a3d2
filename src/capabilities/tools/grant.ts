import { z } from 'zod'
import { EFFECTS, type Effect } from '../../../runtime/abi/ops.ts'
import { canonicalJson, deepFreeze } from '../../canonical/canonical-json.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import { CATEGORIES, type Category, type Grant, type GrantEnvironment, type Judgement, type Quota } from '../capability.ts'
import type { HostTool } from './define-tool.ts'
import { compileGlob } from './glob.ts'

const argumentRule = z
  .strictObject({
    pattern: z.string().min(1).max(512).optional().describe('glob that the text, or each text of a list, must match'),
    one_of: z.array(z.union([z.string(), z.number(), z.boolean()])).optional().describe('the only values allowed'),
  })
  .refine((rule) => rule.pattern !== undefined || rule.one_of !== undefined, 'give pattern or one_of')

const toolGrant = z.strictObject({
  max_calls: z.int().min(0).max(1_000_000).optional().describe('calls of this tool in a task'),
  ask: z.enum(['always', 'never', 'once_per_run']).optional().describe('when a human must approve'),
  args: z.record(z.string().min(1), argumentRule).optional().describe('what single arguments may be'),
  cost_usd: z.number().min(0).max(1_000_000).optional().describe('price of one call; raises the price that the tool declares'),
  effect: z.enum(EFFECTS).optional().describe('raises the effect that the tool declares'),
  category: z.array(z.enum(CATEGORIES)).optional().describe('adds to the categories that the tool declares'),
})

/** `permissions.tools`: host tools by name. */
export const toolsSchema = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/u, 'must be the name of a host tool'), toolGrant)

export type ToolsDocument = z.output<typeof toolsSchema>
type ToolGrantDocument = z.output<typeof toolGrant>

type CompiledTool = {
  readonly tool: HostTool
  readonly rule: string
  readonly effect: Effect
  readonly categories: readonly Category[]
  readonly costMicroUsd: number
  readonly quotas: readonly Quota[]
  readonly document: ToolGrantDocument
  readonly checks: ReadonlyMap<string, (value: unknown) => boolean>
}

const stronger = (a: Effect, b: Effect): Effect => (EFFECTS.indexOf(a) >= EFFECTS.indexOf(b) ? a : b)

function compileCheck(rule: z.output<typeof argumentRule>): (value: unknown) => boolean {
  const glob = rule.pattern === undefined ? undefined : compileGlob(rule.pattern)
  const allowed = rule.one_of === undefined ? undefined : new Set<unknown>(rule.one_of)
  const fits = (value: unknown): boolean =>
    (glob === undefined || (typeof value === 'string' && glob(value))) && (allowed === undefined || allowed.has(value))
  return (value) => (Array.isArray(value) ? value.every(fits) : fits(value))
}

function compileTool(tool: HostTool, document: ToolGrantDocument, environment: GrantEnvironment): CompiledTool {
  const rule = `permissions.tools.${tool.name}`
  const effect = stronger(tool.effect, document.effect ?? 'read')
  if (document.effect !== undefined && effect !== document.effect) {
    environment.warn(`${rule}.effect`, `the tool declares ${tool.effect}, which is stronger and stays: an effect may be raised, never lowered`)
  }
  const costMicroUsd = Math.max(tool.costMicroUsd, Math.ceil((document.cost_usd ?? 0) * 1e6 - 1e-6))
  const quotas: Quota[] = document.max_calls === undefined
    ? []
    : [{ meter: `tools.${tool.name}.calls`, amount: 1, max: document.max_calls, code: 'LIMIT_OP_CALLS', rule: `${rule}.max_calls` }]
  const checks = new Map(Object.entries(document.args ?? {}).map(([name, one]) => [name, compileCheck(one)] as const))
  const categories = [...new Set([...tool.categories, ...(document.category ?? [])])]
  return Object.freeze({ tool, rule, effect, categories, costMicroUsd, quotas, document, checks })
}

function judge(compiled: CompiledTool, args: unknown): Judgement {
  const { tool, rule, document } = compiled
  for (const [name, fits] of compiled.checks) {
    const value = typeof args === 'object' && args !== null && Object.hasOwn(args, name) ? (args as Record<string, unknown>)[name] : undefined
    if (!fits(value)) {
      throw new TollgateError('DENIED_ARGUMENT', `The argument ${JSON.stringify(name)} of ${tool.name} is not one that the policy allows.`, {
        rule: `${rule}.args.${name}`,
        hint: `Call ${tool.name} with another value of ${JSON.stringify(name)}.`,
        change: `widen ${rule}.args.${name}`,
      })
    }
  }
  return {
    op: `tools.${tool.name}`, rule, effect: compiled.effect, categories: compiled.categories,
    ...(document.ask && { ask: document.ask }),
    subject: tool.name,
    request: frozenRequest(tool, args),
    costMicroUsd: compiled.costMicroUsd,
    quotas: compiled.quotas,
    idempotency: compiled.effect === 'read' ? 'idempotent' : 'at_most_once',
  }
}

/** What will be performed, as JSON data: the arguments as the tool's own schema made them. */
function frozenRequest(tool: HostTool, args: unknown): unknown {
  try {
    return deepFreeze({ tool: tool.name, arguments: JSON.parse(canonicalJson(args ?? null)) as unknown })
  } catch (cause) {
    throw new TollgateError('CONFIG_USAGE', `The input schema of ${tool.name} yields what is not JSON data, so it cannot be approved or recorded.`, { cause })
  }
}

function sentence({ tool, document, effect, costMicroUsd }: CompiledTool): string {
  const parts = [`May call the host tool ${tool.name} (${effect})`]
  if (document.max_calls !== undefined) parts.push(`at most ${document.max_calls} times a task`)
  for (const [name, one] of Object.entries(document.args ?? {})) {
    parts.push(`with ${name} ${one.pattern === undefined ? `one of ${JSON.stringify(one.one_of)}` : `matching ${JSON.stringify(one.pattern)}`}`)
  }
  if (costMicroUsd > 0) parts.push(`at up to ${costMicroUsd / 1e6} USD a call`)
  return `${parts.join(', ')}.`
}

/** Compiles `permissions.tools`. `known` undefined: the host's tools are not at hand (tollgate check), so names cannot be verified. */
export function compileToolsGrant(document: ToolsDocument, known: ReadonlyMap<string, HostTool> | undefined, environment: GrantEnvironment): Grant {
  const compiled = new Map<string, CompiledTool>()
  for (const [name, entry] of Object.entries(document)) {
    const tool = known === undefined ? unverified(name, environment) : known.get(name)
    if (tool === undefined) {
      throw new TollgateError('CONFIG_HOST_TOOL_UNKNOWN', `permissions.tools.${name}: the host has no tool of that name.`, { rule: `permissions.tools.${name}` })
    }
    compiled.set(`tools.${name}`, compileTool(tool, entry, environment))
  }
  const all = [...compiled.values()]
  return Object.freeze<Grant>({
    capability: 'tools',
    ops: Object.freeze(all.map(({ tool }) => ({ name: `tools.${tool.name}`, path: ['tools', tool.name], arguments: tool.input }))),
    judge(op, args) {
      const found = compiled.get(op)
      if (found === undefined) throw new TollgateError('DENIED_NOT_GRANTED', `${op} is not granted.`, { change: `add permissions.${op}: {}` })
      return judge(found, args)
    },
    actionPattern(text) {
      const name = text.startsWith('tools.') ? text.slice('tools.'.length) : text
      return compiled.has(`tools.${name}`) ? ({ op }) => op === `tools.${name}` : undefined
    },
    explain: () => all.map(sentence),
    worstCase: () => {
      const bounded = all.every(({ document: { max_calls: max } }) => max !== undefined)
      const callsMax = all.reduce((sum, { document: { max_calls: max } }) => sum + (max ?? 0), 0)
      return { ...(bounded && { callsMax }), egressBytesMax: {}, callMicroUsdMax: Math.max(0, ...all.map(({ costMicroUsd }) => costMicroUsd)) }
    },
  })
}

function unverified(name: string, environment: GrantEnvironment): HostTool {
  environment.warn(`permissions.tools.${name}`, 'not verified: the host tools are not known here')
  return {
    name, description: '', input: z.unknown(), output: z.unknown(), effect: 'irreversible', categories: [], costMicroUsd: 0,
    perform: () => { throw new TollgateError('CONFIG_HOST_TOOL_UNKNOWN', `The host has no tool ${name}.`) },
  }
}
