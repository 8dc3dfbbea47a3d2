import { Worker } from 'node:worker_threads'

/** Sleeps again and again, and keeps the worst lateness. */
const PULSE = `
const { workerData: worst } = require('node:worker_threads')
const pause = new Int32Array(new SharedArrayBuffer(4))
for (;;) {
  const startMs = performance.now()
  Atomics.wait(pause, 0, 0, 5)
  const lateMs = performance.now() - startMs - 5
  if (lateMs > worst[0]) worst[0] = lateMs
}`

/**
 * How busy the machine is, measured by a thread that shares nothing with what is attacked: a host that a guest holds up is late,
 * but this thread is not.
 */
export class MachineNoise implements AsyncDisposable {
  readonly #worst = new Float64Array(new SharedArrayBuffer(8))
  readonly #thread = new Worker(PULSE, { eval: true, workerData: this.#worst })

  constructor() {
    this.#thread.unref()
    this.#thread.on('error', () => undefined)
  }

  /** Forgets what was. */
  reset(): void {
    this.#worst[0] = 0
  }

  /** The worst lateness since the reset, in milliseconds. */
  get worstMs(): number {
    return this.#worst[0] ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate()
  }
}
