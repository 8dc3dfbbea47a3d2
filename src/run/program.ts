import { stripTypeScriptTypes } from 'node:module'
import { init, parse } from 'es-module-lexer'
import { PROGRAM_BYTES_MAX } from '../../runtime/abi/crossing.ts'
import { digestOf } from '../digest/sha256.ts'
import { TollgateError } from '../errors/tollgate-error.ts'

/** A tool as it was given. `isScript`: plain JavaScript, so no types are taken out. */
export type ToolSource = { readonly source: string; readonly isScript: boolean }

/** A tool as the cage runs it: one JavaScript module with a default export; or why it cannot be one. */
export type Program = { readonly digest: string } & (
  { readonly module: string } | { readonly fault: TollgateError }
)

/** Programs that were made lately, by their source; the engine remembers the hash of a text, so a known one costs no SHA-256. */
const MADE_MAX = 64
type Made = {
  readonly program: Program
  readonly isScript: boolean
  readonly capabilities: readonly string[]
}
const made = new Map<string, Made>()

await init()

/** Code mode: a text without import and export is the body of a function. Stays on the first line, so that line numbers hold. */
const asModule = (body: string, capabilities: readonly string[]): string =>
  `export default async (input, capabilities) => { const { ${capabilities.join(', ')} } = capabilities; ${body}\n}`

function isModule(source: string): boolean {
  try {
    const [, exports, , hasModuleSyntax] = parse(source)
    return hasModuleSyntax || exports.length > 0
  } catch {
    // What the lexer cannot read, V8 cannot either; it says better where.
    return true
  }
}

/** Node announces on standard error that stripping is experimental; whoever runs a tool has no use for that. */
function strip(source: string): string {
  const emitWarning: unknown = Reflect.get(process, 'emitWarning')
  process.emitWarning = () => undefined
  try {
    return stripTypeScriptTypes(source)
  } finally {
    Reflect.set(process, 'emitWarning', emitWarning)
  }
}

function syntaxFault(error: unknown): TollgateError {
  const { message, stack = '' } = error as Error
  const line = /^[^\n]*:(\d+)\n/.exec(stack)?.[1]
  const where = line === undefined ? '' : ` (tool.js:${line})`
  const hint = message.includes('strip-only')
    ? 'Write it in erasable TypeScript: no enum, no namespace, no parameter property.'
    : 'Mend the syntax.'
  return new TollgateError('GUEST_SYNTAX', `The tool does not parse: ${message}${where}.`, {
    gate: 'cage',
    hint,
  })
}

function make({ source, isScript }: ToolSource, digest: string, capabilities: readonly string[]): Program {
  const text = isModule(source) ? source : asModule(source, capabilities)
  if (isScript) return { digest, module: text }
  try {
    return { digest, module: strip(text) }
  } catch (error) {
    return { digest, fault: syntaxFault(error) }
  }
}

/**
 * Turns the source of a tool into the module that runs. `capabilities` are the names that a script body finds in its scope.
 * TypeScript loses its types in place, so lines and columns stay. Throws CONFIG_USAGE for a source that is too large.
 */
export function makeProgram(tool: ToolSource, capabilities: readonly string[]): Program {
  const { source, isScript } = tool
  const known = made.get(source)
  if (known?.isScript === isScript && known.capabilities === capabilities) return known.program
  if (Buffer.byteLength(source) > PROGRAM_BYTES_MAX) {
    throw new TollgateError('CONFIG_USAGE', `The tool is larger than ${PROGRAM_BYTES_MAX} bytes.`)
  }
  const program = make(tool, digestOf(source), capabilities)
  made.delete(source)
  made.set(source, { program, isScript, capabilities })
  const [oldest] = made.keys()
  if (made.size > MADE_MAX && oldest !== undefined) made.delete(oldest)
  return program
}
