import type { Cage } from '../cage/launch.ts'
import type { ChildPower } from '../capabilities/capability.ts'
import type { HttpPowers } from '../capabilities/http/powers.ts'
import type { FilePowers } from './file-powers.ts'

/** Everything that reaches the outside world, by capability. Only src/run puts powers together. */
export type Powers = {
  readonly http: HttpPowers
  readonly db: ChildPower
  readonly filesystem: FilePowers
  /** Starts the process of a cage; `isStrict`: one that makes no machine code from guest code. */
  launchCage(isStrict: boolean): Cage
  /** Milliseconds since 1970. */
  now(): number
  /** Environment variables that secrets may name. */
  readonly env: Readonly<Record<string, string | undefined>>
}
