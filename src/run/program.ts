import { basename } from 'node:path'
import { init, parse } from 'es-module-lexer'
import { PROGRAM_BYTES_MAX } from '../../runtime/abi/crossing.ts'
import { TOOL_FILE } from '../../runtime/abi/inside.ts'
import { insteadOf } from '../bundler/instead.ts'
import { createNamer, type Locate } from '../bundler/positions.ts'
import { digestOf } from '../digest/sha256.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { stripTypes } from './type-stripper.ts'

/** A tool as it was given. `isScript`: plain JavaScript, so no types are taken out. `file`: where it stands, by its real path, if it is a file. */
export type ToolSource = {
  readonly source: string
  readonly isScript: boolean
  readonly file?: string | undefined
}

/**
 * A tool as the cage runs it: one JavaScript module with a default export; or why it cannot be one. `locate` turns places in it
 * into those of the sources that it was made of.
 */
export type Program = { readonly digest: string } & (
  { readonly module: string; readonly locate?: Locate } | { readonly fault: TollgateError }
)

const UNCHANGED: Locate = (text) => text

/** How places are told that a text of the tool names. */
export const locateOf = (program: Program): Locate =>
  'fault' in program ? UNCHANGED : (program.locate ?? UNCHANGED)

/** A file that imports: a module, in the language of the file, that has to be bundled before it is a program. */
export type Unbundled = { readonly digest: string; readonly entry: string }

/** Programs that were made lately, by their source; the engine remembers the hash of a text, so a known one costs no SHA-256. */
const MADE_MAX = 64
type Made = {
  readonly program: Program | Unbundled
  readonly isScript: boolean
  readonly name: string | undefined
  readonly capabilities: readonly string[]
}
const made = new Map<string, Made>()

await init()

/** Code mode: a text without import and export is the body of a function. Stays on the first line, so that line numbers hold. */
const headOf = (capabilities: readonly string[]): string =>
  `export default async (input, capabilities) => { const { ${capabilities.join(', ')} } = capabilities; `

/** What the file of a tool is called in errors, where that is plain text. */
function nameOf(file: string | undefined): string | undefined {
  const name = file === undefined ? '' : basename(file)
  return /^[\w.-]+$/.test(name) ? name : undefined
}

type Named = { readonly name: string; readonly isStatic: boolean }

/** Names that a text imports, at its top or at run time. What the lexer cannot read, V8 cannot either; it says better where. */
function importsOf(source: string): readonly Named[] {
  try {
    return parse(source)[0].flatMap((found) =>
      found.type === 'import-meta' || found.specifier === undefined
        ? []
        : [{ name: found.specifier, isStatic: found.type !== 'dynamic' }],
    )
  } catch {
    return []
  }
}

/** What the lexer makes of a text, types and all. */
function look(source: string): { readonly isModule: boolean; readonly mayImport: boolean } {
  try {
    const [imports, exports, , hasModuleSyntax] = parse(source)
    return { isModule: hasModuleSyntax || exports.length > 0, mayImport: imports.length > 0 }
  } catch {
    return { isModule: true, mayImport: true }
  }
}

type Unstripped = { readonly message: string; readonly stack: string }

function syntaxFault({ message, stack }: Unstripped, name = TOOL_FILE): TollgateError {
  const line = /^[^\n]*:(\d+)\n/.exec(stack)?.[1]
  const where = line === undefined ? '' : ` (${name}:${line})`
  const hint = message.includes('strip-only')
    ? 'Write it in erasable TypeScript: no enum, no namespace, no parameter property.'
    : 'Mend the syntax.'
  return new TollgateError('GUEST_SYNTAX', `The tool does not parse: ${message}${where}.`, {
    gate: 'cage',
    hint,
  })
}

/** A tool that is given as code stands nowhere, so there is nothing that a name could lead to. */
function importFault(name: string): TollgateError {
  return new TollgateError(
    'GUEST_IMPORT',
    `The tool imports '${name}', and a tool given as code imports nothing.`,
    {
      gate: 'cage',
      hint: insteadOf(name) ?? 'Give the tool as a file: what a file imports is bundled with it.',
    },
  )
}

/** The same text without and with types can be two programs: `f<x>(y)` compares in the one and calls in the other. */
const digestOfTyped = (source: string): string => digestOf(`typescript\n${source}`)

async function make(
  { source, isScript, file }: ToolSource,
  capabilities: readonly string[],
): Promise<Program | Unbundled> {
  const { isModule, mayImport } = look(source)
  const head = isModule ? '' : headOf(capabilities)
  const text = isModule ? source : `${head}${source}\n}`
  const name = nameOf(file)
  const stripped = isScript ? { text } : await stripTypes(text)
  if (!('text' in stripped)) return { digest: digestOfTyped(source), fault: syntaxFault(stripped, name) }
  const module = stripped.text
  const digest = module === text ? digestOf(source) : digestOfTyped(source)
  // Types are imported in the text, and gone with it.
  const imports = mayImport ? importsOf(module) : []
  const locate = createNamer({ file: name, shift: head.length })
  if (file !== undefined) return imports.length > 0 ? { digest, entry: text } : { digest, module, locate }
  const first = imports.find(({ isStatic }) => isStatic)
  return first === undefined ? { digest, module, locate } : { digest, fault: importFault(first.name) }
}

/**
 * Turns the source of a tool into the module that runs, or that has to be bundled first. `capabilities` are the names that a script body finds in its scope.
 * TypeScript loses its types in place, so lines and columns stay. Throws CONFIG_USAGE for a source that is too large.
 */
export function makeProgram(
  tool: ToolSource & { readonly file?: undefined },
  capabilities: readonly string[],
): Promise<Program>
export function makeProgram(tool: ToolSource, capabilities: readonly string[]): Promise<Program | Unbundled>
export async function makeProgram(
  tool: ToolSource,
  capabilities: readonly string[],
): Promise<Program | Unbundled> {
  const { source, isScript } = tool
  const name = tool.file === undefined ? undefined : basename(tool.file)
  const known = made.get(source)
  if (known?.isScript === isScript && known.name === name && known.capabilities === capabilities)
    return known.program
  if (Buffer.byteLength(source) > PROGRAM_BYTES_MAX) {
    throw new TollgateError('CONFIG_USAGE', `The tool is larger than ${PROGRAM_BYTES_MAX} bytes.`)
  }
  const program = await make(tool, capabilities)
  made.delete(source)
  made.set(source, { program, isScript, name, capabilities })
  const [oldest] = made.keys()
  if (made.size > MADE_MAX && oldest !== undefined) made.delete(oldest)
  return program
}
