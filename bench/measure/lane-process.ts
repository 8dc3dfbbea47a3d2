/** Entry of the process that embeds one contender. It ends when the benchmark does. */
import { laneActs, type LaneActs } from './lane-acts.ts'
import { killTree } from './process-tree.ts'

export type LaneRequest = { readonly id: number; readonly act: keyof LaneActs; readonly asked: unknown }
export type LaneAnswer = { readonly id: number; readonly value?: unknown; readonly failure?: string }

const answer = async ({ id, act, asked }: LaneRequest): Promise<LaneAnswer> => {
  try {
    const perform = laneActs[act] as (asked: unknown) => Promise<unknown>
    return { id, value: await perform(asked) }
  } catch (error) {
    return { id, failure: error instanceof Error ? error.message : String(error) }
  }
}

process.on('message', (request) => {
  void answer(request as LaneRequest).then((told) => process.send?.(told))
})
process.on('disconnect', () => killTree(process.pid))
// What a contender leaves unhandled is its own; the lane goes on as an embedder that logs would.
process.on('unhandledRejection', (error) => process.stderr.write(`unhandled: ${String(error)}\n`))
