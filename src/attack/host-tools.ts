import { setTimeout as wait } from 'node:timers/promises'
import * as z from 'zod'
import { defineTool, type HostTool } from '../index.ts'

/** More than a call may bring back. */
const GIANT_SIZE = 40 * 1024 * 1024

/** The host tools that guests of the attack may be granted; what they do is what the host saw, whatever the guest says. */
export class HostTools {
  readonly reported: string[] = []
  readonly noted: unknown[] = []
  atOnceMax = 0
  refunds = 0
  erased = 0
  asked = 0
  #atOnce = 0

  /** Forgets what was done. */
  reset(): void {
    this.reported.length = 0
    this.noted.length = 0
    this.atOnceMax = 0
    this.refunds = 0
    this.erased = 0
    this.asked = 0
  }

  /** The human: says no, every time. */
  readonly approve = (): boolean => {
    this.asked += 1
    return false
  }

  readonly all: readonly HostTool[] = [
    defineTool({
      name: 'report',
      description: 'Takes what the guest got hold of and should not have.',
      input: z.strictObject({ got: z.string() }),
      output: z.null(),
      effect: 'read',
      perform: ({ got }) => {
        this.reported.push(got)
        return null
      },
    }),
    defineTool({
      name: 'note',
      description: 'Keeps data as it arrives.',
      input: z.strictObject({ data: z.unknown() }),
      output: z.unknown(),
      effect: 'read',
      costUsd: 0.001,
      perform: ({ data }) => this.#note(data),
    }),
    defineTool({
      name: 'giant',
      description: 'Answers at length.',
      input: z.strictObject({}),
      output: z.string(),
      effect: 'read',
      costUsd: 0.001,
      perform: () => 'x'.repeat(GIANT_SIZE),
    }),
    defineTool({
      name: 'refund',
      description: 'Pays money back.',
      input: z.strictObject({ cents: z.number() }),
      output: z.number(),
      effect: 'write',
      costUsd: 0.01,
      perform: () => (this.refunds += 1),
    }),
    defineTool({
      name: 'erase',
      description: 'Erases everything.',
      input: z.strictObject({ what: z.unknown() }),
      output: z.null(),
      effect: 'irreversible',
      perform: () => {
        this.erased += 1
        return null
      },
    }),
  ]

  async #note(data: unknown): Promise<unknown> {
    this.noted.push(data ?? null)
    this.#atOnce += 1
    this.atOnceMax = Math.max(this.atOnceMax, this.#atOnce)
    await wait(0)
    this.#atOnce -= 1
    return data ?? null
  }
}
