import { TollgateError } from '../errors/tollgate-error.ts'
import type { RunPort } from '../stores/ports.ts'
import type { PreparedRun } from './prepare.ts'
import type { RunResult } from './result.ts'
import type { Run } from './run.ts'

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

  /** Runs, or joins the earlier run under the same key. Never rejects for what the guest or the world did. */
  join(prepared: PreparedRun, run: Run): Promise<RunResult> {
    const { principal, idempotencyKey: key } = prepared
    if (key === undefined) return this.#run(run, prepared)
    const scope = JSON.stringify([principal, key])
    const earlier = this.#store.byKey(principal, key)
    if (earlier === undefined) {
      const result = this.#run(run, prepared)
      this.#underWay.set(scope, result)
      void result.finally(() => this.#underWay.delete(scope))
      return result
    }
    if (earlier.requestDigest !== prepared.requestDigest) {
      return run.refuse(
        new TollgateError(
          'IDEMPOTENCY_CONFLICT',
          'This idempotency key was used before with another tool, policy or input.',
        ),
      )
    }
    if (earlier.result !== undefined) return Promise.resolve(JSON.parse(earlier.result) as RunResult)
    return (
      this.#underWay.get(scope) ??
      run.refuse(
        new TollgateError(
          'IDEMPOTENCY_UNCERTAIN',
          `The run ${earlier.runId} began under this idempotency key and never ended.`,
        ),
      )
    )
  }

  /** The store decides who of two processes has the key. */
  #run(run: Run, prepared: PreparedRun): Promise<RunResult> {
    try {
      if (run.begin()) return run.execute()
    } catch (error) {
      return run.refuse(error)
    }
    return this.join(prepared, run)
  }
}
