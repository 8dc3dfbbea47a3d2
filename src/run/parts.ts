import { mkdirSync, openSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname } from 'node:path'
import { openAuditSink, STDERR_DESCRIPTOR, type AuditSink } from '../audit/sinks.ts'
import type { Answer } from '../broker/call.ts'
import { launchCage } from '../cage/launch.ts'
import { bestTier } from '../cage/probe.ts'
import type { Tier } from '../cage/tiers.ts'
import { createRegistry } from '../capabilities/registry.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { openJournalBuffer } from '../journal/buffer.ts'
import type { EventRow, Store } from '../stores/ports.ts'
import { openSqliteStore } from '../stores/sqlite/sqlite-store.ts'
import { createBundler } from './bundler-process.ts'
import { openCagePool } from './cage-pool.ts'
import { CHILD_BOUNDS } from './child-bounds.ts'
import { createDbPowers } from './db-powers.ts'
import { createFilePowers } from './file-powers.ts'
import { createHttpPowers } from './http-powers.ts'
import type { TollgateOptions } from './options.ts'
import { createPolicyLoader } from './policy-loader.ts'
import type { Powers } from './powers.ts'
import type { PreparedRun, PrepareSetting } from './prepare.ts'
import type { RunEvent } from './result.ts'
import type { RunSetting } from './run-setting.ts'
import { TaskLedgers } from './task-ledgers.ts'
import { TokenHolders } from './token-holders.ts'

/** Everything that a Tollgate is made of; whoever puts one together by hand may replace single parts. */
export type TollgateParts = {
  readonly setting: RunSetting
  readonly prepare: PrepareSetting
  readonly sink: AuditSink | undefined
}

const STATE_DEFAULT = '.tollgate'
const RUNS_MAX_DEFAULT = 64

/** A policy may allow one run 4 GB: less would refuse it for ever. */
const halfOfMemoryMb = (): number => Math.max(4096, Math.floor(totalmem() / 2 ** 21))

const createPowers = (
  tier: Tier,
  store: Store,
  stateFolder: string | undefined,
  given: Partial<Powers> = {},
): Powers => ({
  http: given.http ?? createHttpPowers(),
  db: given.db ?? createDbPowers(),
  filesystem: { commits: store.fileCommits, ...(given.filesystem ?? createFilePowers(stateFolder)) },
  kv: given.kv ?? store.kv,
  bundler: given.bundler ?? createBundler(),
  launchCage: given.launchCage ?? ((isStrict) => launchCage({ tier, isStrict })),
  now: given.now ?? (() => Date.now()),
  env: given.env ?? process.env,
})

/** A callback of the embedder that fails is the embedder's to mend; it must not end a run, nor the host. */
async function tell(listener: ((event: RunEvent) => unknown) | undefined, event: RunEvent): Promise<void> {
  try {
    await listener?.(event)
  } catch (error) {
    process.emitWarning(`An onEvent callback threw: ${String(error)}`, 'TollgateWarning')
  }
}

/** Opens the audit log. Throws CONFIG_STATE_UNUSABLE. */
function openSink(auditLog: string | undefined): AuditSink | undefined {
  if (auditLog === undefined) return undefined
  if (auditLog === 'stderr') return openAuditSink(STDERR_DESCRIPTOR)
  try {
    mkdirSync(dirname(auditLog), { recursive: true })
    return openAuditSink(openSync(auditLog, 'a', 0o600))
  } catch (cause) {
    throw new TollgateError('CONFIG_STATE_UNUSABLE', `The audit log ${auditLog} cannot be written.`, {
      cause,
    })
  }
}

/** Opens the state; a log that was opened already is closed again when that fails. */
function openStore(state: string, sink: AuditSink | undefined): Store {
  try {
    return openSqliteStore(state)
  } catch (error) {
    void sink?.close()
    throw error
  }
}

/** Opens the parts of a Tollgate from options that were judged. Throws CONFIG_USAGE, CONFIG_STATE_UNUSABLE, CONFIG_TIER_UNAVAILABLE. */
export function openParts(options: TollgateOptions): TollgateParts {
  const { state = STATE_DEFAULT, tools = [], auditLog, spareCages = 1, onEvent } = options
  const { concurrentRunsMax = RUNS_MAX_DEFAULT, memoryMbMax = halfOfMemoryMb() } = options
  const capabilities = createRegistry({ tools })
  const capabilityNames = capabilities.map(({ name, guestName = name }) => guestName)
  const tier = bestTier(options.minTier)
  const sink = openSink(auditLog)
  const store = openStore(state, sink)
  const powers = createPowers(tier, store, state === ':memory:' ? undefined : state, options.powers)
  const onKept = (rows: readonly EventRow[]): void => {
    for (const { record, hash } of rows) sink?.write(record, hash)
  }
  const emit = (event: RunEvent, run: PreparedRun): void => {
    void tell(onEvent, event)
    void tell(run.onEvent, event)
  }
  const setting: RunSetting = {
    tier,
    store,
    buffer: openJournalBuffer(store.journal, onKept),
    pool: openCagePool({
      launch: (isStrict) => powers.launchCage(isStrict),
      sparesMin: spareCages,
      runsMax: concurrentRunsMax,
      memoryMbMax,
    }),
    powers,
    onKept,
    emit,
    ledgers: new TaskLedgers(store.tasks, () => powers.now()),
    capabilityNames,
    childBounds: CHILD_BOUNDS,
    capabilities: new Map(capabilities.map((capability) => [capability.name, capability])),
    underWay: new Map<string, Promise<Answer>>(),
  }
  const prepare: PrepareSetting = {
    compile: createPolicyLoader(capabilities, tools),
    capabilityNames,
    env: powers.env,
    provideSecret: options.secrets,
    holders: new TokenHolders(() => performance.now()),
    approve: options.approve,
    bundler: powers.bundler,
  }
  return { setting, prepare, sink }
}
