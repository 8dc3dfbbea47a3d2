import { hash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import * as z from 'zod'
import { defineTool, type HostTool, type RunResult, type Tollgate } from '../../../src/index.ts'

/** A small shop: orders, customers of two tenants with things that must stay hidden, and a table that nobody is granted. */
const SHOP = `
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total REAL);
  INSERT INTO orders VALUES (1, 1, 9.5), (2, 1, 20), (3, 2, 30.25);
  CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, tenant TEXT, ssn TEXT);
  INSERT INTO customers VALUES (1, 'ada', 'ada@a.test', 'alpha', 'ssn-ada'), (2, 'bob', 'bob@b.test', 'beta', 'ssn-bob'),
    (3, 'eve', 'eve@a.test', 'alpha', 'ssn-eve');
  CREATE TABLE notes (id INTEGER PRIMARY KEY, order_id INTEGER, text TEXT NOT NULL UNIQUE, stars INTEGER DEFAULT 3 CHECK (stars < 6),
    hidden TEXT DEFAULT 'kept');
  INSERT INTO notes VALUES (1, 1, 'good', 5, 'h1'), (2, 3, 'bad', 1, 'h2');
  CREATE TABLE secrets (key TEXT, value TEXT);
  INSERT INTO secrets VALUES ('master', 'hunter2-hunter2');
  CREATE TABLE cells (id INTEGER PRIMARY KEY, kind TEXT, value);
  INSERT INTO cells VALUES (1, 'null', NULL), (2, 'big', 9223372036854775807), (3, 'blob', x'00ff10'), (4, 'real', 9e999),
    (5, 'text', 'hällo');
`

/** A file with a shop in it, in a folder of its own that goes with it. */
export type Shop = {
  readonly file: string
  /** A folder beside the file. */
  folder(name: string): string
  /** Names and digests of all that is in the folder. */
  snapshot(): Readonly<Record<string, string>>
  /** The rows of a query with all rights, each a list. */
  rows(sql: string): readonly unknown[][]
  /** Runs SQL with all rights. */
  exec(sql: string): void
  /** Replaces the file by a text. */
  overwrite(text: string): void
  /** A connection that has run this SQL, and stays open until it is disposed of. */
  hold(sql: string): Disposable & { readonly isOpen: boolean }
  /** A host tool that runs this SQL with all rights. */
  tool(name: string, sql: string): HostTool
  [Symbol.dispose](): void
}

export const openShop = (extra = ''): Shop => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-db-'))
  const file = join(folder, 'shop.db')
  const exec = (sql: string): void => {
    const database = new DatabaseSync(file)
    database.exec(sql)
    database.close()
  }
  exec(SHOP + extra)
  return {
    file,
    folder: (name) => join(folder, name),
    rows(sql) {
      const database = new DatabaseSync(file)
      const rows = database.prepare(sql).all()
      database.close()
      return rows.map((row) => Object.values(row))
    },
    exec,
    overwrite: (text) => writeFileSync(file, text),
    hold(sql) {
      const database = new DatabaseSync(file)
      database.exec(sql)
      return {
        get isOpen() {
          return database.isOpen
        },
        [Symbol.dispose]: () => database.close(),
      }
    },
    tool: (name, sql) => toolThat(name, async () => exec(sql)),
    snapshot: () =>
      Object.fromEntries(
        readdirSync(folder).map((name) => {
          const bytes = readFileSync(join(folder, name))
          return [name, bytes.length === 0 ? '' : hash('sha256', bytes)]
        }),
      ),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** A host tool that does something beside the run, as anybody else might. */
export const toolThat = (name: string, act: () => Promise<unknown>): HostTool =>
  defineTool({
    name,
    description: 'Does something beside the run.',
    effect: 'read',
    input: z.strictObject({}),
    output: z.null(),
    perform: () => act().then(() => null),
  })

/** The same policy, which grants a host tool instead of all others. */
export const withTool = (policy: object, name: string): object => {
  const { permissions } = policy as { permissions: object }
  return { ...policy, permissions: { ...permissions, tools: { [name]: {} } } }
}

/** The grant that most tests use. */
export const READ = {
  orders: '*',
  customers: { show: ['id', 'name'], mask: ['email'], where: 'tenant = :principal' },
} as const

/** A policy over one shop, with more calls than any test makes. */
export const shopPolicy = (shop: Shop, entry: object = {}, rest: object = {}): object => ({
  permissions: {
    db: {
      shop: { engine: 'sqlite', file: shop.file, read: READ, functions: ['count', 'sum', 'lower'], ...entry },
    },
  },
  limits: { max_tool_calls: 500, max_duration_seconds: 60 },
  ...rest,
})

/** One verdict a statement: its rows (what was written is one), or `CODE at gate`. */
export type Verdict = unknown[] | string

const ASK = `const seen = []
  for (const { sql, params } of input) {
    try { seen.push((await db.shop.query(sql, params)).map((row) => Object.values(row))) }
    catch (error) { seen.push(error.code + ' at ' + error.gate + '| ' + error.message) }
  }
  return seen`

export type Statement = string | { readonly sql: string; readonly params?: unknown }

/** Sends statements through the guest, one after the other. Refusals are told without their message; `texts` has them in full. */
export const askShop = async (
  gate: Tollgate,
  policy: object,
  statements: readonly Statement[],
  principal = 'alpha',
  code = ASK,
): Promise<{
  readonly verdicts: readonly Verdict[]
  readonly texts: readonly string[]
  readonly result: RunResult
}> => {
  const input = statements.map((one) => (typeof one === 'string' ? { sql: one } : one))
  const result = await gate.run({ code, policy, input, principal })
  const seen = (result.value ?? []) as Verdict[]
  return {
    verdicts: seen.map((one) => (typeof one === 'string' ? one.replace(/\|.*$/su, '') : one)),
    texts: seen.filter((one) => typeof one === 'string'),
    result,
  }
}

/** A grant that writes: orders in every way, notes without their hidden column, customers of one tenant. */
export const WRITE = {
  read: {
    orders: '*',
    notes: ['id', 'order_id', 'text', 'stars'],
    customers: { show: ['id', 'name', 'tenant'], mask: ['email'], where: 'tenant = :principal' },
    cells: '*',
  },
  write: {
    orders: ['insert', 'update', 'delete'],
    notes: ['insert', 'update'],
    customers: ['insert', 'update', 'delete'],
  },
} as const

/** A policy that may write; what deletes is approved by the test. */
export const writePolicy = (shop: Shop, entry: object = {}, rest: object = {}): object => {
  const policy = shopPolicy(shop, { ...WRITE, ...entry }, rest) as { permissions: object }
  return { ...policy, permissions: { ...policy.permissions, db_write: true } }
}

const EXECUTE = `const seen = []
  for (const { sql, params } of input) {
    const verb = /^\\s*select/i.test(sql) ? 'query' : 'execute'
    try { const done = await db.shop[verb](sql, params); seen.push(verb === 'query' ? done.map((row) => Object.values(row)) : [done]) }
    catch (error) { seen.push(error.code + ' at ' + error.gate + '| ' + error.message) }
  }
  return seen`

/** Sends statements that write, and those that begin with SELECT as queries. */
export const writeShop = (
  gate: Tollgate,
  policy: object,
  statements: readonly Statement[],
  principal = 'alpha',
): ReturnType<typeof askShop> => askShop(gate, policy, statements, principal, EXECUTE)
