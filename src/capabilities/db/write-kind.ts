/** What a grant can allow to be done to the rows of a table. */
export const WRITE_VERBS = ['insert', 'update', 'delete'] as const
export type WriteVerb = (typeof WRITE_VERBS)[number]

/** What a statement is taken for by its text. The engine says later whether it is that; where it does more, it is refused. */
export type WriteKind = {
  readonly verb: WriteVerb
  /** Whether rows may go by it: DELETE, REPLACE, OR REPLACE. */
  readonly mayDelete: boolean
}

/** One token: a quoted text or name, a comment, a word, a bracket, or any other character. What is not closed goes to the end. */
const TOKEN =
  /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[\p{L}_][\p{L}\p{N}_$]*|[^]/gsu

/** Words outside quotes, comments and brackets, in upper case. */
function wordsOf(sql: string): readonly string[] {
  const words: string[] = []
  let depth = 0
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === '(') depth += 1
    else if (token === ')') depth -= 1
    else if (depth === 0 && /^[\p{L}_]/u.test(token)) words.push(token.toUpperCase())
  }
  return words
}

/** Whether a NATURAL JOIN may be in it, at whatever depth. */
export const saysNatural = (sql: string): boolean =>
  [...sql.matchAll(TOKEN)].some(([token]) => token.toUpperCase() === 'NATURAL')

const WRITES: Readonly<Record<string, WriteKind>> = {
  INSERT: { verb: 'insert', mayDelete: false },
  REPLACE: { verb: 'insert', mayDelete: true },
  UPDATE: { verb: 'update', mayDelete: false },
  DELETE: { verb: 'delete', mayDelete: true },
}

const hasInOrder = (words: readonly string[], first: string, second: string): boolean =>
  words.some((word, at) => word === first && words[at + 1] === second)

/** What a statement writes by its text; undefined for what is no INSERT, UPDATE, DELETE or REPLACE, alone or behind a WITH. */
export function writeKindOf(sql: string): WriteKind | undefined {
  const words = wordsOf(sql)
  const isVerb = (word: string): boolean => Object.hasOwn(WRITES, word)
  const [first = ''] = words
  const word = first === 'WITH' ? words.find(isVerb) : first
  const kind = word !== undefined && isVerb(word) ? WRITES[word] : undefined
  // OR ROLLBACK would end the transaction of the whole run.
  if (kind === undefined || hasInOrder(words, 'OR', 'ROLLBACK')) return undefined
  return { verb: kind.verb, mayDelete: kind.mayDelete || hasInOrder(words, 'OR', 'REPLACE') }
}
