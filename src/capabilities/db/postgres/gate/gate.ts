import { parseSync, loadModule, SqlError } from 'libpg-query'
import { ALIASES } from '../functions.ts'
import { Refused } from '../refused.ts'
import type { WritableTable } from '../writable-tables.ts'
import { GRAMMAR, OPERATORS, PATTERNS, PLACES, TYPES, WRITE_GRAMMAR } from './grammar.ts'

/** What a statement may name. */
export type Named = {
  readonly tables: ReadonlySet<string>
  readonly functions: ReadonlySet<string>
  /** Columns of the tables. */
  readonly columns: ReadonlySet<string>
  /** Functions that the server also calls for `row.name`. */
  readonly rowFunctions: ReadonlySet<string>
  /** Functions that the server also calls for `(value).name`, and for `a.name` where `a` is a function of FROM. */
  readonly valueFunctions: Pick<ReadonlySet<string>, 'has'>
  /** Those of the tables that may be written. */
  readonly writable: ReadonlyMap<string, WritableTable>
}

/** A part of a parse tree, by its fields. */
export type Fields = Readonly<Record<string, unknown>>
/** Names that the statement gave to rows of its own, where they can be seen. */
type Scope = ReadonlySet<string>

/** Makes the parser ready; it is loaded by the first statement of a process. */
export const loadGate = (): Promise<void> => loadModule()

/**
 * Reads a statement with the parser of PostgreSQL, and lets pass one SELECT of parts that are known to only read and of names that
 * are granted. Everything else is refused. Throws Refused: `sql`, `tail`, `statement`, `name`.
 */
export function checkTree(sql: string, named: Named): void {
  const [type, fields] = statementOf(sql)
  if (type !== 'SelectStmt') throw new Refused('statement', 'it is not one that only reads')
  walk(type, fields, named)
}

/** The one statement of a text as the parser reads it: its type and its fields. Throws Refused: `sql`, `tail`. */
export function statementOf(sql: string): readonly [type: string, fields: Fields] {
  const tree = parse(sql) as { readonly stmts?: readonly { readonly stmt?: unknown }[] }
  const [only, more] = tree.stmts ?? []
  if (only === undefined) throw new Refused('sql', 'it is empty')
  if (more !== undefined) throw new Refused('tail', 'more follows it')
  const [[type, fields] = ['', {}]] = Object.entries((only.stmt ?? {}) as Fields)
  return [type, fields as Fields]
}

/** Goes over a statement; what is not known or not granted is refused. Throws Refused: `sql`, `statement`, `name`. */
export const walk = (type: string, fields: Fields, named: Named): void =>
  guarded(() => new Walk(named, fields).part(type, fields, new Set(), WRITE_GRAMMAR.get(type)))

const parse = (sql: string): unknown => guarded(() => parseSync(sql))

/** Whatever the parser or the walk trips over is a statement that is not run. */
function guarded<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof Refused) throw error
    const said = error instanceof SqlError ? error.message : 'it is nested too deeply'
    throw new Refused('sql', said)
  }
}

