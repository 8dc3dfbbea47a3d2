/** How long does a whole run of a trivial tool take, in a Tollgate that is started? Each run has a fresh isolate. */
import { setTimeout as wait } from 'node:timers/promises'
import { createTollgate, definePolicy } from 'tollgate'
import { openStateFolder, timeSubject, type Effort, type Measurement, type Question } from './question.ts'

/** Long enough for what a Tollgate prepares between runs. */
const PAUSE_MS = 25
const FRESH_CAGE_PAUSE_MS = 250

const measure = async (effort: Effort): Promise<readonly Measurement[]> => {
  using state = openStateFolder()
  await using gate = await createTollgate({ state: state.path })
  const policy = definePolicy({ limits: { max_tool_calls: 1 } })
  const run = async (principal = 'local'): Promise<void> => {
    const { status } = await gate.run({ code: 'export default (n) => n + 1', input: 1, policy, principal })
    if (status !== 'done') throw new Error(`a run ended as ${status}`)
  }
  let strangers = 0
  const pause = (ms: number) => async (): Promise<void> => {
    await wait(ms)
  }
  return [
    await timeSubject({ what: 'run(), one after the other', aimMs: 6, act: () => run() }, effort),
    await timeSubject(
      { what: `run(), one every ${PAUSE_MS} ms`, aimMs: 6, act: () => run(), beforeEach: pause(PAUSE_MS) },
      effort,
    ),
    await timeSubject(
      {
        what: 'run() for a new principal: a fresh process too',
        act: () => run(`stranger ${(strangers += 1)}`),
        beforeEach: pause(FRESH_CAGE_PAUSE_MS),
      },
      { ...effort, samplesMin: Math.ceil(effort.samplesMin / 4) },
    ),
  ]
}

export const coldRun: Question = {
  name: 'cold-run',
  asks: 'How long does a whole run of a trivial tool take in a started Tollgate, with a fresh isolate each?',
  measure,
}
