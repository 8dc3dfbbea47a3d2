import {
  FRAME_VERSION,
  type CageFrame,
  type CallFrame,
  type Fault,
  type LogLevel,
} from '../../runtime/abi/frames.ts'
import { ONLY_OP, REVOKE_OP, TIMER_OP, type StubEntry } from '../../runtime/abi/ops.ts'
import { launchCage, type Cage, type CageExit } from '../../src/cage/launch.ts'

/** Where virtual time begins in these tests: 2023-11-14T22:13:20Z. */
export const START_MS = 1_700_000_000_000

/** A call as the driver received it. */
export type SeenCall = {
  readonly seq: number
  readonly op: string
  readonly text: string
  readonly key?: string
  /** Absent: the run's own grant. */
  readonly handle?: number
}
/** What the host says to a call: a value, or an error of the given facts. */
export type Reply =
  | { readonly value: unknown }
  | { readonly error: Readonly<Record<string, unknown>> }
  | { readonly json: string }

/** One run. */
export type Scenario = {
  readonly code: string
  readonly input?: unknown
  /** Ops that are granted; `tools.add` is found at tools.add. */
  readonly ops?: readonly string[]
  /** Which of their objects have `only()`. */
  readonly branches?: readonly string[]
  readonly answer?: (call: SeenCall) => Reply | Promise<Reply> | undefined
  readonly seed?: [number, number, number, number]
  readonly memoryMb?: number
  readonly segmentMs?: number
  readonly logBytesMax?: number
  /** The driver kills the cage when the run takes longer. */
  readonly deadlineMs?: number
}

/** How a run ended, with all that was seen of it. */
export type Outcome = {
  readonly ok: boolean
  readonly value?: unknown
  /** The value as it crossed. */
  readonly text?: string
  readonly fault?: Fault
  readonly error?: { readonly name: string; readonly message: string; readonly stack: string }
  readonly refused?: number
  readonly calls: readonly SeenCall[]
  readonly timers: readonly number[]
  readonly logs: readonly { readonly level: LogLevel; readonly text: string }[]
  /** Set when the cage died before it said `done`. */
  readonly exit?: CageExit
  readonly tookMs: number
}

type Due = { readonly seq: number; readonly atMs: number }

/** The host's side of one run: answers calls, fires timers in virtual time, gathers what comes. */
class Run {
  readonly calls: SeenCall[] = []
  readonly timers: number[] = []
  readonly logs: { level: LogLevel; text: string }[] = []
  readonly #scenario: Scenario
  readonly #send: (seq: number, ok: boolean, atMs: number, json: string) => void
  #due: Due[] = []
  #nowMs = START_MS
  #waiting = 0

  constructor(scenario: Scenario, send: (seq: number, ok: boolean, atMs: number, json: string) => void) {
    this.#scenario = scenario
    this.#send = send
  }

  async take(frame: CallFrame, text: string): Promise<void> {
    const { seq, op, key, handle } = frame
    if (op === TIMER_OP) return this.#setTimer(seq, (JSON.parse(text) as { delayMs: number }).delayMs)
    const call = { seq, op, text, ...(key !== undefined && { key }), ...(handle !== 0 && { handle }) }
    this.calls.push(call)
    if (op === ONLY_OP || op === REVOKE_OP) return
    this.#waiting += 1
    const reply = await this.#scenario.answer?.(call)
    this.#waiting -= 1
    if (reply === undefined) return
    if ('error' in reply) this.#send(seq, false, this.#nowMs, JSON.stringify(reply.error))
    else this.#send(seq, true, this.#nowMs, 'json' in reply ? reply.json : JSON.stringify(reply.value))
    this.#schedule()
  }

