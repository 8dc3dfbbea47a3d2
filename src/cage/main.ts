/**
 * The cage: one plain loop on the main thread. Read frames, run guest code, write frames; nothing else ever happens here, and
 * no event loop turns. The host ends it with SIGKILL, and it ends itself the same way when the host is gone: with guest code
 * on the stack an orderly exit can hang for ever.
 */
import { readSync, writeSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { Guard } from './guard.ts'
import { Loop } from './loop.ts'
import { Outbox } from './outbox.ts'
import { FrameReader } from './port.ts'

/** The kernel's bundle; the build puts its text here. */
declare const KERNEL_SOURCE: string
/** The bundle of the web classes, likewise. */
declare const WEB_SOURCE: string
/** The watchdog's bundle, likewise. */
declare const WATCHDOG_SOURCE: string

const PORT_FD = 3
const READ_BYTES_MAX = 256 * 1024
const RETRY_MS = 1

const die = (): never => {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('unreachable')
}

const fail = (message: string): never => {
  writeSync(2, `tollgate cage: ${message}\n`)
  return die()
}

const pause = new Int32Array(new SharedArrayBuffer(4))

/** Runs `io` until it gets through. The port blocks, so EAGAIN is not expected; whatever else fails means that the host is gone. */
const insist = (io: () => number): number => {
  for (;;) {
    try {
      return io()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EAGAIN' && code !== 'EINTR') return die()
      Atomics.wait(pause, 0, 0, RETRY_MS)
    }
  }
}

const writeAll = (bytes: Buffer): void => {
  for (let at = 0; at < bytes.length;) at += insist(() => writeSync(PORT_FD, bytes, at))
}

const guard = new Guard(() => process.memoryUsage.rss())
new Worker(WATCHDOG_SOURCE, { eval: true, workerData: guard.cells, stdout: false, stderr: false })
// The addon is loaded and the watchdog runs: nothing else of either kind is needed.
process.permission?.drop?.('addon')
process.permission?.drop?.('worker')
// V8 drops the check for interrupts from some loops that it unrolls: a loop that filled arrays went on past its time limit and
// its memory limit.
setFlagsFromString('--no-turboshaft-loop-unrolling')
const loop = new Loop(new Outbox(writeAll), { kernel: KERNEL_SOURCE, web: WEB_SOURCE }, guard)
const reader = new FrameReader()
const chunk = Buffer.allocUnsafeSlow(READ_BYTES_MAX)
try {
  for (;;) {
    const readBytes = insist(() => readSync(PORT_FD, chunk, 0, READ_BYTES_MAX, null))
    if (readBytes === 0) die()
    loop.turn(reader.push(chunk.subarray(0, readBytes)))
  }
} catch (error) {
  fail(error instanceof Error ? (error.stack ?? error.message) : 'an unknown failure')
}
