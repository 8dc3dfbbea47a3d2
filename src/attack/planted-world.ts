import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import type { PlantedSeen } from './evidence.ts'

/** Orders that may be written; customers with columns and rows that stay hidden; notes whose triggers spread; and what nobody is granted. */
const shopOf = (secret: string): string => `
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total REAL);
  INSERT INTO orders VALUES (1, 1, 9.5), (2, 1, 20), (3, 2, 30.25);
  CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, card TEXT, email TEXT, tenant TEXT, ssn TEXT DEFAULT '${secret}');
  INSERT INTO customers VALUES (1, 'ada', 'card-1', '${secret}', 'alpha', '${secret}'),
    (2, 'bob', '${secret}', '${secret}', 'beta', '${secret}'), (3, 'eve', 'card-3', '${secret}', 'alpha', '${secret}');
  CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT, email TEXT DEFAULT '${secret}');
  INSERT INTO people VALUES ('p', 'pia', '${secret}');
  CREATE TABLE secrets (key TEXT, value TEXT);
  INSERT INTO secrets VALUES ('master', '${secret}');
  CREATE VIEW peek AS SELECT * FROM secrets;
  CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);
  INSERT INTO notes VALUES (1, 'good');
  CREATE TRIGGER on_insert AFTER INSERT ON notes BEGIN INSERT INTO secrets VALUES ('note', NEW.text); END;
  CREATE TRIGGER on_update AFTER UPDATE ON notes BEGIN UPDATE secrets SET value = NEW.text; END;`

const MOUNTED = 'data'
const BESIDE = 'beside'
const DATABASE = 'shop/shop.db'
const MANY_FILES = 40
const DEEP_FOLDERS = 24
const SPARSE_BYTES = 2 ** 40
/** A file that is larger is told by its size alone. */
const READ_BYTES_MAX = 64 * 1024

/** Names that no terminal, log or listing should get as they are. */
export const ODD_NAMES: readonly string[] = [
  'new\nline.csv',
  'ansi\u001b[31mred.csv',
  'rtl\u202egnp.csv',
  'zero\u200bwidth.csv',
  'back\\slash.csv',
]

/** Swaps a name with a link as often as it can, until it is told to stop; then everything is where it was. */
const SWAP = `
const { workerData: { name, link, stop } } = require('node:worker_threads')
const { renameSync } = require('node:fs')
while (Atomics.load(stop, 0) === 0) {
  renameSync(name, name + '.away'); renameSync(link, name)
  renameSync(name, link); renameSync(name + '.away', name)
}`

/** What a machine cannot make is missing, and only the case that looks for it is told as broken. */
const attempt = (make: () => void): void => {
  try {
    make()
  } catch {
    // The case says so.
  }
}

type Shape = ReadonlyMap<string, string>

