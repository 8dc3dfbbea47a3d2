import { TollgateError } from '../../errors/tollgate-error.ts'
import type { ChildPower, Commit, DriverSetting, Outcome } from '../capability.ts'
import type { AnswerParts } from './answer-parts.ts'
import { readAnswer, readRows, readTables, readWritten } from './answer.ts'
import { leftOf } from './attenuation.ts'
import type { DatabaseGrant } from './database-grant.ts'
import type { DatabaseLine } from './database-line.ts'
import { DatabaseProcess } from './database-process.ts'
import { ANSWER_EXTRA_BYTES } from './frames.ts'
import type { DbRequest, DbRows, DbTable } from './ops.ts'
import { lostError, refusalError } from './refusal-error.ts'
import { rowOutcome } from './row-outcome.ts'
import { digestAfter, StagedStatements } from './staged-statements.ts'
import { StatementQueue, type Begun } from './statement-queue.ts'
import type { OpenQuestion, Question, StatementBounds } from './wire.ts'

type RunFacts = Pick<DriverSetting, 'principal' | 'runId'>
type Live = { readonly process: DatabaseProcess; readonly tables: readonly DbTable[] }

/** So long may a run keep others from writing, humans that it waits for included. */
const LOCK_MS_MAX = 300_000
/** So long may a rollback take, and a file left behind by a killed process take to be mended. */
const ROLLBACK_MS_MAX = 2_000

/** So long may a statement go on whose rows nobody wants any more; a process that is started anew takes about as long. */
const LEFT_MS_MAX = 50

const NEVER = new AbortController().signal

/**
 * An SQLite database of one run. Its statements queue; a process that was killed is replaced at the next one, unless the run has
 * written by it: what it wrote went with it, and so nothing goes on.
 */
export class SqliteLine implements DatabaseLine {
  readonly #database: DatabaseGrant
  readonly #power: ChildPower
  readonly #setting: RunFacts
  readonly #staged: StagedStatements
  readonly #queue = new StatementQueue()
  #live: Live | undefined
  #isClosed = false
  #hasWritten = false
  #lost: string | undefined
  /** The tables are other ones than when the file was opened. */
  #isOutdated = false
  #lock: NodeJS.Timeout | undefined

  constructor(database: DatabaseGrant, power: ChildPower, setting: RunFacts) {
    this.#database = database
    this.#power = power
    this.#setting = setting
    this.#staged = new StagedStatements(database.name)
  }

  perform(request: DbRequest, bounds: StatementBounds, signal: AbortSignal): Promise<Outcome> {
    return this.#queue.add(() => this.#perform(request, bounds, signal), signal)
  }

