import type { ChildPower } from '../capability.ts'
import type { Dial } from './postgres/connection.ts'
import type { PostgresParts } from './postgres/line.ts'

/** What the driver needs of the world: processes for files, and connections to servers. */
export type DbPowers = ChildPower & {
  readonly dial: Dial
  /** The locks before a server; absent: those that enforce. Only tests weaken one. */
  readonly postgres?: PostgresParts
}
