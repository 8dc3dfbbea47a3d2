import type { Ask, Declaration, DeclaredMember, Judgement } from '../capability.ts'
import { judgementOf, type CompiledTool } from './compiled-tool.ts'
import { ASKS, boundsOf } from './explain.ts'
import { jsonSchemaOf, typeOfJson } from './json-type.ts'

type Schema = ReturnType<typeof jsonSchemaOf>
type Properties = Readonly<Record<string, Schema>>

/** `tools` in TypeScript: arguments and results from the schemas of the host tools, narrowed by the policy. */
export function declareTools(
  tools: readonly CompiledTool[],
  asks: (judgement: Judgement) => Ask,
): Declaration | undefined {
  const open = tools.filter(({ document }) => document.max_calls !== 0)
  if (open.length === 0) return undefined
  return {
    name: 'tools',
    says: ['Functions of the host.'],
    members: open.map((one) => memberOf(one, asks(judgementOf(one, undefined)))),
  }
}

function memberOf(compiled: CompiledTool, ask: Ask): DeclaredMember {
  const { tool, effect, categories, costMicroUsd, verified, secrets } = compiled
  const bounds = [[effect, ...categories].join(', '), ...boundsOf(compiled)]
  if (Object.keys(secrets).length > 0) bounds.push(`the host fills ${Object.keys(secrets).join(', ')}`)
  if (costMicroUsd > 0) bounds.push(`at up to ${costMicroUsd / 1e6} USD a call`)
  const result = typeOfJson(jsonSchemaOf(tool.output, 'output'))
  return {
    says: [
      ...(verified ? [tool.description] : ['What it takes and answers is not known here.']),
      `It counts as ${bounds.join('; ')}.${ask === 'never' ? '' : ` ${ASKS[ask]}`}`,
    ],
    code: `${methodName(tool.name)}(${argumentsOf(compiled)}, options?: CallOptions): Promise<${result}>`,
  }
}

/** Names of tools are identifiers; one of them would make a constructor of a method. */
const methodName = (name: string): string => (name === 'new' ? "'new'" : name)

function argumentsOf({ tool, document, secrets, verified }: CompiledTool): string {
  const schema = jsonSchemaOf(tool.input, 'input')
  const narrowed = narrow(schema, document.args ?? {}, new Set(Object.keys(secrets)))
  return `args${verified ? '' : '?'}: ${typeOfJson(narrowed)}`
}

type Rules = NonNullable<CompiledTool['document']['args']>

/** Takes out what the host fills, and narrows what the policy has a rule for: such an argument must be given. */
function narrow(schema: Schema, rules: Rules, filled: ReadonlySet<string>): Schema {
  const { properties, required } = schema
  if (schema['type'] !== 'object' || typeof properties !== 'object' || properties === null) return schema
  const kept = Object.entries(properties as Properties).filter(([name]) => !filled.has(name))
  const ruled = kept.map(([name]) => name).filter((name) => Object.hasOwn(rules, name))
  return {
    ...schema,
    properties: Object.fromEntries(
      kept.map(([name, one]) => [name, narrowProperty(one, ruled.includes(name) ? rules[name] : undefined)]),
    ),
    required: [...(Array.isArray(required) ? (required as unknown[]) : []), ...ruled],
  }
}

const SINGLE: readonly unknown[] = ['string', 'number', 'integer', 'boolean']

/** A rule holds for each element of a list, so only what is no list is narrowed. */
const narrowProperty = (schema: Schema, rule: Rules[string] | undefined): Schema =>
  rule?.one_of !== undefined && SINGLE.includes(schema['type']) && schema['enum'] === undefined
    ? { enum: rule.one_of }
    : schema
