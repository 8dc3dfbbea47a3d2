/**
 * What runs in the place of a cage that was taken over: `main.mjs ADDON ATTACK`. It is ready as it should be, and when a run
 * starts it sends what the attack is named after.
 */
import { readSync, writeSync } from 'node:fs'

const PORT = 3
const attack = process.argv.at(-1)

const raw = (header, segments = []) => {
  const bodies = segments.map((one) => Buffer.from(one))
  const head = Buffer.from(
    typeof header === 'string'
      ? header
      : JSON.stringify({ ...header, s: bodies.map(({ length }) => length) }),
  )
  const body = Buffer.concat([head, ...bodies])
  const lengths = Buffer.alloc(6)
  lengths.writeUInt32LE(2 + body.length, 0)
  lengths.writeUInt16LE(head.length, 4)
  return Buffer.concat([lengths, body])
}
const write = (bytes) => {
  for (let at = 0; at < bytes.length; at += writeSync(PORT, bytes, at));
}
const send = (header, ...segments) => write(raw(header, segments))
const call = (seq, more = {}, args = '{}') =>
  send({ t: 'call', slot: 1, seq, handle: 0, op: 'tools.count', ...more }, args)
const done = (value = '"done"') => send({ t: 'done', slot: 1, ok: true }, value)
const fail = (more) =>
  send(
    { t: 'done', slot: 1, ok: false, fault: 'threw', ...more },
    '{"name":"Error","message":"m","stack":""}',
  )
const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)

