/**
 * What passes between the cage's own code and the kernel inside its isolate. Both are ours, but the isolate is hostile ground:
 * strings, numbers and booleans only, and nothing is returned.
 */

/** The name under which the tool's module is compiled; only its lines show in stacks. */
export const TOOL_FILE = 'tool.js'

/** Where the kernel's script leaves its exports, until `open` locks the realm down and this global goes with the others. */
export const KERNEL_GLOBAL = 'tollgateKernel'

/** Kinds of what the kernel tells the cage. */
export const OUT = Object.freeze({
  /** `number` is the seq; texts: op, arguments as JSON, idempotency key or nothing. `handle`: 0, or that which the call goes through. */
  call: 1,
  /** Texts: level, line. */
  log: 2,
  /** Text: the tool's value as JSON. */
  value: 3,
  /** `number` is the refused seq or 0; texts: fault, `{ name, message, stack }` as JSON. */
  fault: 4,
  /** The module of the tool has run to its end; `begin` may call what it exports. */
  loaded: 5,
})

/** The one native function that the kernel holds. It never returns anything; when it throws, nothing was taken. */
export type Send = (
  kind: number,
  number: number,
  textA: string,
  textB: string,
  textC: string,
  handle: number,
) => void

/**
 * Every stretch of guest code that the cage starts ends by throwing this. So the engine never gets to report what the guest
 * left rejected: that report reads the guest's own getters, outside the time limit.
 */
export const SEGMENT_END = 0

/** What the kernel exports to the cage. Each call is one crossing, with one drain of microtasks behind it. */
export type KernelExports = {
  /** Locks the realm down. Called once, before anything else. */
  readonly open: (send: Send) => void
  /**
   * Makes the capabilities of one run, and a door of their own for them: those of an earlier run are closed. `namesTemporal`: the
   * tool's text has that name in it; to others the realm has no Temporal. `webParts`: the
   * parts of the web classes that it names, with commas between them; their script has run in the realm. Throws SEGMENT_END, for an earlier run may have left
   * promises rejected.
   */
  readonly grow: (manifest: string, namesTemporal: boolean, webParts: string) => never
  /** Sets clock and random numbers, and reads the input. No guest code runs in it. Throws SEGMENT_END. */
  readonly prepare: (
    seed0: number,
    seed1: number,
    seed2: number,
    seed3: number,
    atMs: number,
    input: string,
  ) => never
  /** Told by the entry module once the tool's module has run; not for the cage. */
  readonly loaded: (tool: object) => void
  /** Calls the tool's default export, now or as soon as it is loaded. Throws SEGMENT_END. */
  readonly begin: () => never
  /** Hands over the outcome of call `seq`. Throws SEGMENT_END. */
  readonly deliver: (seq: number, ok: boolean, atMs: number, text: string) => never
}
