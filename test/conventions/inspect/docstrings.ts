import ts from 'typescript'

const isExported = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) &&
  (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)

const isFunctionValue = ({ initializer }: ts.VariableDeclaration): boolean =>
  initializer !== undefined && (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer))

const namesOf = (statement: ts.Statement): string[] => {
  if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement))
    return [statement.name?.text ?? 'default']
  if (!ts.isVariableStatement(statement)) return []
  return statement.declarationList.declarations
    .filter(isFunctionValue)
    .map((declaration) => declaration.name.getText())
}

/** One problem for each exported function or class without a docstring. Overloads share the first one's. */
export const undocumented = (path: string, text: string): string[] => {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const documented = new Set<string>()
  const exported: string[] = []
  for (const statement of source.statements.filter(isExported)) {
    const names = namesOf(statement)
    exported.push(...names)
    if (ts.getJSDocCommentsAndTags(statement).length > 0) for (const name of names) documented.add(name)
  }
  return exported
    .filter((name) => !documented.has(name))
    .map((name) => `${path}: ${name} is exported and has no docstring`)
}
