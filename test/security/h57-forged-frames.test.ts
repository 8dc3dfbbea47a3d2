import { afterAll, describe, expect, it } from 'vitest'
import type { Cage } from '../../src/cage/launch.ts'
import { probeTiers } from '../../src/cage/probe.ts'
import type { RunResult } from '../../src/index.ts'
import { until } from '../run/until.ts'
import { Arena, isAlive, knownAttacks } from './h57-arena.ts'

/** What no cage sends, by the reason that the audit gives for its end. */
const BREACHES: Readonly<Record<string, readonly string[]>> = {
  'no such slot': ['another slot', 'slot zero', 'the end of another slot', 'a log of another slot'],
  'call: bad slot': ['a negative slot', 'a slot as text', 'a slot beyond 32 bits', 'a fraction as slot'],
  'a call out of turn': ['a seq skipped', 'a seq repeated', 'a seq going back'],
  'call: bad seq': [
    'seq zero',
    'a fraction as seq',
    'a seq beyond integers',
    'a negative seq',
    'a seq as text',
    'a seq that is no number',
    'an endless seq',
  ],
  'call: bad handle': ['a negative handle', 'a fraction as handle'],
  'no such handle': ['a handle nobody gave', 'a handle of another number', 'a handle of a call'],
  'a handle of nothing that was granted': [
    'a handle of what is not granted',
    'a handle of an op',
    'a handle that is no JSON',
    'a handle that is null',
    'caveats nested too deep',
    'endless caveats',
  ],
  'a handle revoked that is none': ['a revocation of the grant', 'a revocation twice'],
  'more handles than a kernel makes': ['a flood of handles', 'handles too deep'],
  'call: bad op': ['an op with a new line', 'an op that is a number', 'an endless op'],
  'call: wrong shape': [
    'no slot',
    'a key more',
    'a run id',
    'a key of the prototype',
    'a constructor',
    'a time',
    'two segments',
    'no segment',
  ],
  'call: bad key': ['an empty key', 'a key with control characters'],
  'call: arguments too large': ['arguments too large'],
  'header: unknown kind': [
    'an unknown type',
    'a type as number',
    'no type',
    'a greeting of the host',
    'a start of the host',
    'a stop of the host',
    'a frame of the host',
    'a header of the prototype',
  ],
  'ready twice': ['ready twice', 'ready in another version'],
  'ready: bad version': ['a version that is none'],
  'a turn that nobody waits for': ['a turn more than frames'],
  'turn: wrong shape': ['a turn with a slot', 'a turn with a segment'],
  'A frame declares no proper segments.': [
    'a header that is a list',
    'a header that is null',
    'segments of negative length',
    'segments of a fraction',
    'segments that are no list',
    'no list of segments',
    'more segments than may be',
  ],
  'The header of a frame is not JSON.': ['a header that is no JSON'],
  'The header of a frame is too large.': ['an oversized header', 'a header longer than its frame'],
  'A frame is smaller or larger than the wire allows.': [
    'an oversized frame',
    'an empty frame',
    'random bytes',
    'half a frame and then another',
  ],
  'The segments of a frame do not fill it.': ['segments that lie', 'segments that do not fill the frame'],
  'A frame holds malformed UTF-8.': ['a header of malformed UTF-8', 'malformed UTF-8'],
  'log: wrong shape': ['a log without level', 'a log with a field more', 'a log of two segments'],
  'log: bad level': ['a level as number', 'a level that is none'],
  'log: line too long': ['an endless line'],
  'a malformed timer': ['a malformed timer', 'a timer that is no JSON', 'a timer that is null'],
  'a value that is no JSON of a kernel': [
    'a value that is no JSON',
    'a value nested too deep',
    'a stop that nobody asked for',
  ],
  'done: wrong shape': ['an end that is neither', 'an end of two segments', 'an end without segment'],
  'done: bad fault': ['an end that is a text', 'a fault without its name', 'a fault that is none'],
  'done: a value and a fault': ['a value and a refusal', 'a value and a fault'],
  'done: value too large': ['an endless value'],
  'done: error too large': ['an endless error'],
  'done: bad refusal': ['a refusal of call zero', 'a refusal of a fraction', 'a refusal that is no cause'],
  'more log than may cross': ['a flood of log', 'a flood of empty lines'],
  'more timers than a kernel sets': ['a flood of timers'],
  'The cage does not read.': ['deaf ears'],
}
const breaches = Object.entries(BREACHES).flatMap(([reason, attacks]) =>
  attacks.map((attack) => [attack, reason] as const),
)

