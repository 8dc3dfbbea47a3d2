/** Tools beside a declaration, as the TypeScript compiler sees them. */
import { join } from 'node:path'
import ts from 'typescript'

const FOLDER = '/tools'
const TOOL = `${FOLDER}/tool.ts`
const DECLARATION = `${FOLDER}/capabilities.d.ts`

export type CheckOptions = {
  /** Libraries of TypeScript; default: the language alone, as a tool has it. */
  readonly lib?: readonly string[]
  /** Packages of ambient types. */
  readonly types?: readonly string[]
  readonly skipLibCheck?: boolean
}

const parsed = new Map<string, ts.SourceFile | undefined>()

const optionsOf = ({
  lib = ['esnext'],
  types = [],
  skipLibCheck = false,
}: CheckOptions): ts.CompilerOptions => ({
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: lib.map((name) => `lib.${name}.d.ts`),
  types: [...types],
  typeRoots: [join(import.meta.dirname, '..', '..', 'node_modules', '@types')],
  skipLibCheck,
  // What comes with the compiler is right.
  skipDefaultLibCheck: true,
})

/** The compiler's view of a disk with the two files on it; what comes with it is parsed once for all tests. */
function hostOf(
  files: Readonly<Record<string, string>>,
  compilerOptions: ts.CompilerOptions,
): ts.CompilerHost {
  const host = ts.createCompilerHost(compilerOptions)
  const onDisk = { ...host }
  host.directoryExists = (path) => path === FOLDER || onDisk.directoryExists?.(path) === true
  host.fileExists = (path) => Object.hasOwn(files, path) || onDisk.fileExists(path)
  host.readFile = (path) => files[path] ?? onDisk.readFile(path)
  host.getSourceFile = (path, language, ...rest) => {
    const text = files[path]
    if (text !== undefined) return ts.createSourceFile(path, text, language)
    if (!parsed.has(path)) parsed.set(path, onDisk.getSourceFile(path, language, ...rest))
    return parsed.get(path)
  }
  return host
}

/** A program of a tool and the declaration beside it. */
export function programOf(declaration: string, tool: string, options: CheckOptions = {}): ts.Program {
  const compilerOptions = optionsOf(options)
  const host = hostOf({ [TOOL]: tool, [DECLARATION]: declaration }, compilerOptions)
  return ts.createProgram([TOOL], compilerOptions, host)
}

/** What an editor offers in a tool at the mark `|`. */
export function offersAt(declaration: string, marked: string): readonly string[] {
  const tool = marked.replace('|', '')
  const compilerOptions = optionsOf({})
  const host = hostOf({ [TOOL]: tool, [DECLARATION]: declaration }, compilerOptions)
  const editor = ts.createLanguageService({
    getCompilationSettings: () => compilerOptions,
    getScriptFileNames: () => [TOOL],
    getScriptVersion: () => '1',
    getScriptSnapshot: (path) => {
      const text = host.readFile(path)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => FOLDER,
    getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
    directoryExists: (path) => host.directoryExists?.(path) === true,
    fileExists: (path) => host.fileExists(path),
    readFile: (path) => host.readFile(path),
  })
  const offers = editor.getCompletionsAtPosition(TOOL, marked.indexOf('|'), {})
  return offers?.entries.map(({ name }) => name).toSorted() ?? []
}

/** What the compiler says: `LINE the text that it points to: what is wrong`; lines of the declaration begin with `declared`. */
export function problemsIn(declaration: string, tool: string, options?: CheckOptions): readonly string[] {
  return ts.getPreEmitDiagnostics(programOf(declaration, tool, options)).map((one) => {
    const text = ts.flattenDiagnosticMessageText(one.messageText, ' ')
    const { file, start = 0, length = 0 } = one
    if (file === undefined) return text
    const line = file.getLineAndCharacterOfPosition(start).line + 1
    const where = file.fileName === DECLARATION ? 'declared ' : file.fileName === TOOL ? '' : file.fileName
    return `${where}${line} ${file.text.slice(start, start + length)}: ${text}`
  })
}

/** The lines of a tool that say `// refused`, and those that the compiler complains of. They should be the same. */
export function linesOf(
  declaration: string,
  tool: string,
): { readonly marked: readonly string[]; readonly refused: readonly string[] } {
  const lines = tool.split('\n')
  const found = new Set(problemsIn(declaration, tool).map((one) => Number(/^\d+/.exec(one)?.[0])))
  return {
    marked: lines.filter((line) => line.endsWith('// refused')),
    refused: lines.filter((_, at) => found.has(at + 1)).concat(found.has(Number.NaN) ? ['declaration'] : []),
  }
}

/** The names of the properties of a type that the declaration exports, and below them those of its interfaces: `http.get`. */
export function declaredNames(declaration: string): readonly string[] {
  const program = programOf(
    declaration,
    'export {}\nimport type { Capabilities } from "./capabilities.d.ts"\n',
  )
  const checker = program.getTypeChecker()
  const file = program.getSourceFile(DECLARATION)
  const symbol = file && checker.getSymbolAtLocation(file)
  const held = symbol && checker.getExportsOfModule(symbol).find(({ name }) => name === 'Capabilities')
  if (held === undefined) throw new Error('The declaration exports no Capabilities.')
  const below = (type: ts.Type, path: string): string[] =>
    checker.getPropertiesOfType(type).flatMap((property) => {
      const inner = checker.getTypeOfSymbol(property)
      const name = path === '' ? property.name : `${path}.${property.name}`
      return inner.getCallSignatures().length > 0 ? [name] : below(inner, name)
    })
  return below(checker.getDeclaredTypeOfSymbol(held), '').toSorted()
}
