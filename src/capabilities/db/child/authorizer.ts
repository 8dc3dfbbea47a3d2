import { constants } from 'node:sqlite'

const { SQLITE_OK, SQLITE_DENY, SQLITE_SELECT, SQLITE_READ, SQLITE_FUNCTION, SQLITE_RECURSIVE } = constants

/** What the engine asks before it compiles a part of a statement. */
export type Access = {
  readonly action: number
  readonly first: string | null
  readonly second: string | null
  readonly database: string | null
  readonly view: string | null
}

export type Authorizer = (
  action: number,
  first: string | null,
  second: string | null,
  database: string | null,
  view: string | null,
) => number

/** One text for what is accessed, whatever its case. */
export const accessKey = ({ action, first, second, database, view }: Access): string =>
  JSON.stringify([
    action,
    first?.toLowerCase(),
    second?.toLowerCase(),
    database?.toLowerCase(),
    view?.toLowerCase(),
  ])

/** What statements may do; everything else is denied. */
export type Allowed = {
  /** Where tables that may be read by name are. */
  readonly schema: string
  /** In lower case. */
  readonly tables: ReadonlySet<string>
  /** In lower case. */
  readonly functions: ReadonlySet<string>
  /** What the views of the grant access themselves, by {@link accessKey}. */
  readonly views: ReadonlySet<string>
  /**
   * Virtual tables of the engine, in lower case: no rows of them are counted. Hidden tables need not be here, for in the shadow there
   * are none; and they must not, or a statement that gives one of their names to rows of its own would tell of them.
   */
  readonly modules: ReadonlySet<string>
}

/** Allows more than a read, as long as a statement is run that may write; undefined: it says nothing of this access. */
export type WriteRule = (access: Access) => number | undefined

/** A default-deny authorizer. */
export class Gatekeeper {
  #denied: Access | undefined
  readonly #allowed: Allowed
  /** Set while a statement that may write is compiled and run. */
  writes: WriteRule | undefined

  constructor(allowed: Allowed) {
    this.#allowed = allowed
  }

  /** The first thing that was refused since the last call. */
  takeDenied(): Access | undefined {
    const denied = this.#denied
    this.#denied = undefined
    return denied
  }

  readonly authorize: Authorizer = (action, first, second, database, view) => {
    const access = { action, first, second, database, view }
    const verdict = this.writes?.(access) ?? (this.#isAllowed(access) ? SQLITE_OK : SQLITE_DENY)
    if (verdict === SQLITE_DENY) this.#denied ??= access
    return verdict
  }

  #isAllowed(access: Access): boolean {
    const { action, first, second, database } = access
    const { schema, tables, functions, views, modules } = this.#allowed
    if (action === SQLITE_SELECT || action === SQLITE_RECURSIVE) return true
    if (action === SQLITE_FUNCTION && functions.has(second?.toLowerCase() ?? '')) return true
    if (action === SQLITE_READ) {
      const table = first?.toLowerCase() ?? ''
      // A count of rows reads the column '' of a table without a schema: of a granted one, or of a name that the statement made.
      if (second === '' && database === null) return !isOfEngine(table) && !modules.has(table)
      if (database?.toLowerCase() === schema && tables.has(table)) return true
    }
    return views.has(accessKey(access)) || (second === '' && views.has(accessKey({ ...access, view: null })))
  }
}

const isOfEngine = (table: string): boolean => /^(?:sqlite|pragma)_/u.test(table)

/** Whether what was denied is a name, and not a kind of statement. */
export const isName = ({ action }: Access): boolean => action === SQLITE_READ || action === SQLITE_FUNCTION
