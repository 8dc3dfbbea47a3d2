import type { Duplex } from 'node:stream'
import pg from 'pg'
import type { Address } from '../../../../src/capabilities/db/postgres/address.ts'
import {
  PostgresConnection,
  type Batch,
  type Dial,
} from '../../../../src/capabilities/db/postgres/connection.ts'
import type { LoadedParts, PostgresParts } from '../../../../src/capabilities/db/postgres/line.ts'
import { postgresParts } from '../../../../src/capabilities/db/postgres/parts.ts'
import { createDbPowers, type DbPowers } from '../../../../src/run/db-powers.ts'

/** The locks before a server, some of them replaced. */
export const withParts = (weak: Partial<LoadedParts>, dial: Dial = createDbPowers().dial): DbPowers => {
  const strong = postgresParts(dial)
  const postgres: PostgresParts = { dial, load: async () => ({ ...(await strong.load()), ...weak }) }
  const powers = { ...createDbPowers(), postgres }
  return powers
}

/** Whatever the statement says, it is sent. */
export const noGate: Partial<LoadedParts> = {
  gate: ({ sql, params }) => ({ text: sql, values: Array.isArray(params) ? params : [] }),
}

/** Nobody asks what the role can do. */
export const noFitness: Partial<LoadedParts> = {
  open: () =>
    Promise.resolve({
      tables: [],
      named: {
        tables: EVERY,
        functions: EVERY,
        columns: EVERY,
        rowFunctions: new Set(),
        valueFunctions: new Set(),
        writable: new Map(),
      },
    }),
}

/** Has everything. */
const EVERY = new (class extends Set<string> {
  override has(): boolean {
    return true
  }
})()

/** A transaction that may write. */
export const mayWrite: Partial<LoadedParts> = {
  begin: 'BEGIN READ WRITE',
}

/** A connection that sends texts as they are, of however many statements. */
class SimpleConnection extends PostgresConnection {
  readonly #simple: pg.Client

  constructor(address: Address, dial: Dial, settings: Readonly<Record<string, string>>) {
    super(address, dial, settings)
    const { host, port, user, password, database } = address
    this.#simple = new pg.Client({ host, port, user, password, database, ssl: false })
    this.#simple.on('error', () => undefined)
  }

  override async open(): Promise<void> {
    await super.open()
    await this.#simple.connect()
  }

  override destroy(reason?: Error): void {
    super.destroy(reason)
    ;(this.#simple as unknown as { connection: { stream: Duplex } }).connection.stream.destroy()
  }

  override async *batches(text: string, values: readonly unknown[]): AsyncGenerator<Batch> {
    const config = { text, rowMode: 'array' as const, ...(values.length > 0 && { values: [...values] }) }
    const found = (await this.#simple.query(config)) as unknown as pg.QueryArrayResult | pg.QueryArrayResult[]
    const last = Array.isArray(found) ? found.at(-1) : found
    yield {
      columns: last?.fields.map(({ name }) => name) ?? [],
      rows: (last?.rows ?? []).map((row: unknown[]) => row.map(String)),
    }
  }
}

export const simpleProtocol: Partial<LoadedParts> = { connect: (...of) => new SimpleConnection(...of) }
