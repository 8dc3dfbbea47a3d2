import type { Parameter, Parameters } from '../../ops.ts'
import { Refused } from '../refused.ts'

/** Longest statement, in bytes, and most tokens of one: its parser runs in the host, and takes 20 ms for the worst of them. */
const SQL_BYTES_MAX = 10 * 1024
const TOKENS_MAX = 4_000
/** A run of more characters of operators is none; the parser takes a quadratic time for it. */
const OPERATOR_SIZE_MAX = 8

const IDENTIFIER = String.raw`[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*`
/** Blanks, comments, openings of quotes, numbered parameters, names, numbers, casts, named parameters, operators, all else. */
const TOKEN = new RegExp(
  [
    String.raw`[ \t\n\r\f\v]+`,
    String.raw`--[^\n\r]*`,
    String.raw`\/\*`,
    String.raw`[eE]'`,
    String.raw`(?:[uU]&|[bBxXnN])?'`,
    String.raw`(?:[uU]&)?"`,
    String.raw`\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$`,
    String.raw`\$\d+`,
    IDENTIFIER,
    String.raw`\d[\w.]*`,
    '::',
    `:${IDENTIFIER}`,
    String.raw`(?:(?!--|\/\*)[-+*\/<>=~!@#%^&|\x60])+`,
    '[^]',
  ].join('|'),
  'y',
)

/** A statement as PostgreSQL takes it, with the values of `$1`, `$2`, … */
export type Numbered = { readonly text: string; readonly values: readonly (Parameter | undefined)[] }

/**
 * Rewrites `?` and `:name` to numbered parameters; `$1` may be written as well. Refuses what would cost the parser much: long
 * statements, comments in comments, endless operators. Nothing is judged here: what is judged and sent is the text that comes out.
 */
export function numberParameters(sql: string, params: Parameters): Numbered {
  if (Buffer.byteLength(sql) > SQL_BYTES_MAX)
    throw new Refused('sql', `it is longer than ${SQL_BYTES_MAX} bytes`)
  const numbers = new Numbers(params)
  let text = ''
  let count = 0
  for (let at = 0; at < sql.length;) {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(sql)?.[0] ?? ''
    const end = endOf(sql, at, token)
    count += 1
    if (count > TOKENS_MAX) throw new Refused('sql', `it has more than ${TOKENS_MAX} words and signs`)
    text += numbers.of(token) ?? sql.slice(at, end)
    at = end
  }
  return { text, values: numbers.values() }
}

/** Where a token ends; for quotes and comments, what closes them. */
function endOf(sql: string, at: number, token: string): number {
  const start = at + token.length
  if (token === '/*') {
    const close = closing(sql, '*/', start)
    if (sql.slice(start, close).includes('/*')) throw new Refused('sql', 'it has a comment in a comment')
    return close
  }
  if (token.startsWith('$') && token.endsWith('$') && token.length > 1) return closing(sql, token, start)
  if (token.endsWith('"')) return quoteEnd(sql, start, /"(?:"|())/gu)
  if (token === "e'" || token === "E'") return quoteEnd(sql, start, /\\[^]|'(?:'|())/gu)
  if (token.endsWith("'")) return quoteEnd(sql, start, /'(?:'|())/gu)
  if (/^[-+*/<>=~!@#%^&|`]/u.test(token) && !token.startsWith('--') && token.length > OPERATOR_SIZE_MAX)
    throw new Refused('sql', 'it has an operator that is none')
  return start
}

function closing(sql: string, mark: string, from: number): number {
  const found = sql.indexOf(mark, from)
  if (found === -1) throw new Refused('sql', 'it has a comment or a quote that is not closed')
  return found + mark.length
}

/** `marks` matches what does not end the quote, and with an empty group what does. */
function quoteEnd(sql: string, from: number, marks: RegExp): number {
  marks.lastIndex = from
  for (let found = marks.exec(sql); found !== null; found = marks.exec(sql))
    if (found[1] === '') return marks.lastIndex
  throw new Refused('sql', 'it has a quote that is not closed')
}

/** Gives each parameter its number. */
class Numbers {
  readonly #params: Parameters
  readonly #names: string[] = []
  #places = 0
  #highest = 0

  constructor(params: Parameters) {
    this.#params = params
  }

  /** What to write in place of a token; undefined: the token itself. */
  of(token: string): string | undefined {
    if (token === '?') return ` $${(this.#places += 1)} `
    if (/^\$\d+$/u.test(token)) {
      this.#highest = Math.max(this.#highest, Number(token.slice(1)))
      return undefined
    }
    if (!/^:[^:]/u.test(token)) return undefined
    const name = token.slice(1)
    const known = this.#names.indexOf(name)
    return ` $${known === -1 ? this.#names.push(name) : known + 1} `
  }

  /** The values in the order of their numbers; undefined for one that was not given. Throws Refused `params`. */
  values(): readonly (Parameter | undefined)[] {
    const forms = [this.#places, this.#names.length, this.#highest].filter((count) => count > 0)
    if (forms.length > 1) throw new Refused('params', 'use one of ?, :name and $1')
    const count = forms[0] ?? 0
    if (Array.isArray(this.#params)) {
      if (this.#names.length > 0 && this.#params.length > 0)
        throw new Refused('params', 'the statement names them, so give an object')
      if (this.#params.length > count) throw new Refused('params', `the statement takes ${count}`)
      if (count > 1000) throw new Refused('params', 'there are more than 1000')
      return Array.from({ length: count }, (_, at) => (this.#params as Parameter[])[at])
    }
    const given = this.#params
    const stray = Object.keys(given).find((name) => !this.#names.includes(name))
    if (stray !== undefined) throw new Refused('params', `the statement names no :${stray}`)
    if (this.#names.length < count) throw new Refused('params', 'the statement numbers them, so give a list')
    return this.#names.map((name) => (Object.hasOwn(given, name) ? given[name] : undefined))
  }
}
