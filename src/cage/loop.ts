import { FRAME_VERSION, type HostFrame, type StartFrame } from '../../runtime/abi/frames.ts'
import type { Guard } from './guard.ts'
import { GuestIsolate, KernelCode, type GuestTexts } from './isolate.ts'
import type { Outbox } from './outbox.ts'
import type { ReadFrame } from './port.ts'
import type { Deployment } from './realm.ts'
import { Slot } from './slot.ts'
import { Spares } from './spares.ts'

/** The runs of one cage. */
export class Loop {
  readonly #outbox: Outbox
  readonly #guard: Guard
  readonly #spares: Spares
  readonly #slots = new Map<number, Slot>()
  /** Of the last start frame. */
  #deployment: Deployment = { manifest: '', program: '' }

  constructor(outbox: Outbox, texts: GuestTexts, guard: Guard) {
    this.#outbox = outbox
    this.#guard = guard
    const code = { kernel: new KernelCode(texts.kernel), web: new KernelCode(texts.web) }
    this.#spares = new Spares((memoryMb) => new GuestIsolate(memoryMb, code, guard))
  }

  /** Acts on the frames of one read, and writes what came of it. */
  turn(frames: readonly ReadFrame[]): void {
    let lastSlot: number | undefined
    for (const { header, segments } of frames) {
      const frame = header as HostFrame
      const slot = 'slot' in frame ? frame.slot : undefined
      // What one run has to say does not wait until another has computed.
      if (slot !== lastSlot) this.#outbox.flush()
      lastSlot = slot
      this.#act(frame, segments)
    }
    this.#outbox.flush()
  }

  /** The host is trusted: its frames are bounded by the reader and not judged again. Each that a run may compute for is answered, so that the host knows who computes. */
  #act(frame: HostFrame, segments: readonly string[]): void {
    const [first = '', second = '', third = ''] = segments
    switch (frame.t) {
      case 'hello':
        this.#spares.expect(frame.memoryMb)
        return this.#outbox.post({ t: 'ready', v: FRAME_VERSION }, [])
      case 'prepare':
        if (this.#slots.size === 0) this.#spares.refill()
        return this.#outbox.post({ t: 'turn' }, [])
      case 'start':
        if (frame.same !== true) this.#deployment = { manifest: first, program: second }
        this.#start(frame, third)
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

  #start(frame: StartFrame, input: string): void {
    const { memoryMb, reuse } = frame
    const realm = this.#spares.take({ memoryMb, reuse, deployment: this.#deployment })
    const slot = new Slot(frame, realm, this.#outbox)
    this.#slots.set(frame.slot, slot)
    this.#guard.allowMemory([...this.#slots.values()].map((one) => one.memoryMb))
    slot.run(this.#deployment, input)
  }

  #forget(number: number): void {
    const slot = this.#slots.get(number)
    if (slot?.isOver !== true) return
    this.#slots.delete(number)
    if (slot.left !== undefined) this.#spares.keep(slot.left.realm, slot.left.reuse)
  }
}
