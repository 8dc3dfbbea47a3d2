import { z } from 'zod'
import { defineTool, type HostTool, type RunResult, type Tollgate } from '../../src/index.ts'

/** What came of an attack, and of the run that went on beside it. */
export type Beside<T> = {
  readonly outcome: T
  readonly bystander: RunResult
  /** Calls of the bystander that were answered while the attack went on. */
  readonly answered: number
}

const POLICY = {
  permissions: { tools: { still_wanted: {} } },
  limits: { max_tool_calls: 100_000, max_duration_seconds: 600, max_cpu_seconds: 600 },
}
const TOOL = `export default async (_, { tools }) => {
  let turns = 0
  while (await tools.still_wanted({})) {
    turns += 1
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return turns
}`

/** An honest run that goes on beside an attack and calls the host again and again; its tool must be among the gate's. */
export class Bystander {
  readonly tool: HostTool
  readonly #firstAnswer = Promise.withResolvers<void>()
  #running: Promise<RunResult> | undefined
  #isWanted = true
  #awaited: { count: number; resolve: () => void } | undefined
  /** Calls that were answered so far. */
  answered = 0

  constructor() {
    this.tool = defineTool({
      name: 'still_wanted',
      description: 'Whether the bystander should go on.',
      input: z.strictObject({}),
      output: z.boolean(),
      effect: 'read',
      perform: () => this.#answer(),
    })
  }

  #answer(): boolean {
    this.answered += 1
    this.#firstAnswer.resolve()
    if (this.#awaited !== undefined && this.answered >= this.#awaited.count) this.#awaited.resolve()
    return this.#isWanted
  }

  /** Resolves when it goes on. */
  async start(gate: Tollgate): Promise<void> {
    this.#running = gate.run({ code: TOOL, policy: POLICY, principal: 'bystander' })
    await Promise.race([this.#firstAnswer.promise, this.#running])
  }

  /** Lets it end, and resolves to its result. */
  async stop(): Promise<RunResult> {
    this.#isWanted = false
    if (this.#running === undefined) throw new Error('the bystander was not started')
    return this.#running
  }

  /** Resolves when so many more calls were answered; a measure of time that no busy machine falsifies. */
  turns(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#awaited = { count: this.answered + count, resolve }
    return promise
  }

  /** Runs `attack` while the bystander goes on, and then lets it end. */
  async beside<T>(gate: Tollgate, attack: () => Promise<T>): Promise<Beside<T>> {
    await this.start(gate)
    const before = this.answered
    try {
      const outcome = await attack()
      const answered = this.answered - before
      return { outcome, bystander: await this.stop(), answered }
    } finally {
      this.#isWanted = false
    }
  }
}
