import type { CageFrame } from '../../runtime/abi/frames.ts'
import { encodeFrame } from './port.ts'

/** So much is gathered before it is written in the middle of a batch. */
const FLUSH_BYTES = 4_096

/** What a cage has to say. Frames are gathered, so that a batch costs one write. */
export class Outbox {
  readonly #write: (bytes: Buffer) => void
  #frames: Buffer[] = []
  #bytes = 0

  /**
   * `write` blocks until all bytes are written: that is what holds a guest back that calls or logs faster than the host reads.
   */
  constructor(write: (bytes: Buffer) => void) {
    this.#write = write
  }

  /**
   * Adds a frame. Called from guest code, which may have used the stack up: what can fail comes first, and keeping the frame
   * last, so a throw means that nothing was taken.
   */
  post(header: CageFrame, segments: readonly string[]): void {
    const frame = encodeFrame(header, segments)
    if (this.#bytes >= FLUSH_BYTES) this.flush()
    this.#bytes += frame.length
    this.#frames.push(frame)
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.#frames.length === 0) return
    const [first] = this.#frames
    const bytes =
      first !== undefined && this.#frames.length === 1 ? first : Buffer.concat(this.#frames, this.#bytes)
    this.#frames = []
    this.#bytes = 0
    this.#write(bytes)
  }
}