/** Lies that only harm the liar, and what breaks no rule but a limit. */
const OTHERS: Readonly<Record<string, Partial<RunResult['error'] & object>>> = {
  'a refusal that never was': { code: 'GUEST_THREW', gate: 'cage' },
  'a refusal of a call that was allowed': { code: 'GUEST_THREW', gate: 'cage' },
  'a code of ours': { code: 'GUEST_THREW', gate: 'cage' },
  'an error that is no JSON': { code: 'GUEST_THREW', gate: 'cage' },
  'a time that did not pass': { code: 'LIMIT_DURATION', gate: 'watchdog' },
  'memory that was not used': { code: 'LIMIT_MEMORY', gate: 'watchdog' },
  'a value that was not too large': { code: 'LIMIT_OUTPUT', gate: 'cage' },
  'half a frame': { code: 'LIMIT_DURATION', gate: 'watchdog' },
  'half a frame and the end': { code: 'INTERNAL_CAGE_LOST', gate: 'cage' },
  'a frame that never ends': { code: 'LIMIT_DURATION', gate: 'watchdog' },
  'a flood of calls': { code: 'LIMIT_TOOL_CALLS', gate: 'decode' },
  silence: { code: 'LIMIT_DURATION', gate: 'watchdog' },
}
/** What the wire allows: the broker judges it as it would the guest's own, and this is what the cage hears. */
const LAWFUL: Readonly<Record<string, unknown>> = {
  behave: '1',
  'calls as slow as one byte at a time': '1',
  'a header that says the slot twice': '1',
  'an op that is not granted': expect.stringContaining('"code":"DENIED_NOT_GRANTED"') as unknown,
  'arguments that are no JSON': expect.stringContaining('"code":"GUEST_UNPASSABLE"') as unknown,
  'arguments with a prototype': '1',
  'a weaker handle': expect.stringContaining('"code":"LIMIT_OP_CALLS"') as unknown,
  'a handle that was revoked': expect.stringContaining('"code":"DENIED_REVOKED"') as unknown,
  'a handle of caveats that are none': expect.stringContaining('"code":"GUEST_ARGUMENTS"') as unknown,
}
/** Attacks on a run that has ended well already. */
const LATE = { 'calls after the end': 'done', 'two ends': 1 }
const TWO_RUNS = ['two runs, one of them over', 'two runs, a call of each', 'two runs, and an unknown type']

it('every attack that the hostile cage knows has its outcome', () => {
  const told = [...breaches.map(([attack]) => attack), ...TWO_RUNS]
  expect([...told, ...Object.keys({ ...OTHERS, ...LAWFUL, ...LATE })].toSorted()).toEqual(
    knownAttacks().toSorted(),
  )
  expect(breaches.length).toBeGreaterThan(85)
})

/** One attack of each kind; after these the next run is one of the same principal. */
const SAMPLE = [
  'another slot',
  'a seq skipped',
  'an unknown type',
  'an oversized frame',
  'segments that lie',
  'malformed UTF-8',
  'a value that is no JSON',
  'a malformed timer',
]

/** What is seen of an attack: how the run ended, what the audit says, whether the cage is gone and the next run works. */
const outcomeOf = async (arena: Arena, attack: string) => {
  const { result, records, performed, pid, next } = await arena.attacked(attack, !SAMPLE.includes(attack))
  const { code, gate } = result.error ?? {}
  return {
    status: result.status,
    code,
    gate,
    reasons: records.flatMap(({ event, facts }) => (event === 'breach' ? [facts['reason']] : [])),
    ended: records.at(-1)?.facts['code'],
    isBounded: performed.length <= 2,
    isGone: await until(() => !isAlive(pid)),
    next: next.value,
  }
}
const endedFor = (reason: string): Awaited<ReturnType<typeof outcomeOf>> => ({
  status: 'failed',
  code: 'GUEST_BREACH',
  gate: 'cage',
  reasons: [reason],
  ended: 'GUEST_BREACH',
  isBounded: true,
  isGone: true,
  next: 'next',
})

