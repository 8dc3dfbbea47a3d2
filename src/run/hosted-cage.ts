import {
  FRAME_VERSION,
  type CageFrame,
  type CallFrame,
  type DeliverFrame,
  type DoneFrame,
  type LogFrame,
  type StartFrame,
} from '../../runtime/abi/frames.ts'
import type { Cage, CageExit } from '../cage/launch.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { CageAccounts, type SlotAccount } from './cage-accounts.ts'
import { openMeter, type Meter } from './meter.ts'

/** Why a cage cannot go on. `isShared`: other runs lived in it, so the cause need not be this one's. */
export type CageLoss = { readonly isShared: boolean } & (
  | { readonly kind: 'breach'; readonly reason: string }
  | { readonly kind: 'exit'; readonly exit: CageExit; readonly stderrTail: string }
  | { readonly kind: 'neighbour' }
)

/** Who a slot reports to. */
export type SlotHandlers = {
  onCall(frame: CallFrame, args: string): void
  onLog(frame: LogFrame, text: string): void
  onDone(frame: DoneFrame, text: string): void
  onLost(loss: CageLoss): void
  /** It has waited long behind a neighbour that computes. */
  onBehind(): void
}

/** What a run needs to start in a cage; the slot is issued here. Segments: stub manifest, program, input. */
export type SlotStart = Omit<StartFrame, 't' | 'slot' | 'same'>

/** The place of one run in a cage. */
export interface CageSlot {
  /** What the run uses of the cage, as the host measures it. */
  readonly meter: Meter
  start(start: SlotStart, segments: readonly [manifest: string, program: string, input: string]): void
  deliver(frame: Omit<DeliverFrame, 't' | 'slot'>, json: string): void
  /** The memory of the cage is used up. Where runs share it nobody knows whose it is: all of them lose it. */
  overflow(): void
  /**
   * The run is over. `clean`: the guest said so itself. `retire`: it did, after it broke a limit; the cage takes nobody else.
   * `stop`: the host ends it; a guest that does not yield in time takes the cage along. `kill`: the cage ends now.
   */
  close(how: SlotEnd): void
}
export type SlotEnd = 'clean' | 'retire' | 'stop' | 'kill'

/** Longest time from the start of a cage to its `ready`, in milliseconds. */
const READY_MS_MAX = 20_000
/** A guest that was told to stop and still runs after this long is stuck. */
const STOP_MS_MAX = 150
/** A stretch of guest code that takes longer needs a cage of its own: whoever waits behind it, and can, goes elsewhere. */
const STRETCH_MS_MAX = 1_000
/** A cage that has said the end of a run, or was told to make ready, must be done with it after so long. */
const REST_MS_MAX = 2_000

/** A slot, as far as the order of the cage is concerned. */
type Handed = { readonly slot: number; readonly account: SlotAccount | undefined }
/** Stands where the cage computes for no run: it makes ready for the next. */
const NOBODY: Handed = { slot: 0, account: undefined }
type Live = { readonly handlers: SlotHandlers; readonly account: SlotAccount }
type Loss =
  | { readonly kind: 'breach'; readonly reason: string }
  | { readonly kind: 'exit'; readonly exit: CageExit; readonly stderrTail: string }
  | { readonly kind: 'neighbour' }

/**
 * A cage as the host sees it: bound once to a principal and a policy, metered from outside. Its runs take turns at computing;
 * while one waits for the host, another computes. A frame that is out of turn, or names a slot that is not live, ends it.
 */
