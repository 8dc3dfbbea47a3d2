import { canonicalJson } from '../canonical/canonical-json.ts'
import type { Answer } from '../broker/call.ts'
import { CALLS_METER, COST_METER, CPU_METER } from '../budget/ledger.ts'
import type { UsageMeter } from '../budget/usage-meter.ts'
import { sha256 } from '../digest/sha256.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import { childLimits, type ChildLimits } from './child-limits.ts'
import { ChildMemory } from './child-memory.ts'
import { NO_TOTALS, sumOfTotals, type WatchTotals } from './limits-watch.ts'
import { writeInput, type PreparedRun } from './prepare.ts'
import { makeProgram } from './program.ts'
import type { RunResult } from './result.ts'
import type { RunDrivers } from './run-drivers.ts'
import type { RunLogs } from './run-logs.ts'
import type { RunReports } from './run-reports.ts'
import type { RunSetting } from './run-setting.ts'
import type { LedgerLease } from './task-ledgers.ts'

/** The capability whose power belongs to a run, not to a Tollgate. */
export const CHILDREN = 'code_exec'

/** A run as its children know it. */
export type ParentRun = {
  readonly runId: string
  readonly task: string
  readonly prepared: PreparedRun
  readonly setting: RunSetting
  /** What made it, when it is a child itself. */
  readonly origin: Origin | undefined
  readonly logs: RunLogs
  readonly usage: UsageMeter
  readonly reports: RunReports
  drivers(): RunDrivers
  ledger(): LedgerLease | undefined
  /** Answers of staged effects, those of children too; undefined when the run has no attempt any more. */
  staged(): Map<string, Answer> | undefined
  waitForHuman<T>(work: () => Promise<T>): Promise<T>
  reportCosts(): void
  /** Begins a run and executes it to its end. Rejects (INTERNAL_STORE) when it cannot begin. */
  start(prepared: PreparedRun, origin: Origin): Promise<RunResult>
}

/** What a child run is made with, beside what every run is. */
export type Origin = {
  readonly parent: Pick<
    ParentRun,
    'runId' | 'task' | 'drivers' | 'logs' | 'staged' | 'waitForHuman' | 'reportCosts'
  > & {
    readonly children: Children
  }
  /** The call of the parent that it belongs to. */
  readonly seq: number
  /** Draws on that of the parent. */
  readonly lease: LedgerLease
  /** Nobody reads what it prints. */
  readonly isQuarantined: boolean
}

/** A child as the capability orders it; see its powers.ts, told again here so that the host stands without that folder. */
type Order = {
  readonly code: string
  readonly input: unknown
  readonly grants: readonly string[]
  readonly limits: ChildLimits
  readonly isQuarantined: boolean
  readonly seq: number
  readonly maxChildren: number
  readonly maxDepth: number
  readonly signal: AbortSignal
}
type ChildEnding = { readonly runId: string } & (
  | { readonly status: 'done'; readonly value: unknown }
  | {
      readonly status: 'failed'
      readonly error: { readonly code: string; readonly message: string; readonly hint?: string }
    }
)

/** The children of one run: what each is given of it, and what comes back to it. The power of `code_exec`. */
export class Children {
  /** 0 for a run that nobody but the embedder started. */
  readonly depth: number
  /** Some have been started: the run cannot start again as if nothing had happened. */
  hasSome = false
  /** A child failed that may have staged something: what it staged is half a thing, so nothing is committed. */
  isSpoilt = false
  /** What children used that are over; their time passed on the clock of this run. */
  spent = NO_TOTALS
  readonly #run: ParentRun
  readonly #memory: ChildMemory

  constructor(run: ParentRun) {
    const above = run.origin?.parent.children
    this.#run = run
    this.depth = above === undefined ? 0 : above.depth + 1
    this.#memory =
      above === undefined ? new ChildMemory(run.prepared.policy.limits.maxMemoryMb) : above.#memory
  }

  /** Starts a child and waits for its end. Throws DENIED_NOT_GRANTED, LIMIT_CHILDREN, GUEST_ARGUMENTS. */
  async start(order: Order): Promise<ChildEnding> {
    const memoryMb = this.#memory.take(order.limits.max_memory_mb, order.maxChildren)
    try {
      this.hasSome = true
      const prepared = await this.#prepare(order, memoryMb)
      const result = await this.#run.start(prepared, this.#originOf(order))
      return endingOf(result)
    } finally {
      this.#memory.giveBack(memoryMb)
    }
  }