const ATTACKS = {
  behave: () => {
    call(1)
    const answers = readFrames(1)
    done(JSON.stringify(answers))
  },
  'another slot': () => call(1, { slot: 2 }),
  'slot zero': () => call(1, { slot: 0 }),
  'a negative slot': () => call(1, { slot: -1 }),
  'a slot as text': () => call(1, { slot: '1' }),
  'the end of another slot': () => send({ t: 'done', slot: 7, ok: true }, '1'),
  'a seq skipped': () => call(2),
  'a seq repeated': () => {
    call(1)
    call(1)
  },
  'a seq going back': () => {
    call(1)
    call(2)
    call(1)
  },
  'seq zero': () => call(0),
  'a fraction as seq': () => call(1.5),
  'a seq beyond integers': () => call(2 ** 53),
  'a handle nobody gave': () => call(1, { handle: 1 }),
  'an op with a new line': () => call(1, { op: 'tools.count\n' }),
  'an op that is a number': () => call(1, { op: 7 }),
  'an endless op': () => call(1, { op: `tools.${'x'.repeat(500)}` }),
  'a key more': () => call(1, { costUsd: -1 }),
  'a run id': () => call(1, { runId: 'run_other' }),
  'a time': () => call(1, { atMs: 0 }),
  'an empty key': () => call(1, { key: '' }),
  'a key with control characters': () => call(1, { key: 'a\u0000b' }),
  'two segments': () => send({ t: 'call', slot: 1, seq: 1, handle: 0, op: 'tools.count' }, '{}', '{}'),
  'no segment': () => send({ t: 'call', slot: 1, seq: 1, handle: 0, op: 'tools.count' }),
  'an unknown type': () => send({ t: 'pay', slot: 1 }),
  'a frame of the host': () => send({ t: 'deliver', slot: 1, seq: 1, ok: true, atMs: 0 }, '1'),
  'ready twice': () => send({ t: 'ready', v: 1 }),
  'a header that is a list': () => write(raw('[]')),
  'a header that is null': () => write(raw('null')),
  'a header that is no JSON': () => write(raw('{"t":')),
  'a header of the prototype': () => write(raw('{"__proto__":{"t":"done"},"slot":1,"ok":true,"s":[]}')),
  'an oversized header': () => write(raw(JSON.stringify({ t: 'call', x: 'x'.repeat(2_000), s: [] }))),
  'a header longer than its frame': () => {
    const bytes = raw({ t: 'log' })
    bytes.writeUInt16LE(60_000, 4)
    write(bytes)
  },
  'an oversized frame': () => write(Buffer.from([255, 255, 255, 255, 0, 0])),
  'an empty frame': () => write(Buffer.from([0, 0, 0, 0])),
  'segments that lie': () => write(raw('{"t":"log","slot":1,"level":"info","s":[1000]}')),
  'segments of negative length': () => write(raw('{"t":"log","slot":1,"level":"info","s":[-1]}')),
  'malformed UTF-8': () => {
    const bytes = raw({ t: 'log', slot: 1, level: 'info' }, ['abcd'])
    bytes.set([0xff, 0xfe], bytes.length - 4)
    write(bytes)
  },
  'random bytes': () => write(Buffer.from(Array.from({ length: 1_000 }, (_, n) => (n * 7919) % 256))),
  'half a frame and then another': () => {
    write(raw({ t: 'log', slot: 1, level: 'info' }, ['x'.repeat(100)]).subarray(0, 60))
    done(`"${'x'.repeat(500)}"`)
  },
  'a level that is none': () => send({ t: 'log', slot: 1, level: 'fatal' }, 'x'),
  'an endless line': () => send({ t: 'log', slot: 1, level: 'info' }, 'x'.repeat(100_000)),
  'arguments too large': () => call(1, {}, `"${'x'.repeat(5 * 2 ** 20)}"`),
  'a malformed timer': () => call(1, { op: 'timer.set' }, '{"delayMs":-1}'),
  'a timer that is no JSON': () => call(1, { op: 'timer.set' }, 'soon'),
  'a timer that is null': () => call(1, { op: 'timer.set' }, 'null'),
  'a value that is no JSON': () => done('{"a":'),
  'a value nested too deep': () => done('['.repeat(500) + ']'.repeat(500)),
  'a value and a fault': () => send({ t: 'done', slot: 1, ok: true, fault: 'threw' }, '1'),
  'a fault that is none': () => fail({ fault: 'refused' }),
  'a refusal that never was': () => fail({ refused: 7 }),
  'a refusal of a call that was allowed': () => {
    call(1)
    readFrames(1)
    fail({ refused: 1 })
  },
  'a code of ours': () =>
    send(
      { t: 'done', slot: 1, ok: false, fault: 'threw' },
      '{"name":"TollgateError","message":"DENIED_DOMAIN","stack":"","code":"DENIED_DOMAIN","gate":"authorize"}',
    ),
  'an error that is no JSON': () => send({ t: 'done', slot: 1, ok: false, fault: 'threw' }, 'oops'),
  'half a frame': () => {
    write(raw({ t: 'log', slot: 1, level: 'info' }, ['x'.repeat(100)]).subarray(0, 60))
    wait()
  },
  'half a frame and the end': () => {
    write(raw({ t: 'log', slot: 1, level: 'info' }, ['x'.repeat(100)]).subarray(0, 60))
    process.kill(process.pid, 'SIGKILL')
  },
  silence: () => wait(),
  'calls after the end': () => {
    done()
    call(1)
    call(2)
  },
  'two ends': () => {
    done('1')
    done('2')
  },
  'deaf ears': () => {
    for (let seq = 1; seq <= 12; seq += 1) call(seq, { op: 'tools.giant' })
    wait()
  },
}

let unread = Buffer.alloc(0)
/** Reads so many frames of the host; their first segments. */
const readFrames = (count) => {
  const chunk = Buffer.alloc(65_536)
  const texts = []
  while (texts.length < count) {
    unread = Buffer.concat([unread, chunk.subarray(0, readSync(PORT, chunk, 0, chunk.length, null))])
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32LE(0)) {
      const body = unread.subarray(4, 4 + unread.readUInt32LE(0))
      unread = unread.subarray(4 + body.length)
      texts.push(body.subarray(2 + body.readUInt16LE(0)).toString())
    }
  }
  return texts
}

readFrames(1)
send({ t: 'ready', v: 1 })
readFrames(1)
ATTACKS[attack]()
wait()
