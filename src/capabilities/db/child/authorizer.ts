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
  #hidden: ReadonlySet<string> = new Set()
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

  /** What is granted and yet must not be named by the statements that follow, in lower case. */
  hide(tables: readonly string[]): void {
    this.#hidden = new Set(tables)
  }

  readonly authorize: Authorizer = (action, first, second, database, view) => {
    const access = { action, first, second, database, view }
    const verdict = this.#isHidden(access) ? SQLITE_DENY : this.#verdictOn(access)
    if (verdict === SQLITE_DENY) this.#denied ??= access
    return verdict
  }

  #verdictOn(access: Access): number {
    return this.writes?.(access) ?? (this.#isAllowed(access) ? SQLITE_OK : SQLITE_DENY)
  }

  /**
   * A join by the names of columns asks nothing of the tables that it names, so it shows only in what their views read. What other
   * views of the grant read of a hidden table is theirs.
   */
  #isHidden({ action, first, database, view }: Access): boolean {
    const table = first?.toLowerCase() ?? ''
    if (!this.#hidden.has(table)) return false
    const isNameable = NAMEABLE.includes(database?.toLowerCase() ?? null)
    return action !== SQLITE_READ || isNameable || view === null || view.toLowerCase() === table
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

/** Where tables are that a statement can name. Elsewhere only views of the grant reach. */
const NAMEABLE: readonly (string | null)[] = [null, 'temp', 'main']

const isOfEngine = (table: string): boolean => /^(?:sqlite|pragma)_/u.test(table)

/** Whether what was denied is a name, and not a kind of statement. */
export const isName = ({ action }: Access): boolean => action === SQLITE_READ || action === SQLITE_FUNCTION
