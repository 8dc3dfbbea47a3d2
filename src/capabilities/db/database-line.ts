import type { Commit, Outcome } from '../capability.ts'
import type { DbRequest } from './ops.ts'

/** One database as one run uses it: an engine's side of the driver. */
export interface DatabaseLine {
  /** Throws what `Driver.perform` may throw. */
  perform(request: DbRequest, signal: AbortSignal): Promise<Outcome>
  /** The commit of what the run wrote, if it did. Throws where that is lost. */
  staged(): Commit | undefined
  /** Releases everything, and rolls back what was not committed; safe to repeat. */
  close(): Promise<void>
}
