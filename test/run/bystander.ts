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
  #isWanted = true
  #answered = 0
  #awaited: { count: number; resolve: () => void } | undefined

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
    this.#answered += 1
    this.#firstAnswer.resolve()
    if (this.#awaited !== undefined && this.#answered >= this.#awaited.count) this.#awaited.resolve()
    return this.#isWanted
  }

  /** Resolves when so many more calls were answered; a measure of time that no busy machine falsifies. */
  turns(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#awaited = { count: this.#answered + count, resolve }
    return promise
  }

  /** Runs `attack` while the bystander goes on, and then lets it end. */
  async beside<T>(gate: Tollgate, attack: () => Promise<T>): Promise<Beside<T>> {
    const running = gate.run({ code: TOOL, policy: POLICY, principal: 'bystander' })
    await Promise.race([this.#firstAnswer.promise, running])
    const before = this.#answered
    try {
      const outcome = await attack()
      const answered = this.#answered - before
      this.#isWanted = false
      return { outcome, bystander: await running, answered }
    } finally {
      this.#isWanted = false
    }
  }
}
