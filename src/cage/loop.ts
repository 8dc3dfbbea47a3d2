import { FRAME_VERSION, type HostFrame, type StartFrame } from '../../runtime/abi/frames.ts'
import type { Guard } from './guard.ts'
import { GuestIsolate, KernelCode } from './isolate.ts'
import type { Outbox } from './outbox.ts'
import type { ReadFrame } from './port.ts'
import { Slot } from './slot.ts'

/** The runs of one cage, and the isolate that it keeps ready for the next. */
export class Loop {
  readonly #outbox: Outbox
  readonly #guard: Guard
  readonly #code: KernelCode
  readonly #slots = new Map<number, Slot>()
  #spare: GuestIsolate | undefined
  /** The heap limit that the next spare gets; undefined until the host has named one. */
  #spareMemoryMb: number | undefined

  constructor(outbox: Outbox, kernel: string, guard: Guard) {
    this.#outbox = outbox
    this.#guard = guard
    this.#code = new KernelCode(kernel)
  }

  /** Acts on the frames of one read, writes what came of it, and only then prepares for the next run. */
  turn(frames: readonly ReadFrame[]): void {
    for (const { header, segments } of frames) {
      this.#outbox.flush()
      this.#act(header as HostFrame, segments)
    }
    this.#outbox.flush()
    this.#refill()
  }

  /** The host is trusted: its frames are bounded by the reader and not judged again. Each is answered, so that it knows who computes. */
  #act(frame: HostFrame, segments: readonly string[]): void {
    const [first = '', second = '', third = ''] = segments
    switch (frame.t) {
      case 'hello':
        this.#spareMemoryMb = frame.memoryMb
        this.#refill()
        return this.#outbox.post({ t: 'ready', v: FRAME_VERSION }, [])
      case 'start':
        this.#start(frame, first, second, third)
        break
      case 'deliver':
        this.#slots.get(frame.slot)?.deliver(frame, first)
        break
      case 'stop':
        this.#slots.get(frame.slot)?.stop()
        break
    }
    this.#forget(frame.slot)
    this.#outbox.post({ t: 'turn' }, [])
  }

  #start(frame: StartFrame, manifest: string, program: string, input: string): void {
    const slot = new Slot(frame, this.#takeIsolate(frame.memoryMb), this.#outbox)
    this.#slots.set(frame.slot, slot)
    this.#guard.allowMemory([...this.#slots.values()].map(({ memoryMb }) => memoryMb))
    slot.run(manifest, program, input)
  }

  #takeIsolate(memoryMb: number): GuestIsolate {
    const spare = this.#spare
    this.#spare = undefined
    if (spare !== undefined && spare.memoryMb === memoryMb) return spare
    spare?.dispose()
    this.#spareMemoryMb = memoryMb
    return this.#makeIsolate(memoryMb)
  }

  #makeIsolate(memoryMb: number): GuestIsolate {
    return new GuestIsolate(memoryMb, this.#code, this.#guard)
  }

  #forget(slot: number): void {
    if (this.#slots.get(slot)?.isOver === true) this.#slots.delete(slot)
  }

  /** Never between a request and its reply: a fresh isolate costs as much as a short run. */
  #refill(): void {
    if (this.#spareMemoryMb === undefined || this.#spare !== undefined || this.#slots.size > 0) return
    this.#spare = this.#makeIsolate(this.#spareMemoryMb)
  }
}
