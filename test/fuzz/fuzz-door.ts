/** The door out of a real cage: what guest code sends arrives as exactly the plain data that it means, or not at all. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { z } from 'zod'
import { TIMER_OP } from '../../runtime/abi/ops.ts'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import { CODES, defineTool, type RunResult, type Tollgate } from '../../src/index.ts'
import { openGateOf } from '../run/gates.ts'
import { campaign, untilHangs, type Effort, type Report } from './campaign.ts'
import { program, soup, type Program } from './guest-programs.ts'
import { mustBeUntouched } from './host-realm.ts'
import { HELD_SECRET } from './wire.ts'

const POLICY = {
  permissions: { tools: { take: {} } },
  secrets: { held: { from: 'env:HELD', bearer: {} } },
  limits: { max_duration_seconds: 2, max_tool_calls: 1_000, max_output_kb: 16_384, max_memory_mb: 128 },
}
const OUR_FAULT = new Set([
  'INTERNAL_ERROR',
  'INTERNAL_STORE',
  'INTERNAL_CAGE_LOST',
  'GUEST_BREACH',
  'CONFIG_USAGE',
])

/** What came out of a cage for one run, as it came. */
type Arrived = { readonly text: string; readonly key: string | undefined; readonly op: string }

/** Notes every call frame, by the input of its run. */
const tap = (cage: Cage, arrivals: Map<number, Arrived[]>): Cage => {
  const slots = new Map<number, Arrived[]>()
  const send = cage.send.bind(cage)
  cage.send = (frame, segments = []) => {
    if (frame.t === 'start') {
      const arrived: Arrived[] = []
      slots.set(frame.slot, arrived)
      arrivals.set(Number(segments[2]), arrived)
    }
    send(frame, segments)
  }
  let { onFrame } = cage
  return Object.defineProperty(cage, 'onFrame', {
    get: () => (frame: Parameters<Cage['onFrame']>[0], segments: readonly string[]) => {
      if (frame.t === 'call' && frame.op !== TIMER_OP)
        slots.get(frame.slot)?.push({ text: segments[0] ?? '', key: frame.key, op: frame.op })
      onFrame(frame, segments)
    },
    set: (next: Cage['onFrame']) => {
      onFrame = next
    },
  })
}

const mustArrive = ({ arrives, mayArrive, ends }: Program, arrived: readonly Arrived[]): void => {
  if (arrived.some(({ key, op }) => key !== undefined || op !== 'tools.take'))
    throw new Error('a call arrived that the tool did not make')
  const texts = arrived.map(({ text }) => text).filter((text) => !mayArrive.includes(text))
  const all = arrives.filter((text) => !mayArrive.includes(text))
  // A tool that stumbles may end before it has made all its calls.
  const expected = ends === 'any' ? all.slice(0, texts.length) : all
  if (isDeepStrictEqual(texts, expected)) return
  const at = texts.findIndex((text, place) => text !== expected[place])
  const place = at === -1 ? texts.length : at
  const cut = (text: string | undefined): string => (text ?? 'nothing').slice(0, 500)
  throw new Error(`call ${place}: ${cut(texts[place])} arrived instead of ${cut(expected[place])}`)
}

const mustEnd = ({ ends }: Program, { status, value, error }: RunResult): void => {
  if (status !== 'done' && (error === undefined || !Object.hasOwn(CODES, error.code)))
    throw new Error(`a run ended as ${status} without a code`)
  if (error !== undefined && OUR_FAULT.has(error.code))
    throw new Error(`a run ended with ${error.code}: ${error.message}`)
  if (ends === 'any') return
  if ('code' in ends) {
    if (error?.code !== ends.code)
      throw new Error(`a run ended with ${error?.code ?? 'a value'} instead of ${ends.code}`)
    return
  }
  if (status !== 'done')
    throw new Error(`a run ended with ${error?.code}: ${error?.message} instead of a value`)
  if (!isDeepStrictEqual(value, JSON.parse(ends.value)))
    throw new Error(
      `the value is ${JSON.stringify(value).slice(0, 500)} instead of ${ends.value.slice(0, 500)}`,
    )
}

/** Every so often the programs of a pass run again, with reuse. */
const AGAIN_EACH = 4