/** What is not as it was, each with what it is now. */
const changesFrom = (before: Shape, after: Shape): string[] =>
  [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name}: ${after.get(name) ?? 'gone'}`)
    .toSorted()

/** What stands at a path: its kind, its mode, what is in it. */
const shapeOf = (path: string): string => {
  const stats = lstatSync(path)
  const mode = (stats.mode & 0o7777).toString(8)
  const content = (): string =>
    stats.size > READ_BYTES_MAX ? `of ${stats.size} bytes` : readFileSync(path, 'utf8')
  if (stats.isSymbolicLink()) return `link to ${readlinkSync(path)}`
  if (stats.isDirectory()) return `folder ${mode}`
  return stats.isFile() ? `file ${mode} ${content()}` : `no file ${mode}`
}

/** Everything below a folder, by its place there. A walk of its own: `recursive` of Node follows links. */
const treeOf = (root: string, at = ''): Shape =>
  new Map(
    readdirSync(join(root, at), { withFileTypes: true }).flatMap((entry): [string, string][] => {
      const name = join(at, entry.name)
      const below = entry.isDirectory() ? treeOf(root, name) : []
      return [[name, shapeOf(join(root, name))], ...below]
    }),
  )

/** The rows of each table, and the rest of a database; that somebody holds a lock counts as a change. */
const tablesOf = (file: string): Shape => {
  try {
    using database = new DatabaseSync(file, { timeout: 0 })
    const all = (sql: string): string => JSON.stringify(database.prepare(sql).all())
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
    database.exec('BEGIN IMMEDIATE; ROLLBACK')
    return new Map([
      ...tables.map(({ name }): [string, string] => [String(name), all(`SELECT * FROM "${String(name)}"`)]),
      ['its tables, views and triggers', all('SELECT sql FROM sqlite_schema')],
      ['its settings', all('PRAGMA user_version') + all('PRAGMA journal_mode')],
    ])
  } catch (error) {
    return new Map([['the database', String(error)]])
  }
}

/**
 * What the guests of the attack would love to get hold of: a folder that may be mounted, full of links, odd files and odd names; a
 * database; a folder beside them that nobody grants. A secret lies in all that a policy hides.
 */
export class PlantedWorld implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'tollgate-world-'))
  readonly #secret = `planted-${randomUUID()}`
  readonly database = join(this.#root, DATABASE)
  readonly mounted = join(this.#root, MOUNTED)
  readonly beside = join(this.#root, BESIDE)
  #files: Shape = new Map()
  #tables: Shape = new Map()

  /** Puts everything as it should be before a case, and remembers how it is. */
  reset(): void {
    if (this.#files.size > 0 && this.#changes().length === 0 && this.#changedTables().length === 0) return
    rmSync(this.#root, { recursive: true, force: true })
    mkdirSync(this.#root, { mode: 0o700 })
    this.#plant()
    this.#plantLinks()
    this.#plantOddFiles()
    this.#files = this.#look()
    this.#tables = tablesOf(this.database)
  }

  #write(name: string, text: string): void {
    const path = join(this.#root, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text)
  }

  #plant(): void {
    for (const name of ['ok.csv', 'sub/ok.csv', 'old.csv', 'swapped/f.csv'])
      this.#write(`${MOUNTED}/${name}`, 'inside')
    // What is replaced must not keep such a mode.
    chmodSync(join(this.mounted, 'old.csv'), 0o4777)
    this.#write('secret.csv', this.#secret)
    this.#write(`${MOUNTED}-evil/secret.csv`, this.#secret)
    for (const name of ['secret.csv', 'linked.csv', 'f.csv']) this.#write(`${BESIDE}/${name}`, this.#secret)
    this.#write(DATABASE, '')
    using database = new DatabaseSync(this.database)
    database.exec(shopOf(this.#secret))
  }

  #plantLinks(): void {
    const links = join(this.mounted, 'links')
    mkdirSync(links)
    const targets = {
      file: join(this.beside, 'secret.csv'),
      folder: this.beside,
      relative: `../../${BESIDE}/secret.csv`,
      chain: 'file',
      chain2: 'chain',
      dangling: join(this.beside, 'new.csv'),
      inward: '../sub',
      loop: 'loop',
      self: '/proc/self',
    }
    for (const [name, target] of Object.entries(targets)) symlinkSync(target, join(links, name))
    symlinkSync(this.beside, this.#swappedLink)
  }

  #plantOddFiles(): void {
    const odd = join(this.mounted, 'odd')
    mkdirSync(odd)
    const [fifo, sparse] = [join(odd, 'fifo.csv'), join(odd, 'sparse.csv')]
    attempt(() => execFileSync('mkfifo', [fifo], { stdio: 'ignore' }))
    attempt(() => {
      writeFileSync(sparse, '')
      truncateSync(sparse, SPARSE_BYTES)
    })
    linkSync(join(this.beside, 'linked.csv'), join(odd, 'hard.csv'))
    for (let n = 0; n < MANY_FILES; n += 1) this.#write(`${MOUNTED}/many/${n}.csv`, '')
    this.#write(`${MOUNTED}/deep/${'d/'.repeat(DEEP_FOLDERS)}end.csv`, '')
    for (const name of ODD_NAMES) this.#write(`${MOUNTED}/names/${name}`, this.#secret)
  }

  get #swappedLink(): string {
    return join(this.#root, 'swapped-link')
  }

  #look(): Shape {
    const files = new Map(treeOf(this.#root))
    // Its tables tell more of it.
    files.delete(DATABASE)
    return files
  }

  #changes(): string[] {
    return changesFrom(this.#files, this.#look())
  }

  #changedTables(): string[] {
    return changesFrom(this.#tables, tablesOf(this.database))
  }

  /** What is not as it was since the reset, and which of these texts hold the secret, as it is or in a common coding. */
  seen(came: Readonly<Record<string, unknown>>): PlantedSeen {
    const changes = this.#changes()
    const isInside = (change: string): boolean => change.startsWith(`${MOUNTED}/`)
    const inside = changes.filter(isInside).map((change) => change.slice(MOUNTED.length + 1))
    const codings = (['utf8', 'base64', 'hex'] as const).map((coding) =>
      Buffer.from(this.#secret).toString(coding).replace(/=+$/, ''),
    )
    const leaks = Object.entries({ ...came, 'a file of the mount': inside })
      .filter(([, what]) => codings.some((coded) => JSON.stringify(what).includes(coded)))
      .map(([name]) => name)
    return {
      inside,
      outside: changes.filter((change) => !isInside(change)),
      tables: this.#changedTables(),
      leaks,
    }
  }

  /** Swaps the folder `swapped` of the mount with a link to the one beside it, again and again, until it is disposed of. */
  swapping(): AsyncDisposable {
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const workerData = { name: join(this.mounted, 'swapped'), link: this.#swappedLink, stop }
    const swapper = new Worker(SWAP, { eval: true, workerData })
    const { promise: over, resolve } = Promise.withResolvers<void>()
    swapper.on('error', () => undefined)
    swapper.once('exit', () => resolve())
    return {
      [Symbol.asyncDispose]: () => {
        Atomics.store(stop, 0, 1)
        return over
      },
    }
  }

  [Symbol.dispose](): void {
    // A swapping that goes on may get in the way.
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 3 })
  }
}
