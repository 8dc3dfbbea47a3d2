import * as z from 'zod'
import { toAuditRecord } from '../audit/project.ts'
import { verifyAudit } from '../audit/verify.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { AuditRecord, AuditVerdict } from '../audit/record.ts'
import { KeyedRuns } from './keyed-runs.ts'
import type { RunOptions, Tollgate } from './options.ts'
import type { TollgateParts } from './parts.ts'
import { mustParse, prepareRun } from './prepare.ts'
import type { RunResult } from './result.ts'
import { Run } from './run.ts'

const LIST_LIMIT_DEFAULT = 100

const limit = z.int().min(1).optional()
const runsFilter = z.strictObject({ task: z.string().optional(), limit })
const auditFilter = z.strictObject({ runId: z.string().optional(), limit })

const parseResult = (json: string): RunResult => JSON.parse(json) as RunResult

/** Puts the parts together. Runs that go on are known, so that closing can wait for them or end them. */
class Assembled implements Tollgate {
  readonly #parts: TollgateParts
  readonly #keyed: KeyedRuns
  readonly #active = new Set<Promise<unknown>>()
  readonly #force = new AbortController()
  #closing: Promise<void> | undefined

  constructor(parts: TollgateParts) {
    this.#parts = parts
    this.#keyed = new KeyedRuns(parts.setting.store.runs)
  }

  async run(options: RunOptions): Promise<RunResult> {
    this.#mustBeOpen()
    const result = this.#run(options)
    this.#active.add(result)
    try {
      return await result
    } finally {
      this.#active.delete(result)
    }
  }

  async #run(options: RunOptions): Promise<RunResult> {
    const prepared = await prepareRun(options, this.#parts.prepare, this.#force.signal)
    return this.#keyed.join(prepared, new Run(prepared, this.#parts.setting))
  }

  readonly runs: Tollgate['runs'] = {
    get: async (runId) => {
      const run = this.#store.runs.get(runId)
      return run?.result === undefined ? undefined : parseResult(run.result)
    },
    list: async (filter = {}) => {
      mustParse(runsFilter, filter, 'runs.list()')
      const { task, limit: runsMax = LIST_LIMIT_DEFAULT } = filter
      const runs = this.#store.runs.list({ limit: runsMax, ...(task !== undefined && { task }) })
      return runs.flatMap(({ result }) => (result === undefined ? [] : [parseResult(result)]))
    },
  }

  readonly audit: Tollgate['audit'] = {
    read: async (filter = {}): Promise<AuditRecord[]> => {
      mustParse(auditFilter, filter, 'audit.read()')
      const { journal } = this.#flushed()
      return journal.read(filter).map(({ record, previous, hash }) => toAuditRecord(record, previous, hash))
    },
    verify: async (): Promise<AuditVerdict> => verifyAudit(this.#flushed()),
  }

  close({ force = false }: { force?: boolean } = {}): Promise<void> {
    if (force) this.#force.abort()
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { setting, sink } = this.#parts
    await Promise.allSettled(this.#active)
    await setting.pool.close()
    try {
      setting.buffer.flush('synced')
    } finally {
      setting.store.close()
      await sink?.close()
    }
  }

  get #store(): TollgateParts['setting']['store'] {
    this.#mustBeOpen()
    return this.#parts.setting.store
  }

  /** The store with everything in it that happened. */
  #flushed(): TollgateParts['setting']['store'] {
    const store = this.#store
    this.#parts.setting.buffer.flush('kept')
    return store
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw new TollgateError('CONFIG_USAGE', 'This Tollgate was closed.')
  }
}

/** Makes a Tollgate of its parts; they are its own from now on, and end with it. */
export const assembleTollgate = (parts: TollgateParts): Tollgate => new Assembled(parts)
