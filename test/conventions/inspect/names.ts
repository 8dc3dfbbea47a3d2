import ts from 'typescript'

/** Words that mean too little or too much here; README's glossary has the word to use instead. */
const bannedWords = [
  'context',
  'session',
  'sandbox',
  'plugin',
  'service',
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
]
const bannedFiles = [...bannedWords, 'types', 'misc']

const words = (name: string): string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)

/** A problem when a file or one of its folders has a banned name. */
export const bannedFileName = (path: string): string[] => {
  const parts = path.split('/').map((part) => part.replace(/(\.test)?\.[a-z]+$/, ''))
  return bannedFiles
    .filter((banned) => parts.includes(banned))
    .map((banned) => `${path}: no file or folder is named ${banned}`)
}

/** isolated-vm's own word for a realm, where its API is used. */
const isEngineWord = (path: string, word: string): boolean =>
  word === 'context' && path.startsWith('src/cage/')

/** One problem for each declared name (variable, parameter, function, type, property) that contains a banned word. */
export const bannedNames = (path: string, text: string): string[] => {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const problems: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && isDeclaredName(node)) {
      const found = words(node.text).find((word) => bannedWords.includes(word) && !isEngineWord(path, word))
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
      if (found !== undefined) problems.push(`${path}:${line}: ${node.text} (the word ${found})`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return problems
}

const isDeclaredName = (node: ts.Identifier): boolean => {
  const { parent } = node
  const declares =
    ts.isVariableDeclaration(parent) ||
    ts.isParameter(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isClassDeclaration(parent) ||
    ts.isTypeAliasDeclaration(parent) ||
    ts.isInterfaceDeclaration(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent)
  return declares && parent.name === node
}
