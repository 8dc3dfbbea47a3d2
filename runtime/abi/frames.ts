/**
 * The frames that pass between host and cage, version 1: one discriminated union in each direction.
 *
 * On the wire a frame is `u32 bodyBytes · u16 headerBytes · header (JSON, UTF-8) · segments (UTF-8)`, integers little-endian.
 * The header's `s` lists the length of each segment in bytes. Segments pass through the cage unparsed.
 */

export const FRAME_VERSION = 1
export const HEADER_BYTES_MAX = 1_024
export const SEGMENTS_MAX = 4
/** A whole frame; arguments and results have tighter bounds of their own in crossing.ts. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024

/** Host → cage: the first frame; the cage answers `ready`. `memoryMb` is the heap limit of the isolate that it prepares ahead. */
export type HelloFrame = { t: 'hello'; v: number; memoryMb?: number }

/** What a run may take over from the run before it, of the same tool: nothing, a living isolate in a new realm, or all. */
export const REUSES = ['context', 'isolate'] as const
export type Reuse = (typeof REUSES)[number]

/** Host → cage: begin a run. Segments: stub manifest (JSON), program (JavaScript module), input (JSON). */
export type StartFrame = {
  t: 'start'
  slot: number
  /** Seed of the guest's random numbers: four unsigned 32-bit integers. */
  seed: [number, number, number, number]
  /** Virtual time at the start, in milliseconds since 1970. */
  atMs: number
  /** V8 heap limit of the isolate. */
  memoryMb: number
  /** Longest uninterrupted stretch of guest code. */
  segmentMs: number
  /** Log bytes that may cross; what is past them is dropped in the cage and cut again by the host. */
  logBytesMax: number
  /** Manifest and program are those of the last start frame; their segments are empty. */
  same?: true
  /** Absent: an isolate of its own, which nobody used before and nobody uses afterwards. */
  reuse?: Reuse
}

/** Host → cage: the outcome of call `seq`. Segment: the result, or a {@link GuestError}, as JSON. */
export type DeliverFrame = { t: 'deliver'; slot: number; seq: number; ok: boolean; atMs: number }

/** Host → cage: dispose of the slot's isolate. */
export type StopFrame = { t: 'stop'; slot: number }

/**
 * Host → cage: no run is there; make ready for the next one. The cage does not do it by itself: woken by a reply, the
 * host may be given the processor that the cage is on, and would wait until the cage has done.
 */
export type PrepareFrame = { t: 'prepare' }

export type HostFrame = HelloFrame | StartFrame | DeliverFrame | StopFrame | PrepareFrame

/** Cage → host: the answer to `hello`. */
export type ReadyFrame = { t: 'ready'; v: number }

/** Cage → host: the guest invokes an op. `seq` is the last one plus 1. Segment: the arguments as JSON. */
export type CallFrame = {
  t: 'call'
  slot: number
  seq: number
  /** 0 is the run's own grant; another number names the `only()` call that derived the handle. */
  handle: number
  op: string
  /** Idempotency key chosen by the guest. */
  key?: string
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Cage → host: one line of guest output. Segment: the text. */
export type LogFrame = { t: 'log'; slot: number; level: LogLevel }

/** Why a guest ended without a value. The host trusts none of it: a lie harms only the liar's own run. */
export const FAULTS = [
  'threw',
  'unpassable',
  'syntax',
  'import',
  'no_default_export',
  'timeout',
  'memory',
  'output',
  'stopped',
] as const
export type Fault = (typeof FAULTS)[number]

/**
 * Cage → host: the run is over. Segment: the value as JSON, or `{ name, message, stack }` as JSON.
 * `refused` is the seq whose refusal was left uncaught; the host checks that it did refuse it.
 */
export type DoneFrame = { t: 'done'; slot: number; ok: boolean; fault?: Fault; refused?: number }

/** Cage → host: the oldest frame that was not answered yet (start, deliver, stop or prepare) has been acted on; no guest computes for it any more. */
export type TurnFrame = { t: 'turn' }

export type CageFrame = ReadyFrame | TurnFrame | CallFrame | LogFrame | DoneFrame

/** What crosses to the guest of an error: no stack, no path, no rule text beyond the hint. */
export type GuestError = { code: string; message: string; gate?: string; hint?: string; retryable: boolean }
