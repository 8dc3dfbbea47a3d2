import { policyJsonSchema } from '../policy.ts'
import { table } from './docs-sections.ts'

/** The parts of a JSON Schema that a reference tells. */
type Node = {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly anyOf?: readonly Node[]
  readonly items?: Node
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | false
  readonly required?: readonly string[]
}

type Key = { readonly path: string; readonly node: Node; readonly required: boolean }

/** What the description of a key that is not built ends in (src/policy/not-built.ts). */
const NOT_BUILT = /\s*Not enforced by this version: only (.*) is accepted\.$/
const SCALARS: Readonly<Record<string, string>> = { string: 'text', boolean: 'true or false' }

const isNull = ({ type }: Node): boolean => type === 'null'
const alternatives = (node: Node): readonly Node[] => node.anyOf?.flatMap(alternatives) ?? [node]
const freeNames = ({ additionalProperties }: Node): Node | undefined => additionalProperties || undefined
const descriptionOf = (node: Node): string =>
  node.description ?? node.anyOf?.find(({ description }) => description !== undefined)?.description ?? ''

/** Every key below a schema, in the order of the schema; what holds further keys comes before them. */
function keysBelow(node: Node, path: string): Key[] {
  return alternatives(node).flatMap((one) => {
    const named = Object.entries(one.properties ?? {}).flatMap(([name, inner]) => {
      const own = path === '' ? name : `${path}.${name}`
      return [
        { path: own, node: inner, required: one.required?.includes(name) ?? false },
        ...keysBelow(inner, own),
      ]
    })
    const free = freeNames(one)
    const below = free === undefined ? [] : keysBelow(free, `${path}.NAME`)
    return [...named, ...below, ...(one.items === undefined ? [] : keysBelow(one.items, `${path}[]`))]
  })
}

function range({ minimum, maximum, exclusiveMinimum }: Node): string {
  const from = exclusiveMinimum === undefined ? minimum : `above ${exclusiveMinimum}`
  if (from === undefined) return maximum === undefined ? '' : ` up to ${maximum}`
  return maximum === undefined ? ` from ${from}` : `, ${from} to ${maximum}`
}

const asCode = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``

function typeOf(node: Node): string {
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeOf))].join(' or ')
  if (node.enum !== undefined) return node.enum.map(asCode).join(', ')
  if (node.const !== undefined) return asCode(node.const)
  if (isNull(node)) return '`null`'
  if (node.items !== undefined) return `list of ${typeOf(node.items)}`
  if (node.properties !== undefined) return Object.keys(node.properties).length === 0 ? '`{}`' : 'mapping'
  if (freeNames(node) !== undefined) return 'mapping of names'
  if (node.type === 'number') return `number${range(node)}`
  if (node.type === 'integer') return `whole number${range(node)}`
  return [node.type ?? 'any']
    .flat()
    .map((one) => SCALARS[one] ?? one)
    .join(' or ')
}

const defaultOf = ({ node, required }: Key): string => {
  if (required) return 'must be given'
  return node.default === undefined ? '' : asCode(node.default)
}

const row = (key: Key): string[] => [
  `\`${key.path}\``,
  typeOf(key.node),
  defaultOf(key),
  descriptionOf(key.node),
]

const notBuiltRow = ({ path, node }: Key): string[] => {
  const description = descriptionOf(node)
  const [, accepted = ''] = NOT_BUILT.exec(description) ?? []
  return [`\`${path}\``, accepted, description.replace(NOT_BUILT, '')]
}

const isNotBuilt = ({ node }: Key): boolean => NOT_BUILT.test(descriptionOf(node))

/** The reference of the policy document, from the schemas that documents are parsed with. */
export function policyReference(): string {
  const keys = keysBelow(policyJsonSchema(), '')
  return [
    table(['key', 'type', 'default', 'meaning'], keys.filter((key) => !isNotBuilt(key)).map(row)),
    'These keys are known and not enforced yet. They may only say that nothing is asked of them; anything else is `CONFIG_NOT_BUILT`:',
    table(['key', 'accepts', 'will mean'], keys.filter(isNotBuilt).map(notBuiltRow)),
  ].join('\n\n')
}
