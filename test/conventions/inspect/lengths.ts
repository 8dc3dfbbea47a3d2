import ts from 'typescript'

/** A house is easier to walk through when its rooms are small. */
const FILE_LINES_MAX = 400
const FUNCTION_LINES_MAX = 70
export const README_LINES_MAX = 60

const lineCount = (text: string): number => text.replace(/\n$/, '').split('\n').length

/** A problem when a file is longer than {@link FILE_LINES_MAX} lines. */
export const tooLongFile = (path: string, text: string, linesMax = FILE_LINES_MAX): string[] => {
  const lines = lineCount(text)
  return lines > linesMax ? [`${path}: ${lines} lines, at most ${linesMax}`] : []
}

const nameOf = (node: ts.FunctionLikeDeclaration): string => {
  if (node.name !== undefined) return node.name.getText()
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  const { parent } = node
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)
    ? parent.name.getText()
    : '(unnamed)'
}

/** A test's body is a list of claims, not a function that somebody calls. */
const isTestBlock = (node: ts.Node): boolean =>
  ts.isCallExpression(node.parent) && /^(describe|suite)\b/.test(node.parent.expression.getText())

/** One problem for each function with a body of more than {@link FUNCTION_LINES_MAX} lines, signature included. */
export const tooLongFunctions = (path: string, text: string): string[] => {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const problems: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && !isTestBlock(node)) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line
      const last = source.getLineAndCharacterOfPosition(node.getEnd()).line
      const lines = last - first + 1
      const where = `${path}:${first + 1} ${nameOf(node)}`
      if (lines > FUNCTION_LINES_MAX) problems.push(`${where}: ${lines} lines, at most ${FUNCTION_LINES_MAX}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return problems
}