class Walk {
  readonly #named: Named
  readonly #functions: ReadonlySet<string>
  /** What the server may call for `a.b`: where FROM has functions, `a` may be a value and no row. */
  readonly #columnFunctions: Named['valueFunctions']
  readonly #checks: Readonly<Record<string, (fields: Fields, scope: Scope) => void>> = {
    RangeVar: (fields, scope) => this.#table(fields, scope),
    FuncCall: ({ funcname }) => this.#function(textsOf(funcname)),
    TypeName: ({ names }) => checkType(textsOf(names)),
    A_Expr: ({ kind, name }) =>
      kind === 'AEXPR_NULLIF' ? this.#function(['nullif']) : this.#operator(textsOf(name)),
    CoalesceExpr: () => this.#function(['coalesce']),
    MinMaxExpr: ({ op }) => this.#function([op === 'IS_GREATEST' ? 'greatest' : 'least']),
    SubLink: ({ operName }) => operName !== undefined && this.#operator(textsOf(operName)),
    ColumnRef: ({ fields }) => this.#column(fields as readonly Fields[]),
    A_Indirection: ({ indirection }) =>
      this.#members(indirection as readonly Fields[], this.#named.valueFunctions),
    SQLValueFunction: ({ op }) => this.#clock(String(op)),
    CollateClause: ({ collname }) => checkCollation(textsOf(collname)),
  }

  constructor(named: Named, statement: Fields) {
    this.#named = named
    const hasValues = JSON.stringify(statement).includes('"RangeFunction":')
    this.#columnFunctions = hasValues ? named.valueFunctions : named.rowFunctions
    this.#functions = new Set(
      [...named.functions].flatMap((name) => [
        name,
        ...(Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? []) : []),
      ]),
    )
  }

  /** One part of the statement, and all that is in it. */
  part(type: string, fields: Fields, scope: Scope, known = GRAMMAR.get(type)): void {
    if (known === undefined) throw new Refused('statement', `${type} is not among what may be used`)
    if (Object.hasOwn(this.#checks, type)) this.#checks[type]?.(fields, scope)
    const inner = this.#withNames(fields, scope)
    for (const [name, value] of Object.entries(fields)) {
      if (PLACES.has(name) || name === 'withClause') continue
      const holds = known.get(name)
      if (holds === undefined) throw new Refused('statement', `${type}.${name} is not among what may be used`)
      if (holds === 'any') this.#value(value, inner)
      else this.part(holds, value as Fields, inner)
    }
  }

  #value(value: unknown, scope: Scope): void {
    if (Array.isArray(value)) for (const one of value) this.#value(one, scope)
    else if (typeof value === 'object' && value !== null)
      for (const [type, fields] of Object.entries(value)) this.part(type, fields as Fields, scope)
  }

  /** Goes over WITH first: each of its names is seen by what follows it, and by itself only where it is recursive. */
  #withNames({ withClause }: Fields, scope: Scope): Scope {
    if (withClause === undefined) return scope
    const { ctes = [], recursive, ...rest } = withClause as { ctes?: readonly Fields[]; recursive?: boolean }
    this.part('WithClause', rest, scope)
    const parts = ctes.map(({ CommonTableExpr: part }) => part as Fields | undefined)
    const names = parts.map((part) => String(part?.['ctename']))
    let seen = recursive === true ? new Set([...scope, ...names]) : scope
    for (const [at, part] of parts.entries()) {
      if (part === undefined) throw new Refused('statement', 'WITH holds what may not be used')
      this.part('CommonTableExpr', part, seen)
      seen = new Set([...seen, names[at] ?? ''])
    }
    return seen
  }

  #table(fields: Fields, scope: Scope): void {
    const names = ['catalogname', 'schemaname', 'relname'].flatMap((key) =>
      key in fields ? [String(fields[key])] : [],
    )
    const [name = '', ...rest] = names
    if (rest.length === 0 && (scope.has(name) || this.#named.tables.has(name))) return
    throw new Refused('name', `no table ${names.join('.')} is granted`)
  }

  #function(names: readonly string[]): void {
    const [name = '', ...rest] = names[0] === 'pg_catalog' ? names.slice(1) : names
    if (rest.length > 0 || !this.#functions.has(name))
      throw new Refused('name', `no function ${names.join('.')} is granted`)
  }

  #operator(names: readonly string[]): void {
    const [name = '', ...rest] = names
    if (rest.length === 0 && (OPERATORS.has(name) || WORDS.has(name))) return
    if (rest.length === 0 && PATTERNS.has(name)) return this.#function(['like'])
    throw new Refused('name', `no operator ${names.join('.')} may be used`)
  }

  /** `a.b` is a column of a, or `b(a)` to the server when a has no such column. */
  #column(fields: readonly Fields[]): void {
    if (fields.length > 2) throw new Refused('name', 'columns are named as table.column')
    if (fields.length === 2) this.#members(fields.slice(1), this.#columnFunctions)
  }

  #members(members: readonly Fields[], called: Named['valueFunctions']): void {
    for (const member of members) {
      const [name] = textsOf([member])
      // The function of a type is its cast.
      if (name === undefined || this.#named.columns.has(name) || TYPES.has(name)) continue
      if (called.has(name)) this.#function([name])
    }
  }

  #clock(op: string): void {
    if (/^SVFOP_(?:CURRENT_(?:DATE|TIME|TIMESTAMP)|LOCALTIME|LOCALTIMESTAMP)(?:_N)?$/u.test(op))
      this.#function(['now'])
    else throw new Refused('name', 'no function of that name is granted')
  }
}

/** The parser writes these for words: BETWEEN, and nothing else. */
const WORDS = new Set(['BETWEEN', 'NOT BETWEEN', 'BETWEEN SYMMETRIC', 'NOT BETWEEN SYMMETRIC'])

/** The texts among a list of names. */
const textsOf = (list: unknown): readonly string[] =>
  (list as readonly { String?: { sval?: string } }[]).flatMap(({ String: one }) =>
    one === undefined ? [] : [one.sval ?? ''],
  )

function checkType(names: readonly string[]): void {
  const [name = '', ...rest] = names[0] === 'pg_catalog' ? names.slice(1) : names
  if (rest.length > 0 || !TYPES.has(name)) throw new Refused('name', `no type ${names.join('.')} may be used`)
}

function checkCollation(names: readonly string[]): void {
  if (names.length !== 1) throw new Refused('name', 'collations are named by one word')
}
