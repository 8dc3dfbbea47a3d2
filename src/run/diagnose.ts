import { createServer, type AddressInfo, type Server } from 'node:net'
import { launchCage, type Cage, type CageOptions } from '../cage/launch.ts'
import { attackEntry } from '../cage/parts.ts'
import { probeTiers } from '../cage/probe.ts'
import type { Tier, TierState } from '../cage/tiers.ts'

/** One thing that a program which has taken a cage over tried, and what came of it. */
export type AttackOutcome = { readonly name: string; readonly held: boolean; readonly detail: string }

/** What a tier is worth on this machine. */
export type TierReport = {
  readonly state: TierState
  /** What the box alone holds back, without Node's permission model before it; empty where the tier cannot be had. */
  readonly attacks: readonly AttackOutcome[]
}

export type Diagnosis = {
  readonly platform: string
  readonly node: string
  /** The strongest tier that can be had; cages are started in it. */
  readonly tier: Tier | undefined
  readonly tiers: readonly TierReport[]
}

/** A self-attack that takes longer is given up; what it did not report counts as not held. */
const ATTACK_MS_MAX = 60_000

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

/** How a hostile program is started in the place of a cage. */
export type BoxAttack = {
  readonly launch: (options: CageOptions) => Cage
  /** Node's own permission model stands before the box, as it does where cages run. */
  readonly hasPermissions: boolean
}

/**
 * Starts a cage whose entry is hostile and gathers what it reports; `hostPort` is what it tries to reach. The report is the
 * attacker's own: this one is ours. Throws INTERNAL_CAGE_START when the package was not built.
 */
export const attackBox = (
  tier: Tier,
  hostPort: number,
  { launch, hasPermissions }: BoxAttack = { launch: launchCage, hasPermissions: false },
): Promise<readonly AttackOutcome[]> => {
  const { promise, resolve } = Promise.withResolvers<readonly AttackOutcome[]>()
  const outcomes: AttackOutcome[] = []
  const cage = launch({
    entry: attackEntry(),
    tier,
    hasPermissions,
    argument: `${hostPort},${process.pid}`,
  })
  const timer = setTimeout(() => cage.kill(), ATTACK_MS_MAX)
  cage.onFrame = (frame, [text = '']) => {
    if (frame.t === 'log') outcomes.push(JSON.parse(text) as AttackOutcome)
    if (frame.t === 'done') cage.kill()
  }
  cage.onBreach = () => cage.kill()
  cage.onExit = () => {
    clearTimeout(timer)
    resolve(outcomes)
  }
  return promise
}

/**
 * Looks at every tier that this machine could give a cage, and attacks each from inside it. Takes a few seconds. Throws
 * INTERNAL_CAGE_START when the package was not built.
 */
export async function diagnose(): Promise<Diagnosis> {
  const server = createServer((socket) => socket.destroy())
  const hostPort = await listen(server)
  try {
    const tiers: TierReport[] = []
    for (const state of probeTiers()) {
      tiers.push({ state, attacks: state.available ? await attackBox(state.tier, hostPort) : [] })
    }
    const tier = tiers.findLast(({ state }) => state.available)?.state.tier
    return { platform: `${process.platform} ${process.arch}`, node: process.version, tier, tiers }
  } finally {
    server.close()
  }
}