export class HostedCage {
  /** Principal and policy digest that it serves; undefined while it is spare. */
  binding: string | undefined
  /** It serves one run and no other. */
  isExclusive = false
  runsServed = 0
  /** When its last run ended, in milliseconds of `performance.now()`. */
  restingSinceMs = 0
  /** Rejects with INTERNAL_CAGE_START when the cage never becomes ready. */
  readonly ready: Promise<void>
  readonly #cage: Cage
  readonly #exited = Promise.withResolvers<void>()
  readonly #live = new Map<number, Live>()
  /** Slots that were told to stop and have not said `done` yet. */
  readonly #stopping = new Set<number>()
  /** What the cage was handed and has not answered, oldest first: it acts on one after the other, so the first is what it computes for. */
  readonly #unanswered: Handed[] = []
  /** Runs that are over and whose isolates the cage may still hold. */
  #leaving: Handed[] = []
  #stopTimer: NodeJS.Timeout | undefined
  #stretchTimer: NodeJS.Timeout | undefined
  #accounts: CageAccounts | undefined
  #lastSlot = 0
  /** Those of the last start frame; the cage has them. */
  #manifest: string | undefined
  #program: string | undefined
  #runs = 0
  #loss: Loss | undefined
  #isLost = false
  #isRetired = false

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
    cage.onFrame = (frame, segments) => {
      if (this.#accounts !== undefined) return this.#take(frame, segments[0] ?? '')
      if (frame.t !== 'ready' || frame.v !== FRAME_VERSION)
        return this.#lose({ kind: 'breach', reason: 'not ready' })
      clearTimeout(timer)
      this.#settle(resolve, reject)
    }
    cage.onBreach = (reason) => this.#lose({ kind: 'breach', reason })
    cage.onExit = (exit) => {
      clearTimeout(timer)
      const stderrTail = cage.stderrTail()
      failed(`it ended with ${exit.signal ?? `exit code ${String(exit.code)}`} ${stderrTail}`.trimEnd())
      this.#accounts?.close()
      this.#exited.resolve()
      this.#lose({ kind: 'exit', exit, stderrTail })
    }
    // Whoever acquires the cage hears of it; a spare that fails is replaced.
    this.ready.catch(() => undefined)
    cage.send({ t: 'hello', v: FRAME_VERSION, memoryMb })
  }

  get pid(): number {
    return this.#cage.pid
  }

  /** Runs that have a place in it, from `reserve` to the close of their slot. */
  get runs(): number {
    return this.#runs
  }

  get isReady(): boolean {
    return this.#accounts !== undefined
  }

  /** It can serve nobody any more. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** It takes no further run. */
  get isRetired(): boolean {
    return this.#isRetired || this.#isLost
  }

  /** A guest computes in it, or is about to. */
  get isComputing(): boolean {
    return this.#unanswered.length > 0 || this.#runs > this.#live.size
  }

  /** A run that is over may still be in the way. */
  get isClearing(): boolean {
    return this.#stopping.size > 0
  }

  /** Resident size of the process; undefined before it is ready and after its end. */
  get residentBytes(): number | undefined {
    return this.#accounts?.residentBytes()
  }

  /** Resolves when the process is gone. */
  get exited(): Promise<void> {
    return this.#exited.promise
  }

  /** Takes a place for a run; freed by closing its slot, or by `unreserve`. */
  reserve(): void {
    this.#runs += 1
    this.#cage.setIdle(false)
  }

