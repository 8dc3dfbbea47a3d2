import { TollgateError } from '../errors/tollgate-error.ts'
import type { RunPort } from '../stores/ports.ts'
import type { PreparedRun } from './prepare.ts'
import type { RunResult } from './result.ts'
import type { Run } from './run.ts'
import { untilAborted } from '../broker/until-aborted.ts'

/**
 * Runs under an idempotency key: the same principal, key and request get the result of the first run, also while it goes on and
 * also after a restart; another request under the key is a conflict, and nothing of it is executed.
 */
export class KeyedRuns {
  readonly #store: RunPort
  readonly #underWay = new Map<string, Promise<RunResult>>()

  constructor(store: RunPort) {
    this.#store = store
  }

  /** Runs, or joins the earlier run under the same key. Never rejects: what goes wrong stands in the result. */
  async join(prepared: PreparedRun, run: Run): Promise<RunResult> {
    try {
      return await this.#join(prepared, run)
    } catch (error) {
      return run.refuse(error)
    }
  }

  #join(prepared: PreparedRun, run: Run): RunResult | Promise<RunResult> {
    const { principal, idempotencyKey: key, requestDigest, signal, program } = prepared
    if (key === undefined) {
      run.begin()
      return run.execute()
    }
    // A tool that was not made, through no fault of its own, is not yet the request that the key stands for: it can be tried again.
    if (signal?.aborted === true) return run.cancelled()
    if ('fault' in program && program.fault.code === 'INTERNAL_CHILD_START') throw program.fault
    const scope = JSON.stringify([principal, key])
    const earlier = this.#store.byKey(principal, key)
    // The store decides who of two processes has the key.
    if (earlier === undefined) return run.begin() ? this.#execute(scope, run) : this.#join(prepared, run)
    if (earlier.requestDigest !== requestDigest) throw conflict()
    if (earlier.result !== undefined) return JSON.parse(earlier.result) as RunResult
    const underWay = this.#underWay.get(scope)
    if (underWay === undefined) throw uncertain(earlier.runId)
    return signal === undefined ? underWay : orCancelled(underWay, signal, run)
  }

  async #execute(scope: string, run: Run): Promise<RunResult> {
    const result = run.execute()
    this.#underWay.set(scope, result)
    try {
      return await result
    } finally {
      this.#underWay.delete(scope)
    }
  }
}

/** Who joined may stop waiting; the run itself goes on. */
async function orCancelled(
  underWay: Promise<RunResult>,
  signal: AbortSignal,
  joining: Run,
): Promise<RunResult> {
  try {
    return await untilAborted(underWay, signal)
  } catch {
    return joining.cancelled()
  }
}

const conflict = (): TollgateError =>
  new TollgateError(
    'IDEMPOTENCY_CONFLICT',
    'This idempotency key was used before with another tool, policy or input.',
    { gate: 'recall' },
  )

const uncertain = (runId: string): TollgateError =>
  new TollgateError(
    'IDEMPOTENCY_UNCERTAIN',
    `The run ${runId} began under this idempotency key and never ended.`,
    { gate: 'recall' },
  )
