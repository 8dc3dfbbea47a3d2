import type { Answer } from '../broker/call.ts'
import type { Capability } from '../capabilities/capability.ts'
import type { Tier } from '../cage/tiers.ts'
import type { JournalBuffer } from '../journal/buffer.ts'
import type { EventRow, Store } from '../stores/ports.ts'
import type { CagePool } from './cage-pool.ts'
import type { ChildBounds } from './child-bounds.ts'
import type { Powers } from './powers.ts'
import type { PreparedRun } from './prepare.ts'
import type { RunEvent } from './result.ts'
import type { TaskLedgers } from './task-ledgers.ts'

/** What a run needs of its Tollgate. */
export type RunSetting = {
  readonly store: Store
  readonly buffer: JournalBuffer
  readonly pool: CagePool
  /** How every cage of this Tollgate is confined. */
  readonly tier: Tier
  readonly ledgers: TaskLedgers
  readonly powers: Powers
  readonly capabilities: ReadonlyMap<string, Capability>
  /** The objects that a tool may hold, by the names that it finds them under. */
  readonly capabilityNames: readonly string[]
  /** What bounds a child by its parent. */
  readonly childBounds: ChildBounds
  /** Effects under way in this process, of all runs, by receipt scope. */
  readonly underWay: Map<string, Promise<Answer>>
  emit(event: RunEvent, run: PreparedRun): void
  /** Hears of records that were written outside the buffer. */
  readonly onKept: (rows: readonly EventRow[]) => void
}
