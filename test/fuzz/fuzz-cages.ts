/** A host whose cages were taken over: real processes that send whatever they like. */
import { join } from 'node:path'
import fc from 'fast-check'
import { z } from 'zod'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import { CODES, defineTool, type HostTool, type RunResult, type Tollgate } from '../../src/index.ts'
import type { Store } from '../../src/stores/ports.ts'
import { Bystander } from '../run/bystander.ts'
import { openGateOf } from '../run/gates.ts'
import { argumentOf, forecast, script, type Script } from './acting.ts'
import { campaign, untilHangs, type Effort, type Report } from './campaign.ts'
import { mustBeUntouched } from './host-realm.ts'
import { HELD_SECRET } from './wire.ts'

const ENTRY = join(import.meta.dirname, 'acting-cage.mjs')
/** Ends the scripts that wait for ever. */
const DURATION_SECONDS = 0.7
/** When a busy machine may have made a run late, it is tried again with so much time. */
const PATIENT_SECONDS = 5
const policyOf = (seconds: number): object => ({
  permissions: { tools: { count: {} } },
  secrets: { held: { from: 'env:HELD', bearer: {} } },
  limits: { max_duration_seconds: seconds, max_tool_calls: 50 },
})
/** These say that the host itself went wrong. */
const OUR_FAULT = new Set(['INTERNAL_ERROR', 'INTERNAL_STORE', 'CONFIG_USAGE'])
const RESULT_SIZE_MAX = 2 * 1024 * 1024

/** Each run has a script; `together`: they belong to one principal, so that they may come to share a process. */
type Scene = { readonly scripts: readonly Script[]; readonly together: boolean }

