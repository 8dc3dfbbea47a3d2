/**
 * The cage: one plain loop on the main thread. Read frames, run guest code, write frames; nothing else ever happens here, and
 * no event loop turns. The host ends it with SIGKILL, and it ends itself the same way when the host is gone: with guest code
 * on the stack an orderly exit can hang for ever.
 */
import { readSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { Loop } from './loop.ts'
import { Outbox } from './outbox.ts'
import { FrameReader } from './port.ts'

/** The kernel's bundle; the build puts its text here. */
declare const KERNEL_SOURCE: string

const PORT_FD = 3
const READ_BYTES_MAX = 256 * 1024
const RETRY_MS = 1
/** The first release of isolated-vm without a known escape (GHSA-864f-rcv7-6rh4). */
const ENGINE_VERSION_MIN = [7, 0, 1] as const

const die = (): never => {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('unreachable')
}

const fail = (message: string): never => {
  writeSync(2, `tollgate cage: ${message}\n`)
  return die()
}

const checkEngine = (): void => {
  const { version } = createRequire(import.meta.url)('isolated-vm/package.json') as { version: string }
  const parts = version.split(/[.-]/).map(Number)
  for (const [at, least] of ENGINE_VERSION_MIN.entries()) {
    const part = parts[at] ?? 0
    if (part > least) return
    if (!(part >= least))
      fail(`isolated-vm ${version} has a known escape; ${ENGINE_VERSION_MIN.join('.')} is needed`)
  }
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

checkEngine()
// V8 drops the check for interrupts from some loops that it unrolls: a loop that filled arrays went on past its time limit and
// its memory limit.
setFlagsFromString('--no-turboshaft-loop-unrolling')
const loop = new Loop(new Outbox(writeAll), KERNEL_SOURCE)
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
