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
    members: [...open.map((one) => memberOf(one, asks(judgementOf(one, undefined)))), ONLY],
  }
}

const ONLY: DeclaredMember = {
  code: 'only(caveats?: Caveats & { names?: string | readonly string[] }): Weaker<Tools>',
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

function argumentsOf(compiled: CompiledTool): string {
  const schema = argumentSchema(compiled)
  const { required } = schema
  // Without arguments a call has the empty object.
  const isOptional = !compiled.verified || (Array.isArray(required) && required.length === 0)
  return `args${isOptional ? '?' : ''}: ${typeOfJson(schema)}`
}

const propertiesOf = ({ properties }: Schema): Properties =>
  typeof properties === 'object' && properties !== null ? (properties as Properties) : {}

/** Takes out what the host fills, and narrows what the policy has a rule for: such an argument must be there. */
function argumentSchema({ tool, document: { args: rules = {} }, secrets }: CompiledTool): Schema {
  const schema = jsonSchemaOf(tool.input, 'input')
  if (schema['type'] !== 'object') return schema
  const parsed = propertiesOf(jsonSchemaOf(tool.input, 'output'))
  const required = new Set<unknown>(Array.isArray(schema['required']) ? schema['required'] : [])
  const properties: [string, Schema][] = []
  for (const [name, one] of Object.entries(propertiesOf(schema))) {
    if (Object.hasOwn(secrets, name)) continue
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule !== undefined && !Object.hasOwn(one, 'default')) required.add(name)
    properties.push([name, narrow(one, parsed[name], rule?.one_of)])
  }
  return { ...schema, properties: Object.fromEntries(properties), required: [...required] }
}

const SINGLE: readonly unknown[] = ['string', 'number', 'integer', 'boolean']

/** A rule holds for each element of a list, and after the schema has parsed: what is a list, or becomes something else, stays. */
function narrow(schema: Schema, parsed: Schema | undefined, allowed: readonly unknown[] | undefined): Schema {
  const { type, enum: values } = schema
  if (allowed === undefined || !SINGLE.includes(type) || parsed?.['type'] !== type) return schema
  return { enum: Array.isArray(values) ? values.filter((one) => allowed.includes(one)) : allowed }
}
