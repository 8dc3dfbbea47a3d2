/**
 * The watchdog of a cage: a thread of its own, because the loop may be stuck in guest code, or in native code that nothing can
 * stop. It looks every 10 ms and ends the process by SIGKILL. The host watches as well and trusts neither.
 */
import { openSync, readSync, writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { CELLS } from './watchdog-cells.ts'

const LOOK_MS = 10
const STDERR_FD = 2
const PAGE_BYTES = 4_096
const TEXT_BYTES_MAX = 128

const cells = workerData as Float64Array
const descriptor = openSync('/proc/self/statm', 'r')
const buffer = Buffer.alloc(TEXT_BYTES_MAX)
const pause = new Int32Array(new SharedArrayBuffer(4))

const residentBytes = (): number => {
  const text = buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, TEXT_BYTES_MAX, 0))
  return Number(text.split(' ', 2)[1]) * PAGE_BYTES
}

for (;;) {
  Atomics.wait(pause, 0, 0, LOOK_MS)
  const { [CELLS.residentBytesMax]: residentBytesMax = 0, [CELLS.deadlineMs]: deadlineMs = 0 } = cells
  const isLate = deadlineMs > 0 && performance.timeOrigin + performance.now() > deadlineMs
  const isLarge = residentBytesMax > 0 && residentBytes() > residentBytesMax
  if (isLate || isLarge) {
    // The host reads the cause there; it is a hint, for who holds the cage may write it too.
    writeSync(STDERR_FD, `tollgate watchdog: ${isLarge ? 'memory' : 'time'}\n`)
    process.kill(process.pid, 'SIGKILL')
  }
}
