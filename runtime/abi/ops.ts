/** The shape of ops; their list is the capabilities' own. */

/** What an op does to the world. A policy may raise it, never lower it. */
export const EFFECTS = ['read', 'write', 'irreversible'] as const
export type Effect = (typeof EFFECTS)[number]

/** One generated stub: `path` is where the guest finds it (`['http', 'request']`), `op` is what the door is told. */
export type StubEntry = { path: readonly string[]; op: string }

/** An object of the guest that has `only()`; `at` names it to the host: `db.shop`. */
export type Branch = { path: readonly string[]; at: string }

/** All stubs of one run, and the objects among them that can be made weaker. */
export type StubManifest = { stubs: readonly StubEntry[]; branches: readonly Branch[] }

/** Control ops are journalled and have limits of their own, but are not tool calls. */
export const TIMER_OP = 'timer.set'
/** Asks for the next chunk of a large result: `{ of: seq of its call }`, or gives the rest up: `{ of, end: true }`. */
export const PULL_OP = 'stream.pull'
/**
 * Makes a weaker handle out of the handle that its frame names: `{ at, caveats }`. The new handle is named by the seq of this call.
 * Nothing is answered; calls through a handle that was refused are refused.
 */
export const ONLY_OP = 'handle.only'
/** Ends the handle that its frame names, and those derived from it. */
export const REVOKE_OP = 'handle.revoke'
