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
const only = (seq, at = 'tools', caveats = '{}', handle = 0) =>
  call(seq, { op: 'handle.only', handle }, `{"at":"${at}","caveats":${caveats}}`)
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
  'a slot beyond 32 bits': () => call(1, { slot: 2 ** 32 }),
  'a fraction as slot': () => call(1, { slot: 1.5 }),
  'no slot': () => send({ t: 'call', seq: 1, handle: 0, op: 'tools.count' }, '{}'),
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
  'a negative seq': () => call(-1),
  'a seq as text': () => call('1'),
  'a seq that is no number': () => call(NaN),
  'an endless seq': () =>
    write(raw('{"t":"call","slot":1,"seq":1e999,"handle":0,"op":"tools.count","s":[2]}', ['{}'])),
  'a negative handle': () => call(1, { handle: -1 }),
  'a fraction as handle': () => call(1, { handle: 0.5 }),
  'a handle nobody gave': () => call(1, { handle: 1 }),
  'a handle of another number': () => {
    only(1)
    call(2, { handle: 2 })
  },
  'a handle of a call': () => {
    call(1)
    call(2, { handle: 1 })
  },
  'a handle of what is not granted': () => only(1, 'http'),
  'a handle of an op': () => only(1, 'tools.count'),
  'a handle that is no JSON': () => call(1, { op: 'handle.only' }, '{"at":'),
  'a handle that is null': () => call(1, { op: 'handle.only' }, 'null'),
  'caveats nested too deep': () => only(1, 'tools', `${'['.repeat(1_000)}${']'.repeat(1_000)}`),
  'endless caveats': () => only(1, 'tools', JSON.stringify({ names: 'x'.repeat(10_000) })),
  'a revocation of the grant': () => call(1, { op: 'handle.revoke' }),
  'a revocation twice': () => {
    only(1)
    call(2, { op: 'handle.revoke', handle: 1 })
    call(3, { op: 'handle.revoke', handle: 1 })
  },
  'a flood of handles': () => {
    for (let seq = 1; seq <= 2_000; seq += 1) only(seq)
  },
  'handles too deep': () => {
    only(1)
    for (let seq = 2; seq <= 100; seq += 1) only(seq, 'tools', '{}', seq - 1)
  },
  'a weaker handle': () => {
    only(1, 'tools', '{"calls":0}')
    only(2, 'tools', '{}', 1)
    call(3, { handle: 2 })
    done(JSON.stringify(readFrames(1)))
  },
  'a handle that was revoked': () => {
    only(1)
    call(2, { op: 'handle.revoke', handle: 1 })
    call(3, { handle: 1 })
    done(JSON.stringify(readFrames(1)))
  },
  'a handle of caveats that are none': () => {
    only(1, 'tools', '[]')
    call(2, { handle: 1 })
    done(JSON.stringify(readFrames(1)))
  },
  'an op with a new line': () => call(1, { op: 'tools.count\n' }),
  'an op that is a number': () => call(1, { op: 7 }),
  'an endless op': () => call(1, { op: `tools.${'x'.repeat(500)}` }),
  'a key more': () => call(1, { costUsd: -1 }),
  'a run id': () => call(1, { runId: 'run_other' }),
  'a key of the prototype': () =>
    write(raw('{"t":"call","slot":1,"seq":1,"handle":0,"op":"tools.count","__proto__":{},"s":[2]}', ['{}'])),
  'a constructor': () => call(1, { constructor: 1 }),
  'a time': () => call(1, { atMs: 0 }),
  'an empty key': () => call(1, { key: '' }),
  'a key with control characters': () => call(1, { key: 'a\u0000b' }),
  'two segments': () => send({ t: 'call', slot: 1, seq: 1, handle: 0, op: 'tools.count' }, '{}', '{}'),
  'no segment': () => send({ t: 'call', slot: 1, seq: 1, handle: 0, op: 'tools.count' }),
  'an unknown type': () => send({ t: 'pay', slot: 1 }),
  'a type as number': () => send({ t: 1 }),
  'no type': () => send({ slot: 1 }),
  'a greeting of the host': () => send({ t: 'hello', v: 1 }),
  'a start of the host': () => send({ t: 'start', slot: 2 }),
  'a stop of the host': () => send({ t: 'stop', slot: 1 }),
  'a frame of the host': () => send({ t: 'deliver', slot: 1, seq: 1, ok: true, atMs: 0 }, '1'),
  'ready twice': () => send({ t: 'ready', v: 1 }),
  'ready in another version': () => send({ t: 'ready', v: 2 }),
  'a version that is none': () => send({ t: 'ready', v: '1' }),
  'a turn more than frames': () => {
    send({ t: 'turn' })
    send({ t: 'turn' })
  },
  'a turn with a slot': () => send({ t: 'turn', slot: 1 }),
  'a turn with a segment': () => send({ t: 'turn' }, 'x'),
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
  'segments of a fraction': () => write(raw('{"t":"log","slot":1,"level":"info","s":[0.5,0.5]}')),
  'segments that are no list': () => write(raw('{"t":"log","slot":1,"level":"info","s":{}}')),
  'no list of segments': () => write(raw('{"t":"log","slot":1,"level":"info"}')),
  'more segments than may be': () => send({ t: 'log', slot: 1, level: 'info' }, '', '', '', '', ''),
  'segments that do not fill the frame': () => {
    const bytes = raw({ t: 'log', slot: 1, level: 'info' }, ['abcd'])
    const longer = Buffer.concat([bytes, Buffer.from('ef')])
    longer.writeUInt32LE(longer.length - 4, 0)
    write(longer)
  },
  'a header of malformed UTF-8': () => write(raw('{"t":"log\u00ff"}').fill(0xff, 12, 13)),
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
  'a log of another slot': () => send({ t: 'log', slot: 3, level: 'info' }, 'x'),
  'a log without level': () => send({ t: 'log', slot: 1 }, 'x'),
  'a level as number': () => send({ t: 'log', slot: 1, level: 1 }, 'x'),
  'a log with a field more': () => send({ t: 'log', slot: 1, level: 'info', at: 0 }, 'x'),
  'a log of two segments': () => send({ t: 'log', slot: 1, level: 'info' }, 'x', 'y'),
  'a level that is none': () => send({ t: 'log', slot: 1, level: 'fatal' }, 'x'),
  'an endless line': () => send({ t: 'log', slot: 1, level: 'info' }, 'x'.repeat(100_000)),
  'arguments too large': () => call(1, {}, `"${'x'.repeat(5 * 2 ** 20)}"`),
  'a malformed timer': () => call(1, { op: 'timer.set' }, '{"delayMs":-1}'),
  'a timer that is no JSON': () => call(1, { op: 'timer.set' }, 'soon'),
  'a timer that is null': () => call(1, { op: 'timer.set' }, 'null'),
  'a value that is no JSON': () => done('{"a":'),
  'a value nested too deep': () => done('['.repeat(500) + ']'.repeat(500)),
  'an end that is neither': () => send({ t: 'done', slot: 1 }, '1'),
  'an end that is a text': () => send({ t: 'done', slot: 1, ok: 'true' }, '1'),
  'an end of two segments': () => send({ t: 'done', slot: 1, ok: true }, '1', '2'),
  'an end without segment': () => send({ t: 'done', slot: 1, ok: true }),
  'a value and a refusal': () => send({ t: 'done', slot: 1, ok: true, refused: 1 }, '1'),
  'an endless value': () => done(`"${'x'.repeat(16 * 2 ** 20)}"`),
  'an endless error': () => send({ t: 'done', slot: 1, ok: false, fault: 'threw' }, 'x'.repeat(100_000)),
  'a fault without its name': () => send({ t: 'done', slot: 1, ok: false }, '{}'),
  'a refusal of call zero': () => fail({ refused: 0 }),
  'a refusal of a fraction': () => fail({ refused: 1.5 }),
  'a refusal that is no cause': () => fail({ fault: 'syntax', refused: 1 }),
  'a stop that nobody asked for': () => fail({ fault: 'stopped' }),
  'a value and a fault': () => send({ t: 'done', slot: 1, ok: true, fault: 'threw' }, '1'),
  'a fault that is none': () => fail({ fault: 'refused' }),
  'a time that did not pass': () => fail({ fault: 'timeout' }),
  'memory that was not used': () => fail({ fault: 'memory' }),
  'a value that was not too large': () => fail({ fault: 'output' }),
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
  'a frame that never ends': () => {
    const lengths = Buffer.alloc(6)
    lengths.writeUInt32LE(60 * 2 ** 20, 0)
    write(lengths)
    for (;;) write(Buffer.alloc(1))
  },
  'a flood of log': () => {
    const lines = Buffer.concat(
      Array.from({ length: 1_000 }, () => raw({ t: 'log', slot: 1, level: 'info' }, ['x'])),
    )
    for (;;) write(lines)
  },
  'a flood of empty lines': () => {
    const lines = Buffer.concat(
      Array.from({ length: 1_000 }, () => raw({ t: 'log', slot: 1, level: 'info' }, [''])),
    )
    for (;;) write(lines)
  },
  'a flood of timers': () => {
    for (let seq = 1; ; seq += 1) call(seq, { op: 'timer.set' }, '{"delayMs":100000}')
  },
  'a flood of calls': () => {
    for (let seq = 1; seq <= 1_000_000; seq += 1) call(seq)
  },
  'calls as slow as one byte at a time': () => {
    for (const byte of raw({ t: 'call', slot: 1, seq: 1, handle: 0, op: 'tools.count' }, ['{}']))
      write(Buffer.of(byte))
    done(JSON.stringify(readFrames(1)))
  },
  'a header that says the slot twice': () => {
    write(raw('{"t":"call","slot":9,"seq":1,"handle":0,"op":"tools.count","slot":1,"s":[2]}', ['{}']))
    done(JSON.stringify(readFrames(1)))
  },
  'an op that is not granted': () => {
    call(1, { op: 'http.request' }, '{"url":"https://example.com/"}')
    done(JSON.stringify(readFrames(1)))
  },
  'arguments that are no JSON': () => {
    call(1, {}, '{"a":')
    done(JSON.stringify(readFrames(1)))
  },
  'arguments with a prototype': () => {
    call(1, {}, '{"__proto__":{"text":"x"}}')
    done(JSON.stringify(readFrames(1)))
  },
  'calls after the end': () => {
    done()
    call(1)
    call(2)
  },
  'two ends': () => {
    done('1')
    done('2')
  },
  'two runs, one of them over': () => {
    awaitSecond()
    done('"first"')
    call(1)
  },
  'two runs, a call of each': () => {
    awaitSecond()
    send({ t: 'turn' })
    call(1, { slot: 2 })
    call(1)
    const [second, first] = readFrames(2)
    done(first)
    send({ t: 'done', slot: 2, ok: true }, second)
  },
  'two runs, and an unknown type': () => {
    awaitSecond()
    send({ t: 'pay' })
  },
  'deaf ears': () => {
    for (let seq = 1; seq <= 12; seq += 1) call(seq, { op: 'tools.giant' })
    wait()
  },
}

/** Says that it waits, and reads the start of another run. */
const awaitSecond = () => {
  send({ t: 'turn' })
  send({ t: 'log', slot: 1, level: 'info' }, 'waiting')
  readFrames(1)
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
