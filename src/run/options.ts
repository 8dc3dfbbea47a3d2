import type { Reuse } from '../../runtime/abi/frames.ts'
import type { Tier } from '../cage/tiers.ts'
import type { ApproveCallback } from '../approval/ticket.ts'
import type { HostTool } from '../capabilities/host-tool.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import type { AuditRecord, AuditVerdict } from '../audit/record.ts'
import type { RunEvent, RunResult } from './result.ts'
import type { Powers } from './powers.ts'

/** On whose behalf a secret is asked for, and for how long the asker waits. */
export type SecretAsker = {
  readonly principal: string
  /** As the run was given it; undefined: the run is its own task. */
  readonly task: string | undefined
  /** Fires when nobody waits any longer. */
  readonly signal: AbortSignal
}

/** Gives the value that `provider:NAME` stands for. Asked once for each run, before it begins; what it throws is CONFIG_SECRET_MISSING. */
export type SecretProvider = (name: string, asker: SecretAsker) => Promise<string> | string

export type TollgateOptions = {
  /** Folder of the state (runs, journal, audit, tickets). Default `.tollgate`; `:memory:` keeps nothing. */
  state?: string
  /** The least hardening of cages; where it cannot be had, createTollgate throws CONFIG_TIER_UNAVAILABLE. Default: the best there is. */
  minTier?: Tier
  /** Host tools that policies may grant by name. */
  tools?: readonly HostTool[]
  /** Decides approval tickets. Without it every call that needs approval is refused. */
  approve?: ApproveCallback
  /** Receives every audit record after it was kept, through pino: a file path, or `stderr`. */
  auditLog?: string
  /** Replaces single powers (the resolver, the dialler, the clock), for embedders with their own DNS and for tests. */
  powers?: Partial<Powers>
  /** Cages kept started and unbound; while runs find none, up to 8 for some seconds. 0 keeps none ever. Default 1. */
  spareCages?: number
  /** Runs that go on at once; more wait, principals in turn. Default 64. */
  concurrentRunsMax?: number
  /** Memory that all runs together may come to use, by their max_memory_mb; more wait. Default: half of the machine's. */
  memoryMbMax?: number
  /** Gives the secrets that a policy takes from `provider:NAME`. */
  secrets?: SecretProvider
  onEvent?: (event: RunEvent) => void
}

export type RunOptions = {
  /** The tool: its source, or a file that holds it. Exactly one of the two. */
  code?: string
  file?: string
  /** A document, the path of a file, or what definePolicy returned. */
  policy: string | object | CompiledPolicy
  /** JSON data handed to the tool. Default null. */
  input?: unknown
  /** On whose behalf. Default `local`. */
  principal?: string
  /** Joins runs: the limits of the policy hold for all runs of a task together. */
  task?: string
  idempotencyKey?: string
  /** Higher goes first where runs of one principal wait for a place: -100 to 100, default 0. */
  priority?: number
  /**
   * What the run may take over from an earlier run of the same tool, principal and policy. Default: nothing, a fresh isolate.
   * `context`: a living isolate, in a new realm; no state of the tool is seen again. `isolate`: the tool as the earlier run left
   * it, with its module's state; for tools that are trusted to keep runs apart themselves.
   */
  reuse?: Reuse
  /** Cancels the run. */
  signal?: AbortSignal
  onEvent?: (event: RunEvent) => void
  /** Decides the tickets of this run instead of the callback of the Tollgate. */
  approve?: ApproveCallback
}

export interface Tollgate extends AsyncDisposable {
  /** Runs a tool. Resolves for everything that the guest or the world did; rejects (CONFIG_USAGE) only when it is misused. */
  run(options: RunOptions): Promise<RunResult>
  readonly runs: {
    get(runId: string): Promise<RunResult | undefined>
    /** Newest first. */
    list(filter?: { task?: string; limit?: number }): Promise<RunResult[]>
  }
  readonly audit: {
    read(filter?: { runId?: string; limit?: number }): Promise<AuditRecord[]>
    /** Recomputes every chain; names the first position that does not fit. */
    verify(): Promise<AuditVerdict>
  }
  /** Waits for the runs that go on (or ends them at once with `{ force: true }`), then ends every cage and closes the store. */
  close(options?: { force?: boolean }): Promise<void>
}
