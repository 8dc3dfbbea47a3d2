/** A row filter, cut where the principal stands in it: the pieces are joined by what yields the principal. */
export type Filter = { readonly text: string; readonly pieces: readonly string[] }

/** One token of an SQL expression: a quoted text or name, a cast, a parameter, or a single character. */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|::|[:@$?][\p{L}\p{N}_]*|--|\/\*|[^]/gsu

/** Reads a filter. Returns what is wrong with it as a text, where it is no single expression or binds more than `:principal`. */
export function readFilter(text: string): Filter | string {
  const pieces = ['']
  let depth = 0
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === ';' || token === '--' || token === '/*') return 'must be one expression without comments'
    if (/^['"`[]$/u.test(token)) return 'has a quote that is not closed'
    if (token === '(') depth += 1
    if (token === ')') depth -= 1
    if (depth < 0) return 'closes a bracket that it did not open'
    if (token === ':principal') pieces.push('')
    else if (token !== '::' && /^[:@$?]/u.test(token)) return `binds ${token}; only :principal can be bound`
    else pieces.push(`${pieces.pop() ?? ''}${token}`)
  }
  if (depth > 0) return 'has a bracket that is not closed'
  return Object.freeze({ text, pieces: Object.freeze(pieces) })
}
