/** Scripts for a process that takes the place of a cage, and what is certain to come of them. */
import fc from 'fast-check'
import { anyText, goodHeader, HELD_SECRET, layOut, lyingFrame, oddValue, segmentsOf, stream } from './wire.ts'

/** One thing that the process does; acting-cage.mjs acts it out. */
export type Step =
  | { readonly kind: 'write'; readonly base64: string; readonly times: number }
  | { readonly kind: 'read'; readonly count: number }
  | { readonly kind: 'rest'; readonly ms: number }
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly name: string }

/** What a step means for its run when all before it was in order. `odd`: nobody knows. */
type Meaning = 'call' | 'log' | 'done' | 'fails' | 'breach' | 'odd' | 'nothing'
/** A step with its meaning, and for people its content. */
export type Act = { readonly step: Step; readonly means: Meaning; readonly shown: string }
/** `early`: what is sent before the process is ready; it ends the process in any case. */
export type Script = { readonly early: readonly Act[]; readonly acts: readonly Act[] }

const write = (bytes: Buffer, means: Meaning, times = 1): Act => ({
  step: { kind: 'write', base64: bytes.toString('base64'), times },
  means,
  shown: `${bytes.toString('latin1').slice(0, 300)}${times > 1 ? ` × ${times}` : ''}`,
})
const frame = (header: object, ...segments: readonly string[]): Buffer =>
  layOut({
    header: JSON.stringify({ ...header, s: segments.map((one) => Buffer.byteLength(one)) }),
    rest: segments.join(''),
  })

/** Texts of an attacker; some tell a secret that an answer may have told it. */
const someText = (maxLength: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 6, arbitrary: anyText(maxLength) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          anyText(10),
          fc.constantFrom(
            HELD_SECRET,
            Buffer.from(HELD_SECRET).toString('base64'),
            Buffer.from(HELD_SECRET).toString('hex'),
            HELD_SECRET.replaceAll('-', '%2D'),
            HELD_SECRET.replaceAll('-', '\\u002d'),
          ),
          anyText(10),
        )
        .map((parts) => parts.join(' ')),
    },
  )

const SEQ = 'seq'
/** Written when the script is put together: only there the number of the call is known. */
type Draft = Act | { readonly kind: typeof SEQ; readonly args: string; readonly off: number }

const goodCall: fc.Arbitrary<Draft> = fc
  .oneof(fc.constant('{}'), fc.json({ maxDepth: 3 }), someText(30))
  .map((args) => ({ kind: SEQ, args, off: 0 }))
const badCall: fc.Arbitrary<Draft> = fc
  .constantFrom(-1, 1, 2, 1_000)
  .map((off) => ({ kind: SEQ, args: '{}', off }))

const goodLog = fc
  .tuple(fc.constantFrom('debug', 'info', 'warn', 'error'), someText(100))
  .map(([level, text]) => write(frame({ t: 'log', slot: 1, level }, text), 'log'))
const goodDone = fc
  .oneof(
    fc.json({ maxDepth: 4 }),
    someText(100).map((text) => JSON.stringify({ [text]: text })),
  )
  .map((value) => write(frame({ t: 'done', slot: 1, ok: true }, value), 'done'))
const fault = fc
  .tuple(
    fc.constantFrom(
      'threw',
      'unpassable',
      'syntax',
      'import',
      'no_default_export',
      'timeout',
      'memory',
      'output',
    ),
    fc.oneof(someText(100), fc.json({ maxDepth: 3 })),
  )
  .map(([name, text]) => write(frame({ t: 'done', slot: 1, ok: false, fault: name }, text), 'fails'))

/** Frames that nobody may take, whatever came before. */
const breach: fc.Arbitrary<Act> = fc.oneof(
  fc
    .constantFrom(
      frame({ t: 'ready', v: 1 }),
      frame({ t: 'pay', slot: 1 }),
      frame({ t: 'deliver', slot: 1, seq: 1, ok: true, atMs: 0 }, '1'),
      frame({ t: 'log', slot: 99, level: 'info' }, 'x'),
      frame({ t: 'done', slot: 1, ok: true, fault: 'threw' }, '1'),
      frame({ t: 'done', slot: 1, ok: false, fault: 'stopped' }, '{}'),
      frame({ t: 'done', slot: 1, ok: true }, 'no JSON'),
      frame({ t: 'done', slot: 1, ok: true }, `${'['.repeat(65)}${']'.repeat(65)}`),
      frame({ t: 'call', slot: 1, seq: 1, handle: 0, op: 'tools.count', costUsd: -1 }, '{}'),
      frame({ t: 'log', slot: 1, level: 'info' }, 'x'.repeat(20_000)),
      layOut({ header: '[]', rest: '' }),
      layOut({ header: '{"t":"turn","s":[1]}', rest: 'ab' }),
      layOut({ header: '{"t":', rest: '' }),
      Buffer.from([0, 0, 0, 0]),
      Buffer.from([255, 255, 255, 255]),
    )
    .map((bytes) => write(bytes, 'breach')),
)

