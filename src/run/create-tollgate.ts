import { availableParallelism } from 'node:os'
import { z } from 'zod'
import { toAuditRecord } from '../audit/project.ts'
import { openAuditSink, type AuditSink } from '../audit/sinks.ts'
import { verifyAudit } from '../audit/verify.ts'
import type { Answer } from '../broker/call.ts'
import type { Capability } from '../capabilities/capability.ts'
import { createRegistry } from '../capabilities/registry.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { openJournalBuffer, type JournalBuffer } from '../journal/buffer.ts'
import type { EventRow, Store } from '../stores/ports.ts'
import { openSqliteStore } from '../stores/sqlite/sqlite-store.ts'
import { openCagePool, type CagePool } from './cage-pool.ts'
import { createHttpPowers } from './http-powers.ts'
import { KeyedRuns } from './keyed-runs.ts'
import type { RunOptions, Tollgate, TollgateOptions } from './options.ts'
import { createPolicyLoader } from './policy-loader.ts'
import type { Powers } from './powers.ts'
import { mustParse, prepareRun, type PreparedRun, type PrepareSetting } from './prepare.ts'
import type { RunEvent, RunResult } from './result.ts'
import { Run, type RunSetting } from './run.ts'
import { TaskLedgers } from './task-ledgers.ts'

const STATE_DEFAULT = '.tollgate'
const LIST_LIMIT_DEFAULT = 100

const callback = z.custom<(...args: never[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
)
const optionsSchema = z.strictObject({
  state: z.string().min(1).optional(),
  tools: z
    .array(
      z.custom<object>(
        (value) => typeof value === 'object' && value !== null,
        'must be made with defineTool()',
      ),
    )
    .optional(),
  approve: callback.optional(),
  auditLog: z.string().min(1).optional(),
  powers: z.object({}).optional(),
  spareCages: z.int().min(0).max(64).optional(),
  concurrentRunsMax: z.int().min(1).max(1024).optional(),
  onEvent: callback.optional(),
})

const createPowers = (given: Partial<Powers> = {}): Powers => ({
  http: given.http ?? createHttpPowers(),
  now: given.now ?? (() => Date.now()),
  env: given.env ?? process.env,
})

/** A callback of the embedder that throws is the embedder's to mend; it must not end a run. */
function tell(listener: ((event: RunEvent) => void) | undefined, event: RunEvent): void {
  try {
    listener?.(event)
  } catch (error) {
    process.emitWarning(`An onEvent callback threw: ${(error as Error).message}`, 'TollgateWarning')
  }
}

/**
 * Opens a Tollgate: a state folder, a pool of cages, and the host tools that policies may grant. Close it, or declare it with
 * `await using`. Throws CONFIG_USAGE, CONFIG_STATE_UNUSABLE.
 */
export async function createTollgate(options: TollgateOptions = {}): Promise<Tollgate> {
  mustParse(optionsSchema, options, 'createTollgate()')
  const {
    state = STATE_DEFAULT,
    tools = [],
    auditLog,
    spareCages = 1,
    concurrentRunsMax = 2 * availableParallelism(),
  } = options
  const capabilities = createRegistry({ tools })
  const powers = createPowers(options.powers)
  const store = openSqliteStore(state)
  const sink = auditLog === undefined ? undefined : openAuditSink(auditLog)
  const onKept = (rows: readonly EventRow[]): void => {
    for (const { record, hash } of rows) sink?.write(record, hash)
  }
  const buffer = openJournalBuffer(store.journal, onKept)
  const pool = openCagePool({ sparesMax: spareCages, runsMax: concurrentRunsMax })
  const emit = (event: RunEvent, run: PreparedRun): void => {
    tell(options.onEvent, event)
    tell(run.onEvent, event)
  }
  const setting: RunSetting = {
    store,
    buffer,
    pool,
    powers,
    onKept,
    emit,
    ledgers: new TaskLedgers(store.tasks, () => powers.now()),
    capabilities: new Map(capabilities.map((capability) => [capability.name, capability])),
    underWay: new Map<string, Promise<Answer>>(),
  }
  const prepare: PrepareSetting = {
    compile: createPolicyLoader(capabilities, tools),
    capabilityNames: capabilities.map(({ name }: Capability) => name),
    env: powers.env,
    approve: options.approve,
  }
  return assemble({ setting, prepare, store, buffer, pool, sink })
}

type Parts = {
  readonly setting: RunSetting
  readonly prepare: PrepareSetting
  readonly store: Store
  readonly buffer: JournalBuffer
  readonly pool: CagePool
  readonly sink: AuditSink | undefined
}

function assemble({ setting, prepare, store, buffer, pool, sink }: Parts): Tollgate {
  const active = new Set<Promise<RunResult>>()
  const force = new AbortController()
  const keyed = new KeyedRuns(store.runs)
  let closing: Promise<void> | undefined

  const start = (prepared: PreparedRun): Promise<RunResult> => {
    const run = new Run(prepared, setting)
    return keyed.join(prepared, run)
  }
  const run = async (options: RunOptions): Promise<RunResult> => {
    if (closing !== undefined) throw new TollgateError('CONFIG_USAGE', 'This Tollgate was closed.')
    const prepared = await prepareRun(options, prepare)
    const signal =
      prepared.signal === undefined ? force.signal : AbortSignal.any([prepared.signal, force.signal])
    const result = start({ ...prepared, signal })
    active.add(result)
    try {
      return await result
    } finally {
      active.delete(result)
    }
  }
  const close = async (isForced: boolean): Promise<void> => {
    if (isForced) force.abort()
    await Promise.allSettled([...active])
    await pool.close()
    buffer.flush('synced')
    store.close()
    await sink?.close()
  }
  return {
    run,
    runs: {
      get: (runId) => Promise.resolve(readResult(store.runs.get(runId)?.result)),
      list: ({ task, limit = LIST_LIMIT_DEFAULT } = {}) =>
        Promise.resolve(
          store.runs
            .list({ limit, ...(task !== undefined && { task }) })
            .flatMap(({ result }) => readResult(result) ?? []),
        ),
    },
    audit: {
      read: (filter = {}) => {
        buffer.flush('kept')
        return Promise.resolve(
          store.journal
            .read(filter)
            .map(({ record, previous, hash }) => toAuditRecord(record, previous, hash)),
        )
      },
      verify: () => {
        buffer.flush('kept')
        return Promise.resolve(verifyAudit(store))
      },
    },
    close: ({ force: isForced = false } = {}) => {
      if (isForced) force.abort()
      closing ??= close(isForced)
      return closing
    },
    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
}

const readResult = (json: string | undefined): RunResult | undefined =>
  json === undefined ? undefined : (JSON.parse(json) as RunResult)
