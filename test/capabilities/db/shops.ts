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
  /** Names and bytes of all that is in the folder. */
  snapshot(): Readonly<Record<string, string>>
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
    tool: (name, sql) =>
      defineTool({
        name,
        description: 'Changes the shop.',
        effect: 'read',
        input: z.strictObject({}),
        output: z.null(),
        perform: () => {
          exec(sql)
          return null
        },
      }),
    snapshot: () =>
      Object.fromEntries(
        readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'base64')]),
      ),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
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

/** One verdict a statement: its rows, or `CODE at gate`. */
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
): Promise<{
  readonly verdicts: readonly Verdict[]
  readonly texts: readonly string[]
  readonly result: RunResult
}> => {
  const input = statements.map((one) => (typeof one === 'string' ? { sql: one } : one))
  const result = await gate.run({ code: ASK, policy, input, principal })
  const seen = (result.value ?? []) as Verdict[]
  return {
    verdicts: seen.map((one) => (typeof one === 'string' ? one.replace(/\|.*$/su, '') : one)),
    texts: seen.filter((one) => typeof one === 'string'),
    result,
  }
}
