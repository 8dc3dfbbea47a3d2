import { join } from 'node:path'
import ts from 'typescript'

/**
 * Finds where kernel code would look something up on an object that the guest can change: a method or a global of the language
 * outside the two files that capture them, and syntax that does so unseen (iteration, regular expressions, instanceof, await).
 */

/** These run before any guest code and may look things up. */
const BOOT = ['primordials.ts', 'lockdown.ts', 'permits.ts']
/** An own property of strings, arrays and functions; no prototype is asked. */
const OWN = new Set(['length'])

const isBuiltIn = (symbol: ts.Symbol | undefined): boolean =>
  symbol?.declarations?.some((one) =>
    /\/typescript\/lib\/lib\.[\w.]+\.d\.ts$/.test(one.getSourceFile().fileName),
  ) ?? false

const syntaxProblem = (node: ts.Node): string | undefined => {
  if (ts.isForOfStatement(node)) return 'for-of asks for an iterator'
  if (ts.isSpreadElement(node)) return 'a spread asks for an iterator'
  if (ts.isArrayBindingPattern(node)) return 'taking an array apart asks for an iterator'
  if (ts.isRegularExpressionLiteral(node)) return 'a regular expression asks its prototype'
  if (ts.isAwaitExpression(node)) return 'await asks for a constructor'
  if (node.kind === ts.SyntaxKind.InstanceOfKeyword) return 'instanceof asks for Symbol.hasInstance'
  if (ts.isFunctionLike(node) && 'asteriskToken' in node && node.asteriskToken !== undefined)
    return 'a generator has a prototype'
  return undefined
}

const isType = (node: ts.Node): boolean => {
  for (let up: ts.Node | undefined = node; up !== undefined; up = up.parent) {
    if (ts.isTypeNode(up) || ts.isInterfaceDeclaration(up) || ts.isTypeAliasDeclaration(up)) return true
    if (ts.isStatement(up) && !ts.isBlock(up)) return ts.isImportDeclaration(up)
  }
  return false
}

const lookupProblem = (node: ts.Node, checker: ts.TypeChecker): string | undefined => {
  if (
    ts.isPropertyAccessExpression(node) &&
    !OWN.has(node.name.text) &&
    isBuiltIn(checker.getSymbolAtLocation(node.name))
  )
    return `.${node.name.text} is looked up on a built-in`
  if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
    const name = (node.propertyName ?? node.name).getText()
    const property = checker.getPropertyOfType(checker.getTypeAtLocation(node.parent), name)
    if (!OWN.has(name) && isBuiltIn(property)) return `.${name} is looked up on a built-in`
  }
  if (!ts.isIdentifier(node) || node.text === 'undefined' || isType(node)) return undefined
  const { parent } = node
  const isName =
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    ts.isPropertyAssignment(parent) ||
    ts.isBindingElement(parent)
  return !isName && isBuiltIn(checker.getSymbolAtLocation(node))
    ? `the global ${node.text} is not captured`
    : undefined
}

/** One problem for each look-up in these files; those that boot the realm are left out. */
export const lookups = (paths: readonly string[], root: string): string[] => {
  const config = ts.readConfigFile(join(root, 'runtime', 'tsconfig.json'), (path) => ts.sys.readFile(path))
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, join(root, 'runtime'))
  const program = ts.createProgram(
    paths.map((path) => join(root, path)),
    { ...options, noEmit: true, composite: false, incremental: false },
  )
  const checker = program.getTypeChecker()
  const problems: string[] = []
  for (const path of paths.filter((one) => !BOOT.some((boot) => one.endsWith(`/${boot}`)))) {
    const source = program.getSourceFile(join(root, path))
    if (source === undefined) throw new Error(`${path} cannot be read`)
    const visit = (node: ts.Node): void => {
      const problem = syntaxProblem(node) ?? lookupProblem(node, checker)
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
      if (problem !== undefined) problems.push(`${path}:${line}: ${problem}`)
      ts.forEachChild(node, visit)
    }
    visit(source)
  }
  return problems
}
