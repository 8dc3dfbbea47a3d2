/** Rounds in which every contender has its turn, so that what happens to the machine happens to all. */
import type { Contender, Effort, Failure, Row } from '../question.ts'
import type { Ability, Rival } from '../rivals/rival.ts'
import type { LaneSetting } from './lane-acts.ts'
import { openLane, type Lane } from './lane.ts'

export const DEFAULTS: LaneSetting = { deadlineMs: 30_000, memoryMb: 128, runsAtOnce: 8 }

/** What a question does with one contender in a round. */
export type Turn<Taken> = (lane: Lane, round: number) => Promise<Taken>

export type Rounds<Taken> = {
  readonly what: string
  readonly effort: Effort
  readonly rounds: number
  readonly setting?: Partial<LaneSetting>
  /** Whoever is needed for a ratio has at least one turn, as Tollgate has, however late it is. */
  readonly must?: readonly string[]
  /** Without it a contender says why it cannot. */
  readonly needs?: Ability
  readonly turn: Turn<Taken>
  /** Makes the row of what the rounds took. */
  readonly conclude: (by: string, taken: readonly Taken[]) => Row
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Why somebody is not measured at all. */
const refusal = ({ rival, missing }: Contender, needs: Ability | undefined): string | undefined =>
  missing ?? (needs === undefined ? undefined : rival.cannot?.[needs])

class Stand<Taken> {
  readonly rival: Rival
  readonly taken: Taken[] = []
  lane: Lane | undefined
  failure: string | undefined

  constructor(contender: Contender, needs: Ability | undefined) {
    this.rival = contender.rival
    this.failure = refusal(contender, needs)
  }

  /** Does something with the lane; what fails once is out. */
  async attempt(work: (lane: Lane | undefined) => Promise<void>): Promise<void> {
    if (this.failure !== undefined) return
    try {
      await work(this.lane)
    } catch (error) {
      this.failure = messageOf(error)
    }
  }
}

/** Opens every contender, gives each its turn in every round, and closes them. One that fails is out, and its row says why. */
export const inRounds = async <Taken>(asked: Rounds<Taken>): Promise<readonly Row[]> => {
  const { what, effort, rounds, needs, turn, conclude } = asked
  const setting = { ...DEFAULTS, ...asked.setting }
  const stands = effort.contenders.map((contender) => new Stand<Taken>(contender, needs))
  // Nothing is measured yet, so they may start side by side.
  const opening = stands.map((stand) =>
    stand.attempt(async () => {
      stand.lane = await openLane(stand.rival, setting)
    }),
  )
  await Promise.all(opening)
  for (let round = 0; round < rounds; round += 1) {
    effort.progress(`${what}, round ${round + 1} of ${rounds}`)
    // Nobody always follows the same neighbour.
    const at = round % Math.max(1, stands.length)
    for (const stand of [...stands.slice(at), ...stands.slice(0, at)]) {
      const isMust = round === 0 && (stand === stands[0] || asked.must?.includes(stand.rival.name) === true)
      if (!isMust && performance.now() > effort.untilMs) continue
      await stand.attempt(async (lane) => {
        if (lane !== undefined) stand.taken.push(await turn(lane, round))
      })
    }
  }
  for (const { lane } of stands) await lane?.[Symbol.asyncDispose]()
  return stands.map(({ rival: { name: by }, taken, failure }) => {
    if (failure !== undefined || taken.length === 0)
      return { what, by, cannot: failure ?? 'the time was up' } satisfies Failure
    return conclude(by, taken)
  })
}

/** CPU milliseconds that some work on a lane cost. */
export const countingCpu = async <Value>(
  lane: Lane,
  work: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly cpuMs: number }> => {
  const before = lane.cpuMs()
  const value = await work()
  return { value, cpuMs: Math.max(0, lane.cpuMs() - before) }
}