const scene: fc.Arbitrary<Scene> = fc.record({
  scripts: fc.array(script, { minLength: 1, maxLength: 3 }),
  together: fc.oneof(
    { weight: 3, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
})

class Late extends Error {}

/** What a process that ended is taken for, by its exit and what it said on standard error. */
const LOSSES = new Set(['INTERNAL_CAGE_LOST', 'GUEST_CRASHED', 'LIMIT_MEMORY'])
/** An answer that finds the process gone closes the port, and what was not read from it yet is lost. */
const mayBeLost = ({ acts }: Script): boolean =>
  acts.some(({ means }) => means === 'call') && acts.at(-1)?.step.kind !== 'read'

/** Changes a cage before the host gets it; for negative controls. */
export type Weaken = (cage: Cage) => Cage

/** What a run may end with at all. */
const mustBeCoded = ({ status, error, ...rest }: RunResult): void => {
  if (status !== 'done' && status !== 'failed') throw new Error(`a run ended as ${status}`)
  if (status === 'failed' && (error === undefined || !Object.hasOwn(CODES, error.code)))
    throw new Error(`a run failed without a code: ${JSON.stringify(error)}`)
  if (error !== undefined && OUR_FAULT.has(error.code))
    throw new Error(`a run ended with ${error.code}: ${error.message}`)
  const told = JSON.stringify({ error, rest })
  if (told.length > RESULT_SIZE_MAX) throw new Error('a result is without bounds')
  if (told.includes(HELD_SECRET)) throw new Error('a result tells a secret')
}

const mustBeForecast = (one: Script, { status, error }: RunResult, performed: number): void => {
  const { ends, callsMax } = forecast(one)
  if (callsMax !== undefined && performed > callsMax)
    throw new Error(`${performed} calls were performed, and ${callsMax} were in turn`)
  if (mayBeLost(one) && LOSSES.has(error?.code ?? '')) return
  const isBreach = error?.code === 'GUEST_BREACH'
  const ended = `${error?.code ?? status}: ${error?.message ?? ''}`
  const Failure = error?.code === 'LIMIT_DURATION' ? Late : Error
  if (ends === 'breach' && !isBreach) throw new Failure(`a breach ended as ${ended}`)
  // What came in one piece with a breach is lost with it.
  const mayBreach = one.acts.some(({ means }) => means === 'breach' || means === 'odd')
  const isAsSaid = status === ends || (isBreach && mayBreach)
  if ((ends === 'done' || ends === 'failed') && !isAsSaid)
    throw new Failure(`a run that is ${ends} ended as ${ended}`)
}

/** A real host with an honest run that goes on all the time; every other run is served by a process that acts out a script. */
class Stage {
  readonly #bystander = new Bystander()
  readonly #performed = new Map<string, number>()
  readonly #weaken: Weaken
  readonly #gate: Promise<Tollgate>
  readonly #crashes: string[] = []
  readonly #onCrash = (error: unknown): void =>
    void this.#crashes.push(error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error))
  #store: Store | undefined
  #scripts: readonly Script[] | undefined
  /** By the place of a run in its scene: the script that its cage acted out. */
  readonly #acted = new Map<number, Script>()
  #launches = 0
  #scenes = 0

  constructor(weaken: Weaken) {
    this.#weaken = weaken
    process.on('uncaughtException', this.#onCrash)
    process.on('unhandledRejection', this.#onCrash)
    this.#gate = this.#open()
  }

  #tool(): HostTool {
    return defineTool({
      name: 'count',
      description: 'Counts.',
      input: z.looseObject({}),
      output: z.number(),
      effect: 'read',
      perform: (_, { principal }) => {
        const performed = (this.#performed.get(principal) ?? 0) + 1
        this.#performed.set(principal, performed)
        return performed
      },
    })
  }

  async #open(): Promise<Tollgate> {
    const options = {
      tools: [this.#bystander.tool, this.#tool()],
      powers: { launchCage: () => this.#launch(), env: { HELD: HELD_SECRET } },
    }
    const gate = await openGateOf(options, (parts) => {
      this.#store = parts.setting.store
      return parts
    })
    await this.#bystander.start(gate)
    return gate
  }

  /** A script whose process was lost before the run began is acted out again by the next one. */
  #launch(): Cage {
    const scripts = this.#scripts
    if (scripts === undefined) return launchCage()
    const one = scripts[this.#launches % scripts.length] as Script
    this.#launches += 1
    const cage = launchCage({ entry: ENTRY, argument: argumentOf(one) })
    const send = cage.send.bind(cage)
    cage.send = (frame, segments = []) => {
      if (frame.t === 'start') this.#acted.set(Number(segments[2]), one)
      send(frame, segments)
    }
    return this.#weaken(cage)
  }

  async play(one: Scene): Promise<void> {
    try {
      await this.#play(one, DURATION_SECONDS)
    } catch (error) {
      if (!(error instanceof Late)) throw error
      await this.#play(one, PATIENT_SECONDS)
    }
  }

  async #play({ scripts, together }: Scene, seconds: number): Promise<void> {
    const gate = await this.#gate
    this.#scenes += 1
    this.#scripts = scripts
    this.#launches = 0
    this.#acted.clear()
    const policy = policyOf(seconds)
    const principals = scripts.map((_, at) => `p${this.#scenes}-${together ? 0 : at}`)
    const runs = principals.map((principal, input) =>
      gate.run({ code: 'return 1', policy, principal, input }),
    )
    const results = await untilHangs(Promise.all(runs), 'a run')
    await untilHangs(this.#bystander.turns(1), 'the turn of a bystander')
    results.forEach(mustBeCoded)
    for (const [at, result] of together ? [] : results.entries()) {
      const acted = this.#acted.get(at)
      if (acted !== undefined) mustBeForecast(acted, result, this.#performed.get(principals[at] ?? '') ?? 0)
    }
    mustBeUntouched()
    this.#mustStand()
  }

  #mustStand(): void {
    const [crash] = this.#crashes.splice(0)
    if (crash !== undefined) throw new Error(`the host was hit: ${crash}`)
  }

  /** Ends it, and throws when the honest run or the journal came to harm. */
  async close(): Promise<void> {
    const gate = await this.#gate
    try {
      const { status, error } = await untilHangs(this.#bystander.stop(), 'the bystander')
      if (status !== 'done') throw new Error(`the bystander ended with ${error?.code ?? status}`)
      const { intact } = await gate.audit.verify()
      if (!intact) throw new Error('the audit is broken')
      for (const { event } of this.#store?.journal.read({}) ?? []) {
        JSON.parse(event)
        if (event.includes(HELD_SECRET)) throw new Error('the journal tells a secret')
      }
    } finally {
      await gate.close({ force: true })
      process.off('uncaughtException', this.#onCrash)
      process.off('unhandledRejection', this.#onCrash)
    }
    this.#mustStand()
  }
}

const shown = (one: Scene): unknown => ({
  together: one.together,
  scripts: one.scripts.map(({ early, acts }) => ({ early: early.map(told), acts: acts.map(told) })),
})
const told = ({ step, means, shown: content }: Script['acts'][number]): unknown =>
  step.kind === 'write' ? `${means}: ${content}` : step

/** Cages that were taken over, one or several at once: each run ends with a code, the host stands, a bystander is served. */
export const fuzzCages = async (effort: Effort, weaken: Weaken = (cage) => cage): Promise<Report> => {
  const stage = new Stage(weaken)
  const named = scene.map((one) =>
    Object.defineProperty(one, fc.toStringMethod, { value: () => JSON.stringify(shown(one), null, 1) }),
  )
  const report = await campaign('cages', named, (one) => stage.play(one), effort, 25)
  try {
    await stage.close()
    return report
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { ...report, finding: report.finding ?? { seed: effort.seed, why, example: 'after all cases' } }
  }
}