  staged(): Commit | undefined {
    this.#checkKept()
    const args = this.#staged.commit
    return args && { op: `db.${this.#database.name}.commit`, args, comesLast: true }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#queue.close()
    clearTimeout(this.#lock)
    const { process } = this.#live ?? {}
    // What somebody still read from is rolled back without it.
    if (process?.isBusy === true) process.kill()
    if (process !== undefined && this.#hasWritten) await this.#rollBack(process)
    process?.kill()
  }

  async #perform(request: DbRequest, bounds: StatementBounds, signal: AbortSignal): Promise<Begun> {
    this.#checkKept()
    try {
      return await this.#performOn(await this.#open(signal), request, bounds, signal)
    } catch (error) {
      // Nothing of it was done. Once more with the tables as they are, unless writes went with the process.
      if (!this.#isOutdated || this.#staged.count > 0) throw error
      return await this.#performOn(await this.#open(signal), request, bounds, signal)
    }
  }

  async #performOn(
    { process, tables: all }: Live,
    request: DbRequest,
    bounds: StatementBounds,
    signal: AbortSignal,
  ): Promise<Begun> {
    switch (request.kind) {
      case 'schema': {
        const tables = all.filter(({ name }) => !bounds.hidden.includes(name.toLowerCase()))
        return { outcome: outcomeOf({ tables }, JSON.stringify(tables).length) }
      }
      case 'query':
        return this.#query(request, bounds, process, signal)
      case 'execute':
        return { outcome: await this.#execute(request, bounds, process, signal) }
      case 'commit':
        return { outcome: await this.#commit(request, process, signal) }
    }
  }

  async #query(
    { sql, params, first }: DbRequest & { kind: 'query' },
    bounds: StatementBounds,
    process: DatabaseProcess,
    signal: AbortSignal,
  ): Promise<Begun> {
    const question = { ask: 'query', sql, params, first, ...bounds } as const
    const parts = process.ask(question, signal, this.#database.timeoutMs)
    const read = (text: string, rowsLeft: number): DbRows => {
      const answer = this.#judged(process, () => readAnswer(text))
      if (!answer.ok) throw this.#refused(process, answer, bounds)
      return this.#judged(process, () => readRows(answer.fields, rowsLeft))
    }
    const outcome = await rowOutcome(parts, bounds.rowsMax, read, () => this.#leave(parts, process))
    return { outcome, over: parts.arrived }
  }

  /** Nobody wants the rest: the next statement does not wait for it for long, unless the transaction of the run would go with it. */
  #leave(parts: AnswerParts, process: DatabaseProcess): void {
    const holdsWrites = (): boolean => this.#hasWritten && this.#isOfRun
    if (holdsWrites()) return
    setTimeout(() => {
      if (!parts.isWhole && !holdsWrites()) process.kill()
    }, LEFT_MS_MAX).unref()
  }

  async #execute(
    { sql, params, verb, mayDelete }: DbRequest & { kind: 'execute' },
    bounds: StatementBounds,
    process: DatabaseProcess,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const isOfRun = this.#isOfRun
    this.#hasWritten = true
    const marker = isOfRun ? null : { runId: this.#setting.runId, digest: digestAfter('', { sql, params }) }
    try {
      const question = { ask: 'execute', sql, params, verb, mayDelete, marker, ...bounds } as const
      const text = await this.#ask(process, question, signal, bounds)
      const { fields, ingressBytes } = text
      const value = this.#judged(process, () => readWritten(fields, bounds.rowsMax))
      if (isOfRun) this.#stage({ sql, params }, process)
      return { ...outcomeOf(value, ingressBytes), facts: { changes: value.changes } }
    } catch (error) {
      // What belongs to the transaction of the run has happened to nobody before it is committed.
      throw isOfRun && error instanceof TollgateError ? error.with({ notPerformed: true }) : error
    }
  }

  /** Whether what the run writes is one transaction. */
  get #isOfRun(): boolean {
    return this.#database.transaction === 'run'
  }

  #stage(statement: Parameters<StagedStatements['add']>[0], process: DatabaseProcess): void {
    this.#staged.add(statement)
    this.#lock ??= setTimeout(() => {
      this.#lost = `its transaction was open for ${LOCK_MS_MAX / 1000} s`
      this.#rollBack(process).catch(() => process.kill())
    }, LOCK_MS_MAX).unref()
  }

  async #commit(
    { statements, digest }: DbRequest & { kind: 'commit' },
    process: DatabaseProcess,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const staged = this.#staged.commit
    if (staged?.digest !== digest || staged.statements !== statements)
      throw lostError(this.#database, 'they are not what would be committed')
    clearTimeout(this.#lock)
    const { ingressBytes } = await this.#ask(
      process,
      { ask: 'commit', runId: this.#setting.runId, digest },
      signal,
    )
    this.#staged.clear()
    return outcomeOf({ statements }, ingressBytes)
  }

  /** A question with one answer. What the process refuses, it has not done. */
  async #ask(
    process: DatabaseProcess,
    question: Question,
    signal: AbortSignal,
    bounds?: StatementBounds,
  ): Promise<{ readonly fields: Readonly<Record<string, unknown>>; readonly ingressBytes: number }> {
    const { text } = await process.ask(question, signal, this.#database.timeoutMs).next()
    const answer = this.#judged(process, () => readAnswer(text))
    if (!answer.ok) throw this.#refused(process, answer, bounds).with({ notPerformed: true })
    return { fields: answer.fields, ingressBytes: Buffer.byteLength(text) }
  }

  /**
   * Ends the transaction in order. A process that was killed has left a journal, with which nobody can read the file who may not
   * write it: another process opens it, and so rolls it back.
   */
  async #rollBack(process: DatabaseProcess): Promise<void> {
    await this.#queue.idle
    if (!process.isOver) {
      await process.ask({ ask: 'rollback' }, NEVER, ROLLBACK_MS_MAX).arrived
      return process.kill()
    }
    const mending = new DatabaseProcess(this.#power, ANSWER_EXTRA_BYTES)
    await mending.ask(this.#question(), NEVER, ROLLBACK_MS_MAX).arrived
    if (!mending.isOver) await mending.ask({ ask: 'mend' }, NEVER, ROLLBACK_MS_MAX).arrived
    mending.kill()
  }

  #checkKept(): void {
    if (this.#staged.count > 0 && this.#live?.process.isOver === true)
      this.#lost ??= 'the process that held them ended'
    if (this.#lost !== undefined) throw lostError(this.#database, this.#lost)
  }

  async #open(signal: AbortSignal): Promise<Live> {
    if (this.#live !== undefined && !this.#live.process.isOver) return this.#live
    this.#isOutdated = false
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
      tables: tables.map(({ name, show = null, mask, where, write }) => ({
        name,
        show,
        mask,
        filter: where?.pieces ?? null,
        write,
      })),
      functions,
      principal: this.#setting.principal,
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

  #refused(
    process: DatabaseProcess,
    answer: Parameters<typeof refusalError>[0],
    bounds?: StatementBounds,
  ): TollgateError {
    const left = bounds === undefined ? this.#database : leftOf(this.#database, bounds)
    const error = refusalError(answer, left)
    if (answer.refusal === 'lost' && this.#isOfRun) this.#lost ??= answer.detail
    this.#isOutdated = answer.refusal === 'changed'
    // A file that is gone or has changed is opened anew by the next call, unless the run has written to it.
    const isStale = error.code.startsWith('UPSTREAM_') && answer.refusal !== 'busy'
    if (answer.isOpening === true || isStale) process.kill()
    return error
  }
}

const outcomeOf = (value: unknown, ingressBytes: number): Outcome => ({ value, ingressBytes, egressBytes: 0 })
