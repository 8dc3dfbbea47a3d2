import { FRAME_VERSION } from '../../runtime/abi/frames.ts'

/**
 * A program that takes the place of a cage: it is ready as a cage should be, and when a run starts it sends the frames that its
 * second argument names. Everything after that is silence, until somebody ends it.
 */
export const FORGER = String.raw`
import { readSync, writeSync } from 'node:fs'

const PORT = 3
const frame = (header, segments = []) => {
  const bodies = segments.map((text) => Buffer.from(text))
  const sizes = bodies.map(({ length }) => length)
  const head = Buffer.from(typeof header === 'string' ? header : JSON.stringify({ ...header, s: sizes }))
  const lengths = Buffer.alloc(6)
  lengths.writeUInt32LE(2 + head.length + sizes.reduce((sum, size) => sum + size, 0), 0)
  lengths.writeUInt16LE(head.length, 4)
  return Buffer.concat([lengths, head, ...bodies])
}
const write = (bytes) => {
  for (let at = 0; at < bytes.length; at += writeSync(PORT, bytes, at));
}
const note = (seq, more = {}) => write(frame({ t: 'call', slot: 1, seq, handle: 0, op: 'tools.note', ...more }, ['{"data":"forged"}']))
const end = (slot, value) => write(frame({ t: 'done', slot, ok: true }, [value]))
const listen = () => {
  const chunk = Buffer.alloc(65536)
  let unread = Buffer.alloc(0)
  do unread = Buffer.concat([unread, chunk.subarray(0, readSync(PORT, chunk, 0, chunk.length, null))])
  while (unread.length < 4 || unread.length < 4 + unread.readUInt32LE(0))
}

const FORGERIES = {
  'a call of another run': () => note(1, { slot: 2 }),
  'the end of another run': () => end(7, '1'),
  'the name of another run': () => note(1, { runId: 'run_of_somebody_else' }),
  'a call that skips one': () => note(2),
  'a call twice': () => { note(1); note(1) },
  'a handle that nobody gave': () => note(1, { handle: 3 }),
  'a cost below nothing': () => note(1, { costUsd: -1 }),
  'an earlier time': () => note(1, { atMs: 0 }),
  'a kind of frame that is none': () => write(frame({ t: 'pay', slot: 1 })),
  'a header that is no JSON': () => write(frame('{"t":')),
  'a frame larger than any': () => write(Buffer.from([255, 255, 255, 255, 0, 0])),
  'a value and a fault at once': () => write(frame({ t: 'done', slot: 1, ok: true, fault: 'threw' }, ['1'])),
  'half a frame, then silence': () => write(frame({ t: 'log', slot: 1, level: 'info' }, ['x'.repeat(100)]).subarray(0, 60)),
  'calls after its own end': () => { end(1, '"ended"'); note(1); note(2) },
}

listen()
write(frame({ t: 'ready', v: ${FRAME_VERSION} }))
listen()
FORGERIES[process.argv.at(-1)]()
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
`
