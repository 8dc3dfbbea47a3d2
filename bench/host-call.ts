/**
 * What does one call of a tool cost, from the moment that the host tool answers until the tool's next call reaches it? That is
 * one whole turn: settle, seal, record, delivery, guest code, the door, decode, authorize, reserve, intend. Journal and audit are on disk.
 */
import { createTollgate, defineTool } from 'tollgate'
import { z } from 'zod'
import { openStateFolder, timeSubject, type Effort, type Measurement, type Question } from './question.ts'

const CONCURRENT = 100
const POLICY = {
  permissions: { tools: { turn: {}, write: { ask: 'never' } } },
  limits: {
    max_tool_calls: 1_000_000,
    max_duration_seconds: 600,
    max_cpu_seconds: 600,
    max_concurrent_calls: CONCURRENT,
  },
}

/** Keeps calls waiting until the next act of the benchmark, which ends when as many calls wait again. */
class Turnstile {
  readonly #atOnce: number
  #waiting: (() => void)[] = []
  #isFull = Promise.withResolvers<void>()
  #isOver = false

  constructor(atOnce: number) {
    this.#atOnce = atOnce
  }

  /** Called by the host tool. */
  async pass(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    if (this.#waiting.length === this.#atOnce) this.#isFull.resolve()
    await promise
    return this.#isOver
  }

  full(): Promise<void> {
    return this.#isFull.promise
  }

  /** Lets all that wait pass, and resolves when it is full again. */
  turn(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    this.#isFull = Promise.withResolvers()
    for (const resolve of waiting) resolve()
    return this.#isFull.promise
  }

  end(): void {
    this.#isOver = true
    for (const resolve of this.#waiting) resolve()
  }
}

type Part = {
  readonly what: string
  readonly tool: 'turn' | 'write'
  readonly atOnce: number
  readonly aimMs?: number
}

const measurePart = async ({ what, tool, atOnce, aimMs }: Part, effort: Effort): Promise<Measurement> => {
  const turnstile = new Turnstile(atOnce)
  const toolOf = (name: Part['tool'], effect: 'read' | 'write') =>
    defineTool({
      name,
      description: 'One turn.',
      input: z.strictObject({ n: z.int() }),
      output: z.boolean(),
      effect,
      perform: () => turnstile.pass(),
    })
  using state = openStateFolder()
  await using gate = await createTollgate({
    state: state.path,
    tools: [toolOf('turn', 'read'), toolOf('write', 'write')],
  })
  const call =
    atOnce === 1
      ? `await tools.${tool}({ n })`
      : `(await Promise.all(input.map(() => tools.${tool}({ n }))))[0]`
  const run = gate.run({
    code: `for (let n = 0; ; n++) if (${call}) return n`,
    input: Array.from({ length: atOnce }, () => 0),
    policy: POLICY,
  })
  await Promise.race([turnstile.full(), run])
  const measured = await timeSubject(
    { what, act: () => turnstile.turn(), ...(aimMs !== undefined && { aimMs }) },
    effort,
  )
  turnstile.end()
  const { status, error } = await run
  if (status !== 'done') throw new Error(`the run ended as ${status}: ${error?.message ?? ''}`)
  return measured
}

const measure = async (effort: Effort): Promise<readonly Measurement[]> => [
  await measurePart({ what: 'one read, then the next', tool: 'turn', atOnce: 1, aimMs: 0.25 }, effort),
  await measurePart(
    { what: `${CONCURRENT} reads at once, all of them`, tool: 'turn', atOnce: CONCURRENT },
    effort,
  ),
  await measurePart(
    { what: 'one write, then the next: intent and outcome synced', tool: 'write', atOnce: 1 },
    effort,
  ),
]

export const hostCall: Question = {
  name: 'host-call',
  asks: 'What does a call of a tool cost, with journal and audit on disk?',
  measure,
}
