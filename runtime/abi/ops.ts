/** The shape of ops; their list is the capabilities' own. */

/** What an op does to the world. A policy may raise it, never lower it. */
export const EFFECTS = ['read', 'write', 'irreversible'] as const
export type Effect = (typeof EFFECTS)[number]

/** One generated stub: `path` is where the guest finds it (`['http', 'request']`), `op` is what the door is told. */
export type StubEntry = { path: readonly string[]; op: string }

/** All stubs of one run, and which capabilities get their sugar. */
export type StubManifest = { stubs: readonly StubEntry[] }

/** Control ops are journalled and have limits of their own, but are not tool calls. */
export const TIMER_OP = 'timer.set'
/** Asks for the next chunk of a large result: `{ of: seq of its call }`, or gives the rest up: `{ of, end: true }`. */
export const PULL_OP = 'stream.pull'