  /** Gives back a place whose slot was never opened. */
  unreserve(): void {
    this.#runs -= 1
    if (this.#runs > 0) return
    this.restingSinceMs = performance.now()
    if (this.#isRetired) return this.kill()
    this.#cage.setIdle(true)
    // Later, so that whoever waits for the result has it, and may begin the next run at once.
    setImmediate(() => {
      if (this.#runs === 0 && this.isReady && !this.#isLost) this.#hand(NOBODY, { t: 'prepare' })
    })
  }

  /** Opens the slot of a run; the cage must be ready. */
  open(handlers: SlotHandlers): CageSlot {
    if (this.#accounts === undefined)
      throw new TollgateError('INTERNAL_CAGE_START', 'The cage is not ready.', { gate: 'cage' })
    const slot = (this.#lastSlot += 1)
    const account = this.#accounts.open()
    this.runsServed += 1
    this.#live.set(slot, { handlers, account })
    return {
      meter: account,
      start: (start, segments) => {
        // It never ran, so it is to blame for nothing.
        if (this.#loss !== undefined) return handlers.onLost({ ...this.#loss, isShared: true })
        const [manifest, program, input] = segments
        const isSame = this.#manifest === manifest && this.#program === program
        this.#manifest = manifest
        this.#program = program
        const frame = { t: 'start', slot, ...start } as const
        if (isSame) this.#hand({ slot, account }, { ...frame, same: true }, ['', '', input])
        else this.#hand({ slot, account }, frame, segments)
      },
      deliver: (frame, json) => {
        if (this.#live.has(slot)) this.#hand({ slot, account }, { t: 'deliver', slot, ...frame }, [json])
      },
      overflow: () => this.#overflow(),
      close: (how) => this.#close({ slot, account }, how),
    }
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

  #hand(handed: Handed, frame: Parameters<Cage['send']>[0], segments: readonly string[] = []): void {
    this.#unanswered.push(handed)
    this.#cage.send(frame, segments)
    if (this.#unanswered.length === 1) this.#turned()
  }

  #take(frame: CageFrame, text: string): void {
    if (frame.t === 'turn') return this.#takeTurn()
    if (frame.t === 'ready') return this.#lose({ kind: 'breach', reason: 'ready twice' })
    const live = this.#live.get(frame.slot)
    if (live === undefined) return this.#takeLate(frame)
    if (frame.t === 'call') return live.handlers.onCall(frame, text)
    if (frame.t === 'log') return live.handlers.onLog(frame, text)
    return live.handlers.onDone(frame, text)
  }

  #takeTurn(): void {
    if (this.#unanswered.length === 0)
      return this.#lose({ kind: 'breach', reason: 'a turn that nobody waits for' })
    // Who shares a cage pays for its own stretches only.
    if (this.#accounts !== undefined && this.#accounts.sharersPeak > 1) this.#accounts.sample()
    this.#unanswered.shift()
    for (const { account } of this.#leaving) account?.forget()
    this.#leaving = []
    this.#turned()
  }

  /** Another stretch begins: whoever was told to stop, and computes now, must yield in time. */
  #turned(): void {
    clearTimeout(this.#stopTimer)
    clearTimeout(this.#stretchTimer)
    const [first] = this.#unanswered
    this.#accounts?.computes(first?.account)
    if (first !== undefined && this.#stopping.has(first.slot))
      this.#stopTimer = setTimeout(() => this.#killFor({ kind: 'neighbour' }), STOP_MS_MAX)
    else if (first !== undefined && !this.#live.has(first.slot))
      this.#stopTimer = setTimeout(() => this.#killFor({ kind: 'neighbour' }), REST_MS_MAX).unref()
    else if (this.#live.size > 1)
      this.#stretchTimer = setTimeout(() => this.#tellThoseBehind(), STRETCH_MS_MAX)
  }

  #tellThoseBehind(): void {
    const [first, ...behind] = this.#unanswered
    for (const slot of new Set(behind.map((handed) => handed.slot))) {
      if (slot !== first?.slot) this.#live.get(slot)?.handlers.onBehind()
    }
    if (first !== undefined) this.#stretchTimer = setTimeout(() => this.#tellThoseBehind(), STRETCH_MS_MAX)
  }

  /** What was under way when its slot was stopped is dropped; anything else names a slot that was never there or is over. */
  #takeLate(frame: Exclude<CageFrame, { t: 'ready' | 'turn' }>): void {
    if (!this.#stopping.has(frame.slot)) return this.#lose({ kind: 'breach', reason: 'no such slot' })
    if (frame.t === 'done') this.#stopping.delete(frame.slot)
  }

  #close(handed: Handed, how: SlotEnd): void {
    if (!this.#live.delete(handed.slot)) return
    handed.account?.close()
    this.#leaving.push(handed)
    this.unreserve()
    if (this.#isLost) return
    this.#isRetired ||= how === 'retire'
    if (how !== 'clean' && (this.#runs === 0 || how === 'kill')) return this.#killFor({ kind: 'neighbour' })
    if (how === 'stop') return this.#stop(handed)
    // It said that it is done; now it must also stop computing.
    if (this.#unanswered[0]?.slot === handed.slot) this.#turned()
  }

  #stop(handed: Handed): void {
    this.#stopping.add(handed.slot)
    this.#hand(handed, { t: 'stop', slot: handed.slot })
    if (this.#unanswered[0]?.slot === handed.slot) this.#turned()
  }

  /** All runs together have more memory than they may: each that can starts again, alone, and then it shows whose it was. */
  #overflow(): void {
    if ((this.#accounts?.sharersPeak ?? 0) > 1) this.#killFor({ kind: 'neighbour' })
  }

  /** Ends the process; the runs that are still in it hear why. */
  #killFor(loss: Loss): void {
    this.kill()
    this.#lose(loss)
  }

  #lose(loss: Loss): void {
    this.#loss ??= loss
    this.kill()
    const [first] = this.#unanswered
    const isOfAnother = first !== undefined && !this.#live.has(first.slot)
    const isShared = this.#live.size + this.#stopping.size > 1 || loss.kind === 'neighbour' || isOfAnother
    clearTimeout(this.#stopTimer)
    clearTimeout(this.#stretchTimer)
    this.#stopping.clear()
    for (const { handlers } of Array.from(this.#live.values())) handlers.onLost({ ...loss, isShared })
  }

  /** No guest code ran yet: now the process of Node can be told from what launched it. */
  #settle(resolve: () => void, reject: (error: unknown) => void): void {
    try {
      this.#accounts = new CageAccounts(openMeter(this.#cage.nodePid()))
      resolve()
    } catch (cause) {
      reject(
        new TollgateError('INTERNAL_CAGE_START', 'The cage ended while it started.', { gate: 'cage', cause }),
      )
      this.kill()
    }
  }
}
