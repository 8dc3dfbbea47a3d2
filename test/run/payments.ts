import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { canonicalJson } from '../../src/canonical/canonical-json.ts'
import { sha256 } from '../../src/digest/sha256.ts'
import { defineTool, type HostTool } from '../../src/index.ts'

/** Where payments really happen: a file, one line each, which no crash of the host undoes. */
export class World {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** What was paid, in order. */
  get paid(): readonly number[] {
    if (!existsSync(this.#path)) return []
    return readFileSync(this.#path, 'utf8').split('\n').filter(Boolean).map(Number)
  }

  pay(n: number): void {
    appendFileSync(this.#path, `${n}\n`)
  }

  /** A host tool that pays. `around` runs before and after. */
  tool(
    around: { readonly before?: (n: number) => unknown; readonly after?: (n: number) => unknown } = {},
  ): HostTool {
    return defineTool({
      name: 'pay',
      description: 'Pays once.',
      input: z.strictObject({ n: z.number() }),
      output: z.number(),
      effect: 'write',
      costUsd: 0.001,
      perform: async ({ n }) => {
        await around.before?.(n)
        this.pay(n)
        await around.after?.(n)
        return n
      },
    })
  }
}

/** What the records of a payment name as `request_sha256`. */
export const digestOfPayment = (n: number): string =>
  sha256(canonicalJson({ op: 'tools.pay', request: { tool: 'pay', arguments: { n } } }))

export const PAY_POLICY = {
  permissions: { tools: { pay: {} } },
  limits: { max_tool_calls: 10_000, max_cost_usd: 100, max_duration_seconds: 100 },
}

/** Pays from..to, each under a key of its own; the value says what became of each. */
export const PAY_ALL = `export default async ({ from, to }, { tools }) => {
  const outcomes = {}
  for (let n = from; n < to; n += 1) {
    try {
      outcomes[n] = await tools.pay({ n }, { idempotencyKey: 'payment-' + n })
    } catch ({ code, gate }) {
      outcomes[n] = code + '@' + gate
    }
  }
  return outcomes
}`
