import { TollgateError } from '../../errors/tollgate-error.ts'
import type { ChildPower, Chunks, Outcome } from '../capability.ts'
import { readAnswer, readRows, readTables } from './answer.ts'
import type { DatabaseGrant } from './database-grant.ts'
import type { DatabaseLine } from './database-line.ts'
import { DatabaseProcess } from './database-process.ts'
import { ANSWER_EXTRA_BYTES } from './frames.ts'
import type { DbRequest, DbTable } from './ops.ts'
import { refusalError } from './refusal-error.ts'
import type { OpenQuestion } from './wire.ts'

/** What a statement answers first, and when all of it is here. */
type Begun = { readonly outcome: Outcome; readonly arrived: Promise<void> | undefined }

type Live = { readonly process: DatabaseProcess; readonly tables: readonly DbTable[] }

/** An SQLite database of one run. Its statements queue; a process that was killed is replaced at the next one. */
export class SqliteLine implements DatabaseLine {
  readonly #database: DatabaseGrant
  readonly #power: ChildPower
  readonly #principal: string
  #live: Live | undefined
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(database: DatabaseGrant, power: ChildPower, principal: string) {
    this.#database = database
    this.#power = power
    this.#principal = principal
  }

  perform(request: DbRequest, signal: AbortSignal): Promise<Outcome> {
    const began = this.#last.then(() => this.#perform(request, signal))
    // The next statement waits for all of this one's answer, not for whoever reads it.
    this.#last = began.then(
      ({ arrived }) => arrived,
      () => undefined,
    )
    return began.then(({ outcome }) => outcome)
  }

  close(): void {
    this.#isClosed = true
    this.#live?.process.kill()
  }

  async #perform(request: DbRequest, signal: AbortSignal): Promise<Begun> {
    if (this.#isClosed || signal.aborted)
      throw new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the statement began.', {
        notPerformed: true,
      })
    const { process, tables } = await this.#open(signal)
    if (request.kind === 'schema')
      return { outcome: outcomeOf({ tables }, JSON.stringify(tables).length), arrived: undefined }
    const { sql, params, first } = request
    const { timeoutMs, rowsMax } = this.#database
    const parts = process.ask({ ask: 'query', sql, params, first }, signal, timeoutMs)
    let rowsLeft = rowsMax
    const next = async (): ReturnType<Chunks['next']> => {
      const { text, isLast } = await parts.next()
      const answer = this.#judged(process, () => readAnswer(text))
      if (!answer.ok) throw this.#refused(process, answer)
      const value = this.#judged(process, () => readRows(answer.fields, rowsLeft))
      rowsLeft -= value.rows.length
      return {
        value: isLast ? value : { ...value, more: true },
        ingressBytes: Buffer.byteLength(text),
        isLast,
      }
    }
    const { value, ingressBytes, isLast } = await next()
    // Of a result in parts, the records of its pulls tell the rest.
    const facts = { rows: rowsMax - rowsLeft, ...(!isLast && { more: true }) }
    const chunks: Chunks = { next, close: () => undefined }
    const outcome = { ...outcomeOf(value, ingressBytes), facts, ...(!isLast && { chunks }) }
    return { outcome, arrived: parts.arrived }
  }

  async #open(signal: AbortSignal): Promise<Live> {
    if (this.#live !== undefined && !this.#live.process.isOver) return this.#live
    const process = new DatabaseProcess(this.#power, this.#database.bytesMax + ANSWER_EXTRA_BYTES)
    const { text } = await process.ask(this.#question(), signal).next()
    const answer = this.#judged(process, () => readAnswer(text))
    if (!answer.ok) throw this.#refused(process, { ...answer, isOpening: true })
    this.#live = { process, tables: this.#judged(process, () => readTables(answer.fields)) }
    if (this.#isClosed) process.kill()
    return this.#live
  }

  #question(): OpenQuestion {
    const { file, folder, tables, functions, rowsMax, bytesMax } = this.#database
    return {
      ask: 'open',
      file: this.#power.resolvePath(folder, file),
      tables: tables.map(({ name, show = null, mask, where }) => ({
        name,
        show,
        mask,
        filter: where?.pieces ?? null,
      })),
      functions,
      principal: this.#principal,
      rowsMax,
      bytesMax,
    }
  }

  /** A process whose answer makes no sense is not asked again. */
  #judged<T>(process: DatabaseProcess, read: () => T): T {
    try {
      return read()
    } catch (error) {
      process.kill()
      throw error
    }
  }

  #refused(process: DatabaseProcess, answer: Parameters<typeof refusalError>[0]): TollgateError {
    const error = refusalError(answer, this.#database)
    // A file that is gone or has changed is opened anew by the next call.
    if (answer.isOpening === true || error.code.startsWith('UPSTREAM_')) process.kill()
    return error
  }
}

const outcomeOf = (value: unknown, ingressBytes: number): Outcome => ({ value, ingressBytes, egressBytes: 0 })
