/** The host under test: a real Tollgate with its state on disk, whose cages can be found and killed. */
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import { encodeFrame } from '../../src/cage/port.ts'
import { bestTier } from '../../src/cage/probe.ts'
import type { Tier } from '../../src/cage/tiers.ts'
import {
  createTollgate,
  defineTool,
  type HostTool,
  type Tollgate,
  type TollgateOptions,
} from '../../src/index.ts'
import { offspringOf, ProcessRoll, processesThatName } from './processes.ts'
import { makeWorld, type World } from './world.ts'

const CHECKOUT = join(import.meta.dirname, '..', '..')
const ENTRY = join(CHECKOUT, 'dist', 'cage', 'main.mjs')
/** What sends a call out of turn, in the place of a cage; a run asks for it by `security.profile: strict`, which no spare serves. */
const LIAR = join(CHECKOUT, 'test', 'fuzz', 'acting-cage.mjs')
const LIE = JSON.stringify({
  early: [],
  steps: [
    {
      kind: 'write',
      base64: encodeFrame({ t: 'call', slot: 1, seq: 7, handle: 0, op: 'tools.add' }, ['{}']).toString(
        'base64',
      ),
      times: 1,
    },
  ],
})

export type SoakHost = {
  readonly gate: Tollgate
  readonly tier: Tier
  /** What its runs read and write. */
  readonly world: World
  /** Says what happens when the run with this token has begun: it is cancelled, its cage is killed. Later runs forget it. */
  whenBegun(token: string, act: () => void): void
  forget(token: string): void
  /** Kills the cage that the run with this token is in, from outside: the box, or Node inside of it. */
  killCage(token: string, inside: boolean): void
  /** Cages that were started so far. */
  readonly launched: number
  /** Processes that belong to cages, by what is known of them and by their command line. */
  remaining(): readonly number[]
}

const tokenOf = (inputJson: string | undefined): string | undefined => {
  const input: unknown = JSON.parse(inputJson ?? 'null')
  return typeof input === 'object' && input !== null && 'token' in input ? String(input.token) : undefined
}

/** Cages by the tokens of the runs in them, and all processes of all cages. */
class Cages {
  readonly roll = new ProcessRoll()
  readonly #byToken = new Map<string, Cage>()
  launched = 0

  /** Follows a cage that was just launched. */
  follow(cage: Cage): Cage {
    this.launched += 1
    this.roll.note(cage.pid)
    const send = cage.send.bind(cage)
    cage.send = (frame, segments = []) => {
      const token = frame.t === 'start' ? tokenOf(segments[2]) : undefined
      if (token !== undefined) this.#byToken.set(token, cage)
      send(frame, segments)
    }
    let { onFrame } = cage
    return Object.defineProperty(cage, 'onFrame', {
      get: () => (frame: Parameters<Cage['onFrame']>[0], segments: readonly string[]) => {
        if (frame.t === 'ready') for (const pid of offspringOf(cage.pid).alive) this.roll.note(pid)
        onFrame(frame, segments)
      },
      set: (next: Cage['onFrame']) => {
        onFrame = next
      },
    })
  }

  forget(token: string): void {
    this.#byToken.delete(token)
  }

  kill(token: string, inside: boolean): void {
    const cage = this.#byToken.get(token)
    if (cage === undefined) throw new Error(`no cage serves ${token}`)
    process.kill(inside ? cage.nodePid() : cage.pid, 'SIGKILL')
  }
}

const toolsOf = (begun: ReadonlyMap<string, () => void>): readonly HostTool[] => [
  defineTool({
    name: 'begun',
    description: 'Hears that a run has begun.',
    input: z.strictObject({ token: z.string() }),
    output: z.null(),
    effect: 'read',
    perform: ({ token }) => {
      begun.get(token)?.()
      return null
    },
  }),
  defineTool({
    name: 'add',
    description: 'Adds two numbers.',
    input: z.strictObject({ a: z.number(), b: z.number() }),
    output: z.number(),
    effect: 'read',
    perform: ({ a, b }) => a + b,
  }),
  defineTool({
    name: 'note',
    description: 'Takes a note.',
    input: z.strictObject({ text: z.string() }),
    output: z.null(),
    effect: 'write',
    perform: () => null,
  }),
]

export type HostSetting = {
  /**
   * A folder of its own: the state lies in it, and the entry of the cages, so that their command lines name it. In the weakest tier
   * a cage may run as nobody, who must be able to enter it.
   */
  readonly folder: string
  readonly tier?: Tier
  /** Opens the gate; another one is passed in for negative controls. */
  readonly open?: (options: TollgateOptions) => Promise<Tollgate>
  /** Changes a cage that was just launched; for negative controls. */
  readonly weaken?: (cage: Cage) => Cage
}

/** Where the state of a host lies. */
export const stateOf = (folder: string): string => join(folder, 'state')

/** Opens a host with the best tier that there is, unless another is asked for. */
export const openHost = async ({
  folder,
  tier = bestTier(),
  open = createTollgate,
  weaken = (cage) => cage,
}: HostSetting): Promise<SoakHost> => {
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
  const entry = join(folder, 'main.mjs')
  copyFileSync(ENTRY, entry)
  const cages = new Cages()
  const begun = new Map<string, () => void>()
  const launch = (isLiar: boolean): Cage =>
    weaken(cages.follow(launchCage(isLiar ? { tier, entry: LIAR, argument: LIE } : { tier, entry })))
  const gate = await open({ state: stateOf(folder), tools: toolsOf(begun), powers: { launchCage: launch } })
  return {
    gate,
    tier,
    world: makeWorld(folder),
    whenBegun: (token, act) => void begun.set(token, act),
    forget(token) {
      begun.delete(token)
      cages.forget(token)
    },
    killCage: (token, inside) => cages.kill(token, inside),
    get launched() {
      return cages.launched
    },
    remaining: () => [...new Set([...cages.roll.remaining(), ...processesThatName(entry)])],
  }
}
