import ts from 'typescript'

type Ban = { readonly pattern: RegExp; readonly why: string }

/** Banned in all code, tests included. */
const everywhere: readonly Ban[] = [
  { pattern: /\bas\s+any\b/, why: 'a cast to any switches the type checker off' },
  { pattern: /\b(it|test|describe|suite|bench)\.only\(/, why: 'it silences every other test' },
  {
    pattern: /\b(it|test|describe|suite)\.(skip|todo|skipIf|runIf|fails)\(/,
    why: 'a test that may not run proves nothing',
  },
]

/** Banned in what is shipped; tests play the attacker and may write them. */
const shipped: readonly Ban[] = [
  { pattern: /getBuiltinModule/, why: 'it imports a module behind the back of every import rule' },
  { pattern: /\beval\s*\(/, why: 'it runs text as host code' },
  { pattern: /\bnew Function\b/, why: 'it runs text as host code' },
  { pattern: /\bprocess\.binding\b/, why: 'it reaches into Node' },
]

/** Banned in comments: the type checker is not told to look away. */
const inComments: readonly Ban[] = [
  { pattern: /@ts-(ignore|nocheck|expect-error)/, why: 'the type checker is not told to look away' },
  { pattern: /(ox|es)lint-disable(?!.* -- \S)/, why: 'a disabled rule says why: `-- because …`' },
]

/** The text with comments (or, turned round, everything but comments) blanked out; line numbers stay. */
const blank = (text: string, keep: 'code' | 'comments'): string => {
  const source = ts.createSourceFile('code.ts', text, ts.ScriptTarget.Latest, true)
  const comments: ts.CommentRange[] = []
  const visit = (node: ts.Node): void => {
    comments.push(...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []))
    comments.push(...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []))
    ts.forEachChild(node, visit)
  }
  visit(source)
  comments.push(...(ts.getLeadingCommentRanges(text, source.endOfFileToken.getFullStart()) ?? []))
  const characters = text.split('')
  const isComment = new Uint8Array(characters.length)
  for (const { pos, end } of comments) isComment.fill(1, pos, end)
  const kept = keep === 'comments' ? 1 : 0
  return characters.map((one, at) => (one === '\n' || isComment[at] === kept ? one : ' ')).join('')
}

const search = (path: string, text: string, bans: readonly Ban[]): string[] =>
  text
    .split('\n')
    .flatMap((line, at) =>
      bans
        .filter(({ pattern }) => pattern.test(line))
        .map(({ why }) => `${path}:${at + 1}: ${line.trim()} (${why})`),
    )

/** One problem for each banned call or directive. `isShipped`: the file is part of the package, not of its tests. */
export const bannedText = (path: string, text: string, isShipped: boolean): string[] => {
  const bans = isShipped ? [...everywhere, ...shipped] : everywhere
  return [...search(path, blank(text, 'code'), bans), ...search(path, blank(text, 'comments'), inComments)]
}
