/**
 * What runs in the place of a cage that was taken over: `acting-cage.mjs ADDON SCRIPT`. It is ready as it should be, unless the
 * script begins earlier, waits for a run to start and then does what the script says, step by step; see acting.ts.
 */
import { readSync, writeSync } from 'node:fs'

const PORT = 3
const { early, steps } = JSON.parse(process.argv.at(-1))

const write = (bytes) => {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(PORT, bytes, at)
    } catch (error) {
      if (error.code !== 'EAGAIN') process.kill(process.pid, 'SIGKILL')
    }
  }
}

const chunk = Buffer.alloc(65_536)
let unread = Buffer.alloc(0)
/** Reads so many frames of the host, or ends with it. */
const readFrames = (count) => {
  for (let seen = 0; seen < count;) {
    while (unread.length < 4 || unread.length < 4 + unread.readUInt32LE(0)) {
      const size = readSync(PORT, chunk, 0, chunk.length, null)
      if (size === 0) process.kill(process.pid, 'SIGKILL')
      unread = Buffer.concat([unread, chunk.subarray(0, size)])
    }
    unread = unread.subarray(4 + unread.readUInt32LE(0))
    seen += 1
  }
}
const pause = new Int32Array(new SharedArrayBuffer(4))

const ACTS = {
  write: ({ base64, times }) => {
    const bytes = Buffer.from(base64, 'base64')
    for (let n = 0; n < times; n += 1) write(bytes)
  },
  read: ({ count }) => readFrames(count),
  rest: ({ ms }) => Atomics.wait(pause, 0, 0, ms),
  say: ({ text }) => writeSync(2, text),
  exit: ({ code }) => process.reallyExit(code),
  signal: ({ name }) => process.kill(process.pid, name),
}
const act = (list) => {
  for (const step of list) ACTS[step.kind](step)
}

const READY = '{"t":"ready","v":1,"s":[]}'
const ready = Buffer.alloc(6 + READY.length)
ready.writeUInt32LE(2 + READY.length, 0)
ready.writeUInt16LE(READY.length, 4)
ready.write(READY, 6)

if (early.length > 0) act(early)
readFrames(1)
write(ready)
readFrames(1)
act(steps)
Atomics.wait(pause, 0, 0)
