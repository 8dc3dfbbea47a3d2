import type { Capability, Commit, Driver, DriverSetting } from '../capabilities/capability.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import { powersOf, type Powers } from './powers.ts'

/** What makes the drivers of a run differ from those of another. */
export type DriversOfRun = {
  /** Powers that belong to this run alone, by capability. */
  readonly own: Readonly<Record<string, unknown>>
  /** Those of the run that started this one: what a child stages is part of what its parent stages. */
  readonly above: RunDrivers | undefined
}

/** The drivers of one run: each opened at the first call that needs it, with its own powers and nothing else. */
export class RunDrivers {
  readonly #opened = new Map<string, Driver>()
  readonly #capabilities: ReadonlyMap<string, Capability>
  readonly #policy: CompiledPolicy
  readonly #setting: Omit<DriverSetting, 'powers'>
  readonly #powers: Powers
  readonly #ofRun: DriversOfRun

  constructor(
    capabilities: ReadonlyMap<string, Capability>,
    policy: CompiledPolicy,
    powers: Powers,
    setting: Omit<DriverSetting, 'powers'>,
    ofRun: DriversOfRun,
  ) {
    this.#capabilities = capabilities
    this.#policy = policy
    this.#powers = powers
    this.#setting = setting
    this.#ofRun = ofRun
  }

  get(name: string): Driver {
    const { own, above } = this.#ofRun
    if (above !== undefined && !Object.hasOwn(own, name)) return above.get(name)
    const opened = this.#opened.get(name)
    if (opened !== undefined) return opened
    const capability = this.#capabilities.get(name)
    const grant = this.#policy.grants.get(name)
    if (capability === undefined || grant === undefined)
      throw new TollgateError('DENIED_NOT_GRANTED', `The policy does not grant ${name}.`)
    const driver = capability.openDriver(grant, {
      ...this.#setting,
      powers: Object.hasOwn(own, name) ? own[name] : powersOf(this.#powers, name),
    })
    this.#opened.set(name, driver)
    return driver
  }

  /** The commits of what the run staged, in the order of the registry, but for those that come last: a refusal of another then finds them open. */
  staged(): readonly Commit[] {
    const all = [...this.#capabilities.keys()].flatMap((name) => this.#opened.get(name)?.staged?.() ?? [])
    return [...all.filter(({ comesLast }) => comesLast !== true), ...all.filter(({ comesLast }) => comesLast)]
  }

  async close(): Promise<void> {
    if (this.#opened.size > 0)
      await Promise.allSettled([...this.#opened.values()].map((driver) => driver.close()))
  }
}
