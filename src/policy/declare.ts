import type { Ask, Declaration, DeclaredMember, Judgement } from '../capabilities/capability.ts'
import type { CompiledPolicy } from './compiled.ts'
import { codeText, commentText, docComment } from './declaration-text.ts'
import { WEB_DECLARATION } from './web-declaration.ts'
import { counted, inBytes, inDollars, inTime } from './words.ts'

const CALLS = `/** A key under which an effect happens once, however often it is asked for. */
export interface CallOptions {
  idempotencyKey?: string
}

/** What every \`only()\` takes; what a handle does not allow is refused, whatever the policy says. */
export interface Caveats {
  mode?: 'read'
  /** Most calls, also through handles that are made from it. */
  calls?: number
}

/** The same object, weaker, until it is revoked. */
export type Weaker<Held> = Held & { revoke(): void }

/** What a refused or failed call rejects with. */
export interface CallError extends Error {
  readonly code: string
  readonly gate?: string
  /** What the tool may do instead. */
  readonly hint?: string
  readonly retryable: boolean
}

/** Text that is written out is checked here; any other when the call is judged. */
export type Fits<Text extends string, Allowed extends string> = string extends Text
  ? Text
  : Text extends Allowed
    ? Text
    : Allowed`

/**
 * The declaration file (`.d.ts`) of what a tool under this policy holds: exactly what its grants let through. The same policy
 * gives the same text. It names no secret, no row filter and no place of the host. Pure.
 */
export function declarePolicy(policy: CompiledPolicy): string {
  const declarations = [...policy.grants.values()].flatMap(
    (grant) => grant.declare?.((judgement) => askOf(policy, judgement)) ?? [],
  )
  const parts = [
    headOf(policy, declarations),
    toolType(policy),
    capabilitiesType(policy, declarations),
    ...declarations.flatMap(typesOf),
    ...(declarations.length === 0 ? [] : [CALLS]),
    WEB_DECLARATION,
    globalsOf(declarations.flatMap(({ globals = [] }) => globals)),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function askOf(policy: CompiledPolicy, judgement: Judgement): Ask {
  const reason = policy.needsApproval(judgement)
  if (reason === undefined) return 'never'
  return reason.oncePerRun ? 'once_per_run' : 'always'
}

function headOf({ name, digest }: CompiledPolicy, declarations: readonly Declaration[]): string {
  const held = declarations.map((one) => one.name).join(', ')
  const pattern = held === '' ? '' : `, { ${held} }`
  return [
    `// What a tool may use under the policy${name === undefined ? '' : ` ${commentText(name)}`}, and nothing else. Made by \`tollgate types\`.`,
    `// ${digest}`,
    '// A tool that is checked against it, in a file beside it:',
    "//   import type { Tool } from './capabilities.d.ts'",
    `//   const tool: Tool = async (input${pattern}) => { … }`,
    '//   export default tool',
    ...(held === '' ? [] : [`// A script body has ${held} and input in its scope.`]),
  ].join('\n')
}

const toolType = ({ limits }: CompiledPolicy): string =>
  [
    ...docComment([
      `The default export of a tool. What it returns crosses as JSON, of at most ${inBytes(limits.maxOutputBytes)}.`,
    ]),
    'export type Tool<Input = any, Output = unknown> = (input: Input, capabilities: Capabilities) => Output | Promise<Output>',
  ].join('\n')

function capabilitiesType(policy: CompiledPolicy, declarations: readonly Declaration[]): string {
  const members = declarations.map(({ name }) => `  readonly ${name}: ${typeName(name)}`)
  return [
    ...docComment(['All that a tool holds.', ...limitSentences(policy)]),
    ...(members.length === 0 ? [EMPTY] : ['export interface Capabilities {', ...members, '}']),
  ].join('\n')
}

/** An empty interface would take any object. */
const EMPTY = 'export type Capabilities = Readonly<Record<never, never>>'

function limitSentences({ limits, humanInLoop, warnings }: CompiledPolicy): readonly string[] {
  const { maxToolCalls, maxConcurrentCalls, maxDurationMs, maxCpuMs, maxCostMicroUsd } = limits
  const odd = new Set(warnings.map(({ path }) => path))
  const meant = humanInLoop.filter((_, index) => !odd.has(`human_in_loop[${index}]`))
  const named = meant.map((entry) => JSON.stringify(entry)).join(', ')
  return [
    `At most ${counted(maxToolCalls, 'call')}, ${maxConcurrentCalls} at once; ${inTime(maxDurationMs)}, ${inTime(maxCpuMs)} of CPU time; ${inDollars(maxCostMicroUsd)}; ${limits.maxMemoryMb} MB of memory; ${inBytes(limits.maxLogBytes)} of logs.`,
    ...(named === '' ? [] : [`A human approves, beside what is said below: ${named}.`]),
  ]
}

const typeName = (name: string): string => `${(name[0] ?? '').toUpperCase()}${name.slice(1)}`

function typesOf({ name, says, members, types = [] }: Declaration): readonly string[] {
  const own = [
    ...docComment(says),
    `export interface ${typeName(name)} {`,
    ...members.flatMap((member) => memberLines(member, '  ')),
    '}',
  ]
  return [own.join('\n'), ...types.map(codeText)]
}

const memberLines = ({ code, says = [] }: DeclaredMember, indent: string): readonly string[] => [
  ...docComment(says, indent),
  `${indent}${codeText(code)}`,
]

const globalsOf = (globals: readonly DeclaredMember[]): string =>
  globals.length === 0
    ? ''
    : ['declare global {', ...globals.flatMap((one) => memberLines(one, '  ')), '}'].join('\n')
