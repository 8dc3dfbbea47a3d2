/** A guest that makes one request after another and tells what came of each, whatever it was. */
import type { RunResult, Tollgate } from '../../src/index.ts'
import { LOOPBACK } from './gate.ts'

/** One request, as the guest hands it to `http.request`. */
export type Asked = {
  readonly url: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly redirect?: string
  readonly timeoutMs?: number
  readonly idempotencyKey?: string
}

/** What the guest saw of it: an answer, or the error that it caught. */
export type Seen = {
  readonly status?: number
  readonly url?: string
  readonly text?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly code?: string
  readonly gate?: string
  readonly message?: string
  readonly hint?: string
}

const PROGRAM = `
  const seen = []
  for (const asked of input) {
    try {
      const answer = await http.request(asked)
      seen.push({ status: answer.status, url: answer.url, headers: answer.headers.entries(), text: await answer.text() })
    } catch ({ code, gate, message, hint }) {
      seen.push({ code, gate, message, hint })
    }
  }
  return seen`

/** A policy with so much of `permissions.http`, for loopback servers, and room for many calls. */
export const httpPolicy = (http: object, rest: object = {}): object => ({
  permissions: { http: { ...LOOPBACK, ...http } },
  limits: { max_tool_calls: 500, max_output_kb: 4096 },
  ...rest,
})

export type Told = { readonly seen: readonly Seen[]; readonly result: RunResult }

/** Runs the guest. Throws when it did not come to its end, for then nothing was proven. */
export const ask = async (gate: Tollgate, policy: object, asked: readonly Asked[]): Promise<Told> => {
  const result = await gate.run({ code: PROGRAM, policy, input: asked })
  if (result.status !== 'done') throw new Error(`the guest did not finish: ${JSON.stringify(result.error)}`)
  return { seen: result.value as Seen[], result }
}

/** The code and the gate of each refusal: `DENIED_URL at authorize`; of an answer its status. */
export const verdicts = (seen: readonly Seen[]): readonly string[] =>
  seen.map(({ status, code, gate }) => (status === undefined ? `${code} at ${gate}` : String(status)))
