import type { Cage } from '../cage/launch.ts'
import type { FileCommitPort, KvPort } from '../stores/ports.ts'
import type { Bundler } from './bundler-process.ts'
import type { DbPowers } from './db-powers.ts'
import type { FilePowers } from './file-powers.ts'
import type { HttpPowers } from './http-powers.ts'

/** Everything that reaches the outside world, by capability. Only src/run puts powers together. */
export type Powers = {
  readonly http: HttpPowers
  readonly db: DbPowers
  /** `commits`: where the redo log is kept; default: in the state. */
  readonly filesystem: FilePowers & { readonly commits?: FileCommitPort }
  readonly kv: KvPort
  readonly bundler: Bundler
  /** Starts the process of a cage; `isStrict`: one that makes no machine code from guest code. */
  launchCage(isStrict: boolean): Cage
  /** Milliseconds since 1970. */
  now(): number
  /** Environment variables that secrets may name. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The powers of one capability; undefined where it has none. */
export const powersOf = (powers: Powers, capability: string): unknown =>
  Object.hasOwn(powers, capability) ? powers[capability as 'http'] : undefined
