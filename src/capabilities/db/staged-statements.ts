import { hash } from 'node:crypto'
import { canonicalJson } from '../../canonical/canonical-json.ts'
import type { CommitArguments, ExecuteArguments } from './ops.ts'

/** A digest over statements with their parameters, in order: each is chained to those before it. */
export const digestAfter = (before: string, { sql, params }: ExecuteArguments): string =>
  `sha256:${hash('sha256', canonicalJson([before, sql, params]))}`

/** The statements that a run has executed on one database and not committed yet. */
export class StagedStatements {
  readonly #database: string
  #digest = ''
  #count = 0

  constructor(database: string) {
    this.#database = database
  }

  get count(): number {
    return this.#count
  }

  add(statement: ExecuteArguments): void {
    this.#digest = digestAfter(this.#digest, statement)
    this.#count += 1
  }

  /** Names all of them; undefined where there are none. */
  get commit(): CommitArguments | undefined {
    return this.#count === 0
      ? undefined
      : { database: this.#database, statements: this.#count, digest: this.#digest }
  }

  clear(): void {
    this.#digest = ''
    this.#count = 0
  }
}