const odd: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: stream.map((bytes) => write(bytes, 'odd')) },
  { weight: 2, arbitrary: lyingFrame.map((one) => write(layOut(one), 'odd')) },
  {
    weight: 4,
    arbitrary: fc.tuple(goodHeader, fc.nat(), oddValue, anyText(20)).map(([header, at, value, text]) => {
      const names = Object.keys(header)
      const changed = { ...header, [names[at % names.length] ?? 't']: value }
      return write(frame(changed, ...(segmentsOf(header) === 0 ? [] : [text])), 'odd')
    }),
  },
  // A flood: the host must neither hang nor grow.
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom(frame({ t: 'turn' }), frame({ t: 'log', slot: 1, level: 'info' }, 'x'.repeat(8_000))),
        fc.nat(500),
      )
      .map(([bytes, times]) => write(bytes, 'odd', times + 1)),
  },
)

const act = (step: Step, means: Meaning): Act => ({ step, means, shown: '' })
const quiet: fc.Arbitrary<Act> = fc.oneof(
  fc.constantFrom(0, 1, 5, 20).map((ms) => act({ kind: 'rest', ms }, 'nothing')),
  anyText(60).map((text) => act({ kind: 'say', text }, 'odd')),
  fc.constant(act({ kind: 'say', text: 'tollgate watchdog: memory\n' }, 'odd')),
)
const exit = fc.constantFrom(0, 1, 134, 137).map((code) => act({ kind: 'exit', code }, 'odd'))
const signal = fc
  .constantFrom('SIGKILL', 'SIGTERM', 'SIGABRT', 'SIGSEGV', 'SIGTRAP', 'SIGBUS')
  .map((name) => act({ kind: 'signal', name }, 'odd'))
/** It waits for what may never come; the deadline ends it. */
const wait = fc.constant(act({ kind: 'read', count: 1_000 }, 'nothing'))
const end = fc.oneof(
  { weight: 6, arbitrary: exit },
  { weight: 6, arbitrary: signal },
  { weight: 1, arbitrary: wait },
)

/** Puts numbers to the calls. */
const number = (drafts: readonly Draft[]): readonly Act[] => {
  let seq = 0
  return drafts.map((one) => {
    if (!('args' in one)) return one
    const bytes = (shown: number): Buffer =>
      frame({ t: 'call', slot: 1, seq: shown, handle: 0, op: 'tools.count' }, one.args)
    if (one.off !== 0) return write(bytes(Math.max(0, seq + 1 + one.off)), 'breach')
    seq += 1
    return write(bytes(seq), 'call')
  })
}

/** Whole scripts. One in ten speaks before it should, and then ends. */
export const script: fc.Arbitrary<Script> = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: fc.constant<Act[]>([]) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.oneof(odd, breach), fc.oneof(exit, signal)).map((pair) => [...pair]),
      },
    ),
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: goodCall },
        { weight: 3, arbitrary: goodLog },
        { weight: 2, arbitrary: goodDone },
        { weight: 1, arbitrary: fault },
        { weight: 1, arbitrary: badCall },
        { weight: 3, arbitrary: breach },
        { weight: 5, arbitrary: odd },
        { weight: 2, arbitrary: quiet },
      ),
      { maxLength: 8 },
    ),
    end,
  )
  .map(([early, drafts, last]) => ({ early, acts: [...number(drafts), last] }))

/** As the process is told it. */
export const argumentOf = ({ early, acts }: Script): string =>
  JSON.stringify({ early: early.map(({ step }) => step), steps: acts.map(({ step }) => step) })

/** What is certain to come of a script, as long as it is alone in its cage. */
export type Forecast = {
  /** The run ends by it: what a host must say. Undefined where nobody knows. */
  readonly ends: 'done' | 'failed' | 'breach' | undefined
  /** Calls that may have been performed at most; undefined where nobody knows. */
  readonly callsMax: number | undefined
}

/** Follows a script as far as its meaning is plain. */
export const forecast = ({ early, acts }: Script): Forecast => {
  if (early.length > 0) return { ends: undefined, callsMax: undefined }
  let callsMax = 0
  for (const { means } of acts) {
    if (means === 'odd') return { ends: undefined, callsMax: undefined }
    if (means === 'call') callsMax += 1
    if (means === 'done') return { ends: 'done', callsMax }
    if (means === 'fails') return { ends: 'failed', callsMax }
    if (means === 'breach') return { ends: 'breach', callsMax }
  }
  return { ends: undefined, callsMax }
}
