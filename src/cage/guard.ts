import { CELLS, type Cell } from './watchdog-cells.ts'

const MB = 1024 * 1024
/** What an isolate needs beside its heap: new space, compiled code, the engine's own. */
const MEMORY_SLACK_MB = 64
/** The engine stops a stretch of guest code itself; whatever is still on after this long is in code that cannot be stopped. */
const GRACE_MS = 200

/**
 * What the loop tells the watchdog, which looks at it from another thread: how long the stretch of guest code that now runs may
 * take, and how much memory the process may have. The loop cannot look for itself while guest code holds it.
 */
export class Guard {
  readonly cells: Float64Array
  readonly #residentBytes: () => number
  #baseBytes = 0

  /** `residentBytes` reads the resident size of this process. */
  constructor(residentBytes: () => number) {
    this.cells = new Float64Array(new SharedArrayBuffer(8 * Object.keys(CELLS).length))
    this.#residentBytes = residentBytes
  }

  #set(cell: Cell, value: number): void {
    this.cells[CELLS[cell]] = value
  }

  /** The heap limits of the runs that are there: where there is only one, what is resident now is the base that they are added to. */
  allowMemory(limitsMb: readonly number[]): void {
    if (limitsMb.length <= 1) this.#baseBytes = this.#residentBytes()
    const allowedMb = limitsMb.reduce((sum, limitMb) => sum + limitMb + MEMORY_SLACK_MB, 0)
    // What runs that are over left behind may still be there; it must not count against the one that begins.
    const leastBytes = this.#residentBytes() + ((limitsMb.at(-1) ?? 0) + MEMORY_SLACK_MB) * MB
    this.#set('residentBytesMax', Math.max(this.#baseBytes + allowedMb * MB, leastBytes))
  }

  enter(segmentMs: number): void {
    this.#set('deadlineMs', performance.timeOrigin + performance.now() + segmentMs + GRACE_MS)
  }

  leave(): void {
    this.#set('deadlineMs', 0)
  }
}