  /** Tells the parent, if there is one, what this run used, and whether what it staged is whole. */
  handOver(isDone: boolean, totals: WatchTotals): void {
    const { origin } = this.#run
    if (origin !== undefined) origin.parent.children.#adopt(this, isDone, totals)
  }

  #adopt(child: Children, isDone: boolean, totals: WatchTotals): void {
    const { usage, reports, prepared } = child.#run
    this.#run.usage.add(usage)
    this.#run.reports.adopt(reports.approvals)
    this.spent = sumOfTotals(this.spent, { ...totals, wallMs: 0 })
    this.isSpoilt ||= child.isSpoilt || (!isDone && usage.hasEffects && canStage(prepared.policy))
  }

  async #prepare(order: Order, memoryMb: number): Promise<PreparedRun> {
    const { prepared, setting } = this.#run
    const policy = this.#policyFor(order, memoryMb)
    const program = await makeProgram({ source: order.code, isScript: false }, setting.capabilityNames)
    const inputJson = writeInput(order.input)
    const request = { tool: program.digest, policy: policy.digest, input: sha256(inputJson) }
    return {
      ...prepared,
      policy,
      program,
      inputJson,
      idempotencyKey: undefined,
      reuse: undefined,
      requestDigest: sha256(canonicalJson(request)),
      signal: order.signal,
    }
  }

  #policyFor({ grants, limits, isQuarantined, maxDepth }: Order, memoryMb: number): CompiledPolicy {
    const { policy } = this.#run.prepared
    const depth = this.depth + 1
    const asked = childLimits(limits, this.#left(), { memoryMb, isQuarantined })
    const child = this.#run.setting.childBounds.policyOf(policy, { grants, limits: asked }, sha256)
    if (depth > maxDepth || (depth === maxDepth && child.grants.has(CHILDREN)))
      throw new TollgateError('DENIED_NOT_GRANTED', 'A child of this depth may start no children.', {
        hint: 'Hand exec to no child, or to none that is so deep.',
        change: `raise permissions.${CHILDREN}.max_depth`,
        notPerformed: true,
      })
    return child
  }

  /** The limits of the run, less what is used. */
  #left(): CompiledPolicy['limits'] {
    const { limits } = this.#run.prepared.policy
    const { ledger } = this.#lease()
    const left = (max: number, used: number): number => Math.max(0, max - used)
    return {
      ...limits,
      maxToolCalls: left(limits.maxToolCalls, ledger.used(CALLS_METER)),
      maxCostMicroUsd: left(limits.maxCostMicroUsd, ledger.used(COST_METER)),
      maxCpuMs: left(limits.maxCpuMs, ledger.used(CPU_METER)),
      maxDurationMs: left(limits.maxDurationMs, ledger.activeMs(performance.now())),
    }
  }

  #originOf({ seq, isQuarantined }: Order): Origin {
    const { runId, prepared, setting } = this.#run
    const above = this.#lease()
    const { limits } = prepared.policy
    const ledger = setting.childBounds.ledgerOf({ ledger: above.ledger, owner: runId, limits })
    const lease = { ...above, ledger, release: () => undefined }
    return { parent: { ...this.#run, children: this }, seq, lease, isQuarantined }
  }

  #lease(): LedgerLease {
    const lease = this.#run.ledger()
    if (lease === undefined)
      throw new TollgateError('INTERNAL_ERROR', 'A run without a ledger has no children.')
    return lease
  }
}

const canStage = ({ grants }: CompiledPolicy): boolean =>
  [...grants.values()].some(({ hostOps = [] }) => hostOps.length > 0)

function endingOf({ runId, status, value, error }: RunResult): ChildEnding {
  if (status === 'done') return { runId, status, value }
  const { code, message, hint } = error ?? {
    code: 'UPSTREAM_TIMEOUT',
    message: 'It was ended with its parent.',
  }
  return { runId, status: 'failed', error: { code, message, ...(hint !== undefined && { hint }) } }
}
