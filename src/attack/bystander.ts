import { setTimeout as wait } from 'node:timers/promises'
import * as z from 'zod'
import { defineTool, type HostTool, type RunResult, type Tollgate } from '../index.ts'
import type { BystanderSeen } from './evidence.ts'

const TOOL =
  'export default async (_, { tools }) => { while (await tools.still_wanted({})); return "went home" }'
const POLICY = {
  permissions: { tools: { still_wanted: {} } },
  limits: { max_tool_calls: 100_000, max_duration_seconds: 3_600, max_cpu_seconds: 3_600 },
}
/** Between two of its calls, in milliseconds. */
const PAUSE_MS = 10
const START_MS_MAX = 20_000

/** An honest run of another principal that calls the host again and again while attacks go on, and notices when it is kept waiting. */
export class Bystander {
  readonly tool: HostTool = defineTool({
    name: 'still_wanted',
    description: 'Whether the bystander should go on.',
    input: z.strictObject({}),
    output: z.boolean(),
    effect: 'read',
    perform: () => this.#answer(),
  })
  #running: Promise<RunResult | undefined> | undefined
  #isAlive = false
  #isWanted = true
  #answered = 0
  #longestWaitMs = 0
  /** When its latest call arrived. */
  #calledAtMs: number | undefined
  #first = Promise.withResolvers<void>()

  /** Starts it where it does not go on. Resolves when it does; rejects when it does not come up. */
  async start(gate: Tollgate, signal: AbortSignal): Promise<void> {
    if (this.#isAlive) return
    this.#first = Promise.withResolvers<void>()
    this.#calledAtMs = undefined
    this.#isAlive = true
    this.#isWanted = true
    this.#running = gate
      .run({ code: TOOL, policy: POLICY, principal: 'bystander', signal })
      .catch(() => undefined)
      .finally(() => {
        this.#isAlive = false
      })
    const late = wait(START_MS_MAX, undefined, { ref: false })
    await Promise.race([this.#first.promise, this.#running, late])
  }

  async #answer(): Promise<boolean> {
    this.#look()
    this.#calledAtMs = performance.now()
    this.#answered += 1
    this.#first.resolve()
    await wait(PAUSE_MS)
    return this.#isWanted
  }

  /** From one call to the next it means to wait for the pause, and for nothing else. */
  #look(): void {
    if (this.#calledAtMs === undefined) return
    this.#longestWaitMs = Math.max(this.#longestWaitMs, performance.now() - this.#calledAtMs - PAUSE_MS)
  }

  /** Forgets how it fared so far. */
  reset(): void {
    this.#answered = 0
    this.#longestWaitMs = 0
    if (this.#calledAtMs !== undefined) this.#calledAtMs = performance.now()
  }

  /** How it fared since the reset; what it waits for now counts too. */
  seen(): BystanderSeen {
    this.#look()
    return { isAlive: this.#isAlive, answered: this.#answered, longestWaitMs: this.#longestWaitMs }
  }

  /** Lets it end. */
  async stop(): Promise<RunResult | undefined> {
    this.#isWanted = false
    return await this.#running
  }
}