/** A real host with real cages, through which programs go. */
class Passage {
  readonly #arrivals = new Map<number, Arrived[]>()
  readonly #performed: unknown[] = []
  readonly #gate: Promise<Tollgate>
  #realm: string | undefined
  #passes = 0

  constructor(entry: string | undefined) {
    const launch = (): Cage => tap(launchCage(entry === undefined ? {} : { entry }), this.#arrivals)
    const take = defineTool({
      name: 'take',
      description: 'Says what it is told.',
      input: z.unknown(),
      output: z.unknown(),
      effect: 'read',
      perform: (args) => {
        this.#performed.push(args)
        return args
      },
    })
    this.#gate = openGateOf({ tools: [take], powers: { launchCage: launch, env: { HELD: HELD_SECRET } } })
  }

  async pass(programs: readonly Program[]): Promise<void> {
    const gate = await this.#gate
    this.#arrivals.clear()
    this.#performed.length = 0
    const runs = programs.map(({ code }, input) => gate.run({ code, policy: POLICY, input }))
    const results = await untilHangs(Promise.all(runs), 'a run')
    for (const [at, one] of programs.entries()) {
      const result = results[at] as RunResult
      mustEnd(one, result)
      const arrived = this.#arrivals.get(at) ?? []
      for (const { text } of arrived) JSON.parse(text)
      // A tool without a fingerprint is soup: nobody knows what it sends.
      if (one.code.startsWith('console.log([globalThis')) {
        mustArrive(one, arrived)
        this.#mustBeClean(result)
      }
    }
    mustBeUntouched()
    this.#mustHavePerformed()
    this.#passes += 1
    if (this.#passes % AGAIN_EACH === 0) await this.#again(gate, programs)
  }

  /** Twice more, taking over what the run before has left: whatever that was, each run ends with a code that is meant. */
  async #again(gate: Tollgate, programs: readonly Program[]): Promise<void> {
    for (const reuse of ['context', 'isolate', 'context', 'isolate'] as const) {
      const runs = programs.map(({ code }, input) => gate.run({ code, policy: POLICY, input, reuse }))
      for (const { status, error } of await untilHangs(Promise.all(runs), `a run with reuse: ${reuse}`))
        if (status !== 'done' && (error === undefined || error.code.startsWith('INTERNAL_')))
          throw new Error(`with reuse: '${reuse}' a run ended as ${error?.code ?? status}: ${error?.message}`)
    }
    mustBeUntouched()
  }

  /** Each run finds the realm as the first one did. */
  #mustBeClean({ logs, error }: RunResult): void {
    const [first] = logs
    this.#realm ??= first?.text
    if (first?.text !== this.#realm)
      throw new Error(
        `the realm of a run is not clean: ${first?.text} instead of ${this.#realm} (${error?.message})`,
      )
  }

  /** What the host tool was handed is what arrived, as data. */
  #mustHavePerformed(): void {
    const arrived = [...this.#arrivals.values()].flat().map(({ text }) => text)
    for (const args of this.#performed) {
      const at = arrived.findIndex((text) => isDeepStrictEqual(JSON.parse(text), args))
      if (at === -1)
        throw new Error(`the host tool was handed what never arrived: ${JSON.stringify(args).slice(0, 500)}`)
      arrived.splice(at, 1)
    }
  }

  async close(): Promise<void> {
    await (await this.#gate).close({ force: true })
  }
}

const scene: fc.Arbitrary<readonly Program[]> = fc.oneof(
  { weight: 6, arbitrary: fc.array(program, { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.array(soup, { minLength: 1, maxLength: 3 }) },
)

/** Programs of odd values, one or several at once in one cage. `entry`: a cage with a weaker kernel, for negative controls. */
export const fuzzDoor = async (effort: Effort, entry?: string): Promise<Report> => {
  const passage = new Passage(entry)
  const named = scene.map((one) =>
    Object.defineProperty([...one], fc.toStringMethod, {
      value: () =>
        one.map(({ code, ends }) => `${code}\n// ends: ${JSON.stringify(ends).slice(0, 300)}`).join('\n\n'),
    }),
  )
  try {
    return await campaign('door', named, (one) => passage.pass(one), effort, 50)
  } finally {
    await passage.close()
  }
}
