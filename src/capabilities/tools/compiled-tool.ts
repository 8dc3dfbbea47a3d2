import { EFFECTS, type Effect } from '../../../runtime/abi/ops.ts'
import { deepFreeze, frozenCopy } from '../../canonical/canonical-json.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Category, GrantEnvironment, Judgement, Quota } from '../capability.ts'
import { argumentsOf, type HostTool } from '../host-tool.ts'
import { compileGlob } from './glob.ts'
import { microUsd } from '../price.ts'
import type { ToolGrantDocument } from './schema.ts'
import { compileSecretArguments, refuseSecretArguments, type SecretArguments } from './secret-arguments.ts'

/** One granted tool: what it declares and what its entry says, put together. Frozen. */
export type CompiledTool = {
  readonly tool: HostTool
  /** The host has it; false where the tools of the host are not known. */
  readonly verified: boolean
  /** `permissions.tools.NAME`. */
  readonly rule: string
  readonly effect: Effect
  readonly categories: readonly Category[]
  readonly costMicroUsd: number
  readonly quotas: readonly Quota[]
  readonly document: ToolGrantDocument
  /** What the host fills. */
  readonly secrets: SecretArguments
  /** Throws DENIED_ARGUMENT for arguments that the entry does not allow. */
  checkArguments(args: unknown): void
}

type ArgumentRule = NonNullable<ToolGrantDocument['args']>[string]

const stronger = (a: Effect, b: Effect): Effect => (EFFECTS.indexOf(a) >= EFFECTS.indexOf(b) ? a : b)

/** Puts a tool and its entry together: what the entry says may raise what the tool declares, never lower it. */
export function compileTool(
  { tool, verified }: Pick<CompiledTool, 'tool' | 'verified'>,
  document: ToolGrantDocument,
  environment: GrantEnvironment,
): CompiledTool {
  const rule = `permissions.tools.${tool.name}`
  const effect = stronger(tool.effect, document.effect ?? 'read')
  if (verified) warnOfNoEffect(tool, document, { rule, effect, environment })
  const { max_calls: callsMax, cost_usd: costUsd = 0 } = document
  const quotas: Quota[] = []
  if (callsMax !== undefined) {
    const meter = `tools.${tool.name}.calls`
    quotas.push({ meter, amount: 1, max: callsMax, code: 'LIMIT_OP_CALLS', rule: `${rule}.max_calls` })
  }
  return Object.freeze({
    tool,
    verified,
    rule,
    effect,
    document,
    secrets: compileSecretArguments(tool, document, rule, environment),
    categories: Object.freeze([...new Set([...tool.categories, ...(document.category ?? [])])]),
    costMicroUsd: Math.max(tool.costMicroUsd, microUsd(costUsd)),
    quotas: deepFreeze(quotas),
    checkArguments: argumentCheck(tool, document.args ?? {}, rule),
  })
}

type Place = { readonly rule: string; readonly effect: Effect; readonly environment: GrantEnvironment }

/** Tells what was written and changes nothing. */
function warnOfNoEffect(
  tool: HostTool,
  document: ToolGrantDocument,
  { rule, effect, environment }: Place,
): void {
  if (document.effect !== undefined && effect !== document.effect) {
    environment.warn(
      `${rule}.effect`,
      `the tool declares ${tool.effect}, which is stronger and stays: an effect may be raised, never lowered`,
    )
  }
  const { names } = argumentsOf(tool)
  for (const name of Object.keys(document.args ?? {})) {
    if (names.size > 0 && !names.has(name))
      environment.warn(`${rule}.args.${name}`, `${tool.name} declares no argument of that name`)
  }
}

function argumentCheck(
  tool: HostTool,
  rules: Readonly<Record<string, ArgumentRule>>,
  rule: string,
): CompiledTool['checkArguments'] {
  const checks = Object.entries(rules).map(([name, one]) => [name, compileRule(one)] as const)
  return (args) => {
    for (const [name, fits] of checks) {
      if (fits(ownValue(args, name))) continue
      const shown = JSON.stringify(name)
      throw new TollgateError(
        'DENIED_ARGUMENT',
        `The argument ${shown} of ${tool.name} is not one that the policy allows.`,
        {
          rule: `${rule}.args.${name}`,
          hint: `Call ${tool.name} with another value of ${shown}.`,
          change: `widen ${rule}.args.${name}`,
        },
      )
    }
  }
}

const ownValue = (args: unknown, name: string): unknown =>
  typeof args === 'object' && args !== null && Object.hasOwn(args, name)
    ? (args as Readonly<Record<string, unknown>>)[name]
    : undefined

function compileRule(rule: ArgumentRule): (value: unknown) => boolean {
  const glob = rule.pattern === undefined ? undefined : compileGlob(rule.pattern)
  const allowed = rule.one_of === undefined ? undefined : new Set<unknown>(rule.one_of)
  const fits = (value: unknown): boolean =>
    (glob === undefined || (typeof value === 'string' && glob(value))) &&
    (allowed === undefined || allowed.has(value))
  return (value) => (Array.isArray(value) ? value.every(fits) : fits(value))
}

/** Judges one call. The arguments are those that the tool's own schema made, for it is they that are performed. */
export function judgeTool(compiled: CompiledTool, args: unknown): Judgement {
  const { tool, rule, secrets } = compiled
  refuseSecretArguments(tool, secrets, args, rule)
  compiled.checkArguments(args)
  return judgementOf(compiled, frozenRequest(tool, args, secrets))
}

/** What is the same for all calls of a tool, and what this one asks. */
export function judgementOf(compiled: CompiledTool, request: unknown): Judgement {
  const { tool, rule, document, effect, categories, costMicroUsd, quotas } = compiled
  return Object.freeze({
    op: `tools.${tool.name}`,
    rule,
    effect,
    categories,
    ...(document.ask && { ask: document.ask }),
    subject: tool.name,
    request,
    costMicroUsd,
    quotas,
    idempotency: effect === 'read' ? 'idempotent' : 'at_most_once',
  })
}

/** What will be performed, as JSON data: the arguments as the tool's own schema made them, and the names of secrets for the rest. */
function frozenRequest(tool: HostTool, args: unknown, secrets: SecretArguments): unknown {
  try {
    const named = Object.keys(secrets).length > 0 && { secrets }
    return Object.freeze({ tool: tool.name, arguments: frozenCopy(args ?? null), ...named })
  } catch (cause) {
    throw new TollgateError(
      'CONFIG_USAGE',
      `The input schema of ${tool.name} yields what is not JSON data, so it cannot be approved or recorded.`,
      { cause },
    )
  }
}
