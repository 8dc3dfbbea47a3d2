import type { Outcome } from '../capability.ts'
import type { DbRequest } from './ops.ts'

/** One database as one run uses it: an engine's side of the driver. */
export interface DatabaseLine {
  /** Throws what `Driver.perform` may throw. */
  perform(request: DbRequest, signal: AbortSignal): Promise<Outcome>
  /** Releases everything; safe to repeat. */
  close(): void
}
