import type { Commit, Outcome } from '../capability.ts'
import type { DbRequest } from './ops.ts'
import type { StatementBounds } from './wire.ts'

/** One database as one run uses it: an engine's side of the driver. */
export interface DatabaseLine {
  /** Holds the statement to its bounds. Throws what `Driver.perform` may throw. */
  perform(request: DbRequest, bounds: StatementBounds, signal: AbortSignal): Promise<Outcome>
  /** The commit of what the run wrote, if it did. Throws where that is lost. */
  staged(): Commit | undefined
  /** Releases everything, and rolls back what was not committed; safe to repeat. */
  close(): Promise<void>
}
