import type { Capability, Commit, Driver, DriverSetting } from '../capabilities/capability.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'
import { powersOf, type Powers } from './powers.ts'

/** The drivers of one run: each opened at the first call that needs it, with its own powers and nothing else. */
export class RunDrivers {
  readonly #opened = new Map<string, Driver>()
  readonly #capabilities: ReadonlyMap<string, Capability>
  readonly #policy: CompiledPolicy
  readonly #setting: Omit<DriverSetting, 'powers'>
  readonly #powers: Powers

  constructor(
    capabilities: ReadonlyMap<string, Capability>,
    policy: CompiledPolicy,
    powers: Powers,
    setting: Omit<DriverSetting, 'powers'>,
  ) {
    this.#capabilities = capabilities
    this.#policy = policy
    this.#powers = powers
    this.#setting = setting
  }

  get(name: string): Driver {
    const opened = this.#opened.get(name)
    if (opened !== undefined) return opened
    const capability = this.#capabilities.get(name)
    const grant = this.#policy.grants.get(name)
    if (capability === undefined || grant === undefined)
      throw new TollgateError('DENIED_NOT_GRANTED', `The policy does not grant ${name}.`)
    const driver = capability.openDriver(grant, {
      ...this.#setting,
      powers: powersOf(this.#powers, name),
    })
    this.#opened.set(name, driver)
    return driver
  }

  /** The commits of what the run staged, capability by capability in the order of the registry. */
  staged(): readonly Commit[] {
    return [...this.#capabilities.keys()].flatMap((name) => this.#opened.get(name)?.staged?.() ?? [])
  }

  async close(): Promise<void> {
    if (this.#opened.size > 0)
      await Promise.allSettled([...this.#opened.values()].map((driver) => driver.close()))
  }
}