  #setTimer(seq: number, delayMs: number): void {
    this.timers.push(delayMs)
    this.#due.push({ seq, atMs: this.#nowMs + delayMs })
    this.#schedule()
  }

  /** Fires the earliest timer once nothing else is under way. */
  #schedule(): void {
    setImmediate(() => {
      if (this.#waiting > 0) return
      this.#due = this.#due.toSorted((a, b) => a.atMs - b.atMs || a.seq - b.seq)
      const next = this.#due.shift()
      if (next === undefined) return
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.#send(next.seq, true, this.#nowMs, 'null')
      this.#schedule()
    })
  }
}

const stubsOf = (ops: readonly string[]): StubEntry[] => ops.map((op) => ({ path: op.split('.'), op }))

const reportOf = (frame: CageFrame & { t: 'done' }, text: string): Partial<Outcome> =>
  frame.ok
    ? { ok: true, value: JSON.parse(text) as unknown, text }
    : {
        ok: false,
        error: JSON.parse(text) as NonNullable<Outcome['error']>,
        ...(frame.fault !== undefined && { fault: frame.fault }),
        ...(frame.refused !== undefined && { refused: frame.refused }),
      }

/** Starts cages and runs tools in them, one run after the other; a cage that died is replaced for the next run. */
export class CageDriver {
  readonly #entry: string | undefined
  #cage: Cage | undefined
  #lastSlot = 0

  /** `entry` is another bundle than the project's own. */
  constructor(entry?: string) {
    this.#entry = entry
  }

  #launch(): Cage {
    const cage = launchCage(this.#entry === undefined ? {} : { entry: this.#entry })
    cage.send({ t: 'hello', v: FRAME_VERSION })
    this.#cage = cage
    return cage
  }

  /** The process id of the cage that runs now. */
  get pid(): number | undefined {
    return this.#cage?.pid
  }

  /** Rejects when the cage breaches. */
  run(scenario: Scenario): Promise<Outcome> {
    const cage = this.#cage ?? this.#launch()
    const slot = ++this.#lastSlot
    const startMs = performance.now()
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    const run = new Run(scenario, (seq, ok, atMs, json) =>
      cage.send({ t: 'deliver', slot, seq, ok, atMs }, [json]),
    )
    const timer = setTimeout(() => cage.kill(), scenario.deadlineMs ?? 10_000)
    const finish = (facts: Partial<Outcome>): void => {
      clearTimeout(timer)
      const { calls, timers, logs } = run
      resolve({ ok: false, calls, timers, logs, tookMs: performance.now() - startMs, ...facts })
    }
    cage.onFrame = (frame, [text = '']) => {
      if (frame.t === 'call') void run.take(frame, text)
      else if (frame.t === 'log') run.logs.push({ level: frame.level, text })
      else if (frame.t === 'done') finish(reportOf(frame, text))
    }
    cage.onBreach = (reason) => {
      cage.kill()
      reject(new Error(`breach: ${reason}`))
    }
    cage.onExit = (exit) => {
      if (this.#cage === cage) this.#cage = undefined
      finish({ exit })
    }
    const { code, input = null, ops = [], seed = [1, 2, 3, 4], memoryMb = 64, segmentMs = 1_000 } = scenario
    const { logBytesMax = 64 * 1024, branches = [] } = scenario
    cage.send({ t: 'start', slot, seed, atMs: START_MS, memoryMb, segmentMs, logBytesMax }, [
      JSON.stringify({ stubs: stubsOf(ops), branches: branches.map((at) => ({ path: at.split('.'), at })) }),
      code,
      JSON.stringify(input),
    ])
    return promise
  }

  /** The value of a tool whose body is given; throws when there is none. */
  async valueOf(body: string, scenario: Omit<Scenario, 'code'> = {}): Promise<unknown> {
    const outcome = await this.run({
      ...scenario,
      code: `export default async (input, capabilities) => { ${body} }`,
    })
    if (!outcome.ok) throw new Error(`no value: ${JSON.stringify(outcome.error ?? outcome.exit)}`)
    return outcome.value
  }

  close(): void {
    this.#cage?.kill()
  }
}
