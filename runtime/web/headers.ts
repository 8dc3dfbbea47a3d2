import {
  define,
  isObject,
  ObjectCreate,
  ObjectKeys,
  StringPrototypeToLowerCase,
} from '../kernel/primordials.ts'

type Pair = [name: string, value: string]
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const EDGES = /^[\t\n\r ]+|[\t\n\r ]+$/g
const REFUSED = /[\0\n\r]/

const nameOf = (given: unknown): string => {
  const name = String(given)
  if (!TOKEN.test(name)) throw new TypeError(`${name} is no name of a header`)
  return StringPrototypeToLowerCase(name)
}
const valueOf = (given: unknown): string => {
  const value = String(given).replaceAll(EDGES, '')
  if (REFUSED.test(value)) throw new TypeError('The value of a header has a line break or NUL')
  for (let i = 0; i < value.length; i += 1)
    if (value.charCodeAt(i) > 255) throw new TypeError('The value of a header has a character above U+00FF')
  return value
}

/** Headers by name, in lower case, sorted when they are listed (Fetch, section 5.1). The host says which may leave. */
export class Headers {
  readonly #held = ObjectCreate(null) as Record<string, string>

  constructor(init?: unknown) {
    if (init === undefined) return
    if (!isObject(init)) throw new TypeError('Headers are made from an object or from pairs')
    if (Symbol.iterator in init) {
      for (const pair of init as Iterable<Iterable<unknown>>) {
        const [name, value, ...more] = pair
        if (value === undefined || more.length > 0) throw new TypeError('A pair has a name and a value')
        this.append(name, value)
      }
    } else {
      const names = ObjectKeys(init)
      for (let i = 0; i < names.length; i += 1)
        this.append(names[i], (init as Record<string, unknown>)[names[i] as string])
    }
  }

  append(name: unknown, value: unknown): void {
    const key = nameOf(name)
    const before = this.#held[key]
    const added = valueOf(value)
    define(this.#held, key, before === undefined ? added : `${before}, ${added}`, true)
  }

  set(name: unknown, value: unknown): void {
    define(this.#held, nameOf(name), valueOf(value), true)
  }

  get(name: unknown): string | null {
    return this.#held[nameOf(name)] ?? null
  }

  has(name: unknown): boolean {
    return this.#held[nameOf(name)] !== undefined
  }

  delete(name: unknown): void {
    delete this.#held[nameOf(name)]
  }

  /** Always empty: cookies do not reach a tool. */
  getSetCookie(): string[] {
    return []
  }

  forEach(visit: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this) visit(value, name, this)
  }

  *entries(): Generator<Pair> {
    for (const name of ObjectKeys(this.#held).sort()) yield [name, this.#held[name] ?? '']
  }

  *keys(): Generator<string> {
    for (const [name] of this) yield name
  }

  *values(): Generator<string> {
    for (const [, value] of this) yield value
  }

  [Symbol.iterator](): Generator<Pair> {
    return this.entries()
  }

  get [Symbol.toStringTag](): string {
    return 'Headers'
  }

  /** For our own: the headers as an object without a prototype, read without anything that a guest can change. */
  static wire(this: void, headers: Headers): Record<string, string> {
    const wire = ObjectCreate(null) as Record<string, string>
    const names = ObjectKeys(headers.#held)
    for (let i = 0; i < names.length; i += 1)
      define(wire, names[i] as string, headers.#held[names[i] as string], true)
    return wire
  }
}

const { wire } = Headers
/** The headers as they cross. */
export const wireHeaders = (headers: Headers): Record<string, string> => wire(headers)
Reflect.deleteProperty(Headers, 'wire')
