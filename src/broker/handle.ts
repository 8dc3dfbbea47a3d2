import type { Judgement } from '../capabilities/capability.ts'

/** What a call goes through when it does not go through the run's own grant: a handle that the guest made with `only()`. */
export type Handle = {
  /** The seqs that made it and those that it was derived from, its own last: who handed what on. */
  readonly via: readonly number[]
  /** Throws DENIED_REVOKED, or why there is no such handle after all (GUEST_ARGUMENTS). */
  assertLive(): void
  /** What is left of a judgement of the grant. Throws what `assertLive` throws, DENIED_CAVEAT and DENIED_NOT_GRANTED. */
  narrow(judgement: Judgement): Judgement
}

/** The chain of handles as one fact of a record: `3>7`. */
export const chainOf = (handle: Handle | undefined): string | undefined => handle?.via.join('>')
