import { createTollgate, type RunResult, type Tollgate, type TollgateOptions } from '../../src/index.ts'

/** A Tollgate that keeps nothing, without spare cages unless the test asks for them. */
export const openGate = (options: TollgateOptions = {}): Promise<Tollgate> =>
  createTollgate({ state: ':memory:', spareCages: 0, ...options })

/** Lets loopback servers be reached; everything else of the policy is the test's. */
export const LOOPBACK = { private_networks: ['127.0.0.0/8'] } as const

/** The facts of every refused call in the audit of a run, in order. */
export const refusalsOf = async (
  gate: Tollgate,
  { runId }: RunResult,
): Promise<readonly Readonly<Record<string, unknown>>[]> => {
  const records = await gate.audit.read({ runId })
  return records
    .filter(({ event, facts }) => event === 'call' && facts['verdict'] === 'deny')
    .map(({ facts }) => facts)
}