describe('a cage that sends what no cage sends', () => {
  const arena = new Arena()
  afterAll(() => arena[Symbol.asyncDispose]())

  it.each(breaches)('is ended, and the audit says why: %s (%s)', async (attack, reason) => {
    expect(await outcomeOf(arena, attack)).toEqual(endedFor(reason))
  })

  it.each(Object.entries(OTHERS))('tells a lie that gains nothing: %s', async (attack, error) => {
    const { result, performed, next, pid } = await arena.attacked(attack, true)
    expect(result.error).toMatchObject(error)
    expect(performed.length).toBeLessThanOrEqual(50)
    expect(next.value).toBe('next')
    if (error.gate !== 'cage') await until(() => !isAlive(pid))
  })

  it.each(Object.entries(LAWFUL))('is judged as the guest would be: %s', async (attack, heard) => {
    const { result, records, next } = await arena.attacked(attack, true)
    expect(result).toMatchObject({ status: 'done', value: [heard] })
    expect(records.filter(({ event }) => event === 'call')).toHaveLength(1)
    expect(records.filter(({ event }) => event === 'breach')).toEqual([])
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('text')
    expect(next.value).toBe('next')
  })

  it.each(Object.entries(LATE))('changes nothing of a run that has ended: %s', async (attack, value) => {
    const { result, performed, next } = await arena.attacked(attack, true)
    expect(result).toMatchObject({ status: 'done', value })
    expect(performed).toEqual([])
    expect(next.value).toBe('next')
  })

  it('did not touch the run that went on all the time, and every breach stands in the log on disk', async () => {
    const { status, answered, intact, reasons } = await arena.verdict()
    expect([status, intact]).toEqual(['done', true])
    expect(answered).toBeGreaterThan(breaches.length)
    expect(reasons.map(String).toSorted()).toEqual(breaches.map(([, reason]) => reason).toSorted())
  })
})

describe('a cage that serves two runs of one principal', () => {
  const arena = new Arena()
  afterAll(() => arena[Symbol.asyncDispose]())

  it('may speak for each, and each pays for what is said for it', async () => {
    const { results, performed } = await arena.attackedTwice('two runs, a call of each')
    expect(results.map(({ status, usage }) => [status, usage.calls])).toEqual([
      ['done', 1],
      ['done', 1],
    ])
    expect(performed).toBe(2)
  })

  it('is ended when it speaks for the one that is over, and the other is told', async () => {
    const { results, events } = await arena.attackedTwice('two runs, one of them over')
    const [first, second] = results
    expect(first).toMatchObject({ status: 'done', value: 'first' })
    expect(second?.error).toMatchObject({ code: 'GUEST_BREACH', gate: 'cage' })
    expect(events.map((ofRun) => ofRun.includes('breach'))).toEqual([false, true])
  })

  it('is ended with both, and both start again in cages of their own, for nobody knows whose fault it was', async () => {
    const { results, events } = await arena.attackedTwice('two runs, and an unknown type')
    expect(results.map(({ value }) => value)).toEqual(['first', 'second'])
    for (const ofRun of events) expect(ofRun).toEqual(expect.arrayContaining(['breach', 'run.restarted']))
  })
})

const others = probeTiers().flatMap(({ tier, available }) => (available && tier !== 'T1' ? [tier] : []))

describe.each(others)('in %s', (tier) => {
  const arena = new Arena({ tier })
  afterAll(() => arena[Symbol.asyncDispose]())

  it.each(breaches.filter(([attack]) => SAMPLE.includes(attack)))(
    'a cage is ended just so: %s (%s)',
    async (attack, reason) => {
      expect(await outcomeOf(arena, attack)).toEqual(endedFor(reason))
    },
  )

  it('and the run beside it goes on', async () => {
    expect(await arena.verdict()).toMatchObject({ status: 'done', intact: true })
  })
})

/** Numbers calls anew, and takes every slot and handle for the right one. */
const lenient = (cage: Cage): Cage => {
  let lastSeq = 0
  let { onFrame } = cage
  Object.defineProperty(cage, 'onFrame', {
    get: () => (frame: Parameters<Cage['onFrame']>[0], segments: readonly string[]) =>
      onFrame(frame.t === 'call' ? { ...frame, slot: 1, seq: (lastSeq += 1), handle: 0 } : frame, segments),
    set: (next: Cage['onFrame']) => {
      onFrame = next
    },
  })
  return cage
}
/** Hears of no breach. */
const unheeding = (cage: Cage): Cage =>
  Object.defineProperty(cage, 'onBreach', {
    get: () => () => undefined,
    set: () => {
      // Whoever wants to hear of a breach does not.
    },
  })

describe('negative control', () => {
  it.each(['a seq skipped', 'another slot', 'a handle nobody gave'])(
    'a host that puts seqs and slots right itself lets the forged call through: %s',
    async (attack) => {
      await using arena = new Arena({ weaken: lenient })
      const { result, performed } = await arena.attacked(attack)
      expect(result.error?.code).toBe('LIMIT_DURATION')
      expect(performed).toHaveLength(1)
    },
  )

  it.each(['an unknown type', 'malformed UTF-8'])(
    'a host that heeds no breach lets the cage live to its deadline, and its audit names nothing: %s',
    async (attack) => {
      await using arena = new Arena({ weaken: unheeding })
      const { result, records } = await arena.attacked(attack)
      expect(result.error?.code).toBe('LIMIT_DURATION')
      expect(records.filter(({ event }) => event === 'breach')).toEqual([])
    },
  )
})
