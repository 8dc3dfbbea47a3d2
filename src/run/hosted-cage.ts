import type { CallFrame, DeliverFrame, DoneFrame, LogFrame, StartFrame } from '../../runtime/abi/frames.ts'
import { FRAME_VERSION } from '../../runtime/abi/frames.ts'
import type { Cage, CageExit } from '../cage/launch.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { openMeter, type Meter } from './meter.ts'

/** Why a cage cannot go on. */
export type CageLoss =
  | { readonly kind: 'breach'; readonly reason: string }
  | { readonly kind: 'exit'; readonly exit: CageExit; readonly stderrTail: string }

/** Who a live slot reports to. */
export type SlotHandlers = {
  onCall(frame: CallFrame, args: string): void
  onLog(frame: LogFrame, text: string): void
  onDone(frame: DoneFrame, text: string): void
  onLost(loss: CageLoss): void
}

/** What a run needs to start in a cage; the slot is issued here. Segments: stub manifest, program, input. */
export type SlotStart = Omit<StartFrame, 't' | 'slot'>

/** Longest time from the start of a cage to its `ready`, in milliseconds. */
const READY_MS_MAX = 20_000

/**
 * A cage as the host sees it: bound once to a principal and a policy, serving one run at a time, metered from outside. A frame
 * that is out of turn, or names a slot that is not live, ends it.
 */
export class HostedCage {
  /** Principal and policy digest that it serves; undefined while it is spare. */
  binding: string | undefined
  runsServed = 0
  /** Rejects with INTERNAL_CAGE_START when the cage never becomes ready. */
  readonly ready: Promise<void>
  readonly #cage: Cage
  readonly #exited = Promise.withResolvers<void>()
  #handlers: SlotHandlers | undefined
  #slot = 0
  #isReady = false
  #isLost = false
  #loss: CageLoss | undefined
  #meter: Meter | undefined

  /** `cage` was just launched; `memoryMb` is the heap limit of the isolate that it prepares ahead. */
  constructor(cage: Cage, memoryMb: number) {
    this.#cage = cage
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ready = promise
    const failed = (why: string): void =>
      reject(new TollgateError('INTERNAL_CAGE_START', `The cage did not start: ${why}.`, { gate: 'cage' }))
    const timer = setTimeout(() => {
      failed('it was not ready in time')
      this.kill()
    }, READY_MS_MAX)
    this.#cage.onFrame = (frame, segments) => {
      const text = segments[0] ?? ''
      if (!this.#isReady) {
        if (frame.t !== 'ready' || frame.v !== FRAME_VERSION)
          return this.#lose({ kind: 'breach', reason: 'not ready' })
        clearTimeout(timer)
        return this.#settle(resolve, reject)
      }
      const handlers = this.#handlers
      if (frame.t === 'ready') return this.#lose({ kind: 'breach', reason: 'ready twice' })
      if (handlers === undefined || frame.slot !== this.#slot)
        return this.#lose({ kind: 'breach', reason: 'no such slot' })
      if (frame.t === 'call') return handlers.onCall(frame, text)
      if (frame.t === 'log') return handlers.onLog(frame, text)
      this.#handlers = undefined
      return handlers.onDone(frame, text)
    }
    this.#cage.onBreach = (reason) => this.#lose({ kind: 'breach', reason })
    this.#cage.onExit = (exit) => {
      clearTimeout(timer)
      failed(
        `it ended with ${exit.signal ?? `exit code ${String(exit.code)}`} ${this.#cage.stderrTail()}`.trimEnd(),
      )
      this.#meter?.close()
      this.#exited.resolve()
      this.#lose({ kind: 'exit', exit, stderrTail: this.#cage.stderrTail() })
    }
    // Whoever acquires the cage hears of it; a spare that fails is replaced.
    this.ready.catch(() => undefined)
    this.#cage.send({ t: 'hello', v: FRAME_VERSION, memoryMb })
  }

  get pid(): number {
    return this.#cage.pid
  }

  /** It can serve nobody any more. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Resolves when the process is gone. */
  get exited(): Promise<void> {
    return this.#exited.promise
  }

  /** Starts a run; the cage must be ready and idle. */
  start(start: SlotStart, segments: readonly string[], handlers: SlotHandlers): void {
    if (this.#loss !== undefined) return handlers.onLost(this.#loss)
    this.#slot += 1
    this.runsServed += 1
    this.#handlers = handlers
    this.#cage.send({ t: 'start', slot: this.#slot, ...start }, segments)
  }

  deliver(frame: Omit<DeliverFrame, 't' | 'slot'>, json: string): void {
    this.#cage.send({ t: 'deliver', slot: this.#slot, ...frame }, [json])
  }

  /** Ends the process; the only way to stop a guest for sure. */
  kill(): void {
    this.#isLost = true
    this.#cage.kill()
  }

  /** Lets the process of the host end while this cage is idle. */
  setIdle(isIdle: boolean): void {
    this.#cage.setIdle(isIdle)
  }

  /** The meter of a ready cage. */
  get meter(): Meter {
    if (this.#meter === undefined)
      throw new TollgateError('INTERNAL_CAGE_START', 'The cage is not ready.', { gate: 'cage' })
    return this.#meter
  }

  /** No guest code ran yet: now the process of Node can be told from what launched it. */
  #settle(resolve: () => void, reject: (error: unknown) => void): void {
    try {
      this.#meter = openMeter(this.#cage.nodePid())
      this.#isReady = true
      resolve()
    } catch (error) {
      reject(error)
      this.kill()
    }
  }

  #lose(loss: CageLoss): void {
    const handlers = this.#handlers
    this.#loss ??= loss
    this.#handlers = undefined
    this.kill()
    handlers?.onLost(loss)
  }
}
